"""A journal is whole, or the line that says what is wrong names the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.events.events import ApprovalRequested, ContextChanged, RunPaused
from journeyman.events.streams import principal_stream
from journeyman.journal.journal import Append, Batch
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences, verify_journal
from tests.harness.sqlite_batches import accept, draft, end, say

# What is changed -> how a line about it begins.
DAMAGES = {
    "UPDATE runs SET status = 'failed'": "run r1: the events say {'status': 'paused'}, the row says {'status': 'failed",
    "UPDATE runs SET agent = 'x', trace_id = 'y'": (
        "run r1: the events say {'agent': None, 'trace_id': None}, the row says {'agent': 'x', 'trace_id': 'y'}"
    ),
    "DELETE FROM runs": "run r1: the events make it, but there is no such row",
    "UPDATE threads SET window_from = 7": "thread ann/r1: the events say {'window_from': 1}",
    """UPDATE threads SET context = '{"a":1}'""": "thread ann/r1: the events say {'context': {}}, the row says",
    "DELETE FROM threads": "thread ann/r1: the events make it",
    "DELETE FROM messages": "message ann/r1 1: the events make it",
    "UPDATE messages SET seq = 2 WHERE no = 1": "message ann/r1 1: the events say {'seq': 1}",
    "INSERT INTO messages VALUES (77, 1, 1, 1)": "message 77 1: no event makes this row",
    "UPDATE approvals SET data = replace(data, 'may I', 'must I') WHERE id = 'appr_a'": (
        "approval appr_a: the events say {'data.message': 'may I?'}, the row says {'data.message': 'must I?'}"
    ),
    "UPDATE approvals SET data = x'ff' WHERE id = 'appr_a'": "approval appr_a: the row cannot be read",
    "UPDATE approvals SET answer = 'deny' WHERE id = 'appr_b'": "approval appr_b: the events say {'answer': None}",
    "DELETE FROM approvals WHERE id = 'appr_b'": "approval appr_b: the events make it",
    """UPDATE contexts SET data = '{"a":2}'""": "context ann: the events say {'data.a': 1}, the row says {'data.a': 2}",
    "INSERT INTO contexts VALUES ('bob', '{}')": "context bob: no event makes this row",
    "INSERT INTO pending (thread, stream, seq) VALUES (2, 1, 1)": "waiting message ann/r1: no event makes this row",
    "UPDATE events SET seq = 9 WHERE seq = 3": "stream r1: event 9 follows",
    "DELETE FROM events WHERE seq = 2": "stream r1: event 3 follows 1",
    "DELETE FROM streams WHERE name = 'r1'": "stream number 1: it has event 1, but no name",
    "UPDATE events SET type = 'nonsense' WHERE seq = 2": "run r1: event 2 is not as it was written",
    "UPDATE events SET type = 'nonsense', checksum = NULL WHERE seq = 2": "run r1: The journal holds an event of",
    "UPDATE events SET v = 99, checksum = NULL WHERE seq = 2": "run r1: The journal holds run_started version 99",
    "UPDATE events SET data = replace(data, 'may I', 'can I') WHERE seq = 3": "run r1: event 3 is not as it was",
    "UPDATE events SET data = x'ff', checksum = NULL WHERE seq = 3": "run r1: The journal holds a approval_req",
    "UPDATE events SET at = at + 1 WHERE type = 'context_changed'": "stream principal:ann: event 1 is not as it was",
    """UPDATE events SET data = '{"x":', checksum = NULL WHERE type = 'context_changed'""": "stream principal:ann",
}


def ask(run: str, *approvals: str) -> Batch:
    drafts = [
        draft(
            ApprovalRequested(
                approval=id,
                kind="tool",
                call=id,
                tool="pay",
                arguments={},
                message="may I?",
                args_hash="",
                decisions=(),
            )
        )
        for id in approvals
    ]
    paused = draft(RunPaused(waiting_for=approvals))
    return Batch(at=2, appends=(Append(stream=run, drafts=(*drafts, paused), epoch=1),))


@pytest.fixture
async def closed(journal: SqliteJournal, path: Path) -> Path:
    """A journal with a paused run that asks twice, the later id first, and a context."""
    await journal.commit(accept("r1"))
    await journal.commit(ask("r1", "appr_b", "appr_a"))
    changed = draft(ContextChanged(scope="global", patch={"a": 1}))
    await journal.commit(Batch(at=2, appends=(Append(stream=principal_stream("ann"), drafts=(changed,)),)))
    await journal.close()
    return path


def change(path: Path, *statements: str) -> None:
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("damage", list(DAMAGES))
async def test_each_kind_of_damage_is_named(damage: str, closed: Path) -> None:
    assert verify_journal(closed, 10) == []
    change(closed, damage)
    lines = verify_journal(closed, 10)
    assert any(line.startswith(DAMAGES[damage]) for line in lines), lines


async def test_a_page_that_is_damaged_is_named(closed: Path) -> None:
    data = bytearray(closed.read_bytes())
    db = apsw.Connection(str(closed))
    page: Any = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()
    db.close()
    start = (page[0] - 1) * 4096
    data[start : start + 200] = bytes(200)
    closed.write_bytes(data)
    closed.with_name(f"{closed.name}-wal").unlink(missing_ok=True)
    try:
        assert verify_journal(closed, 10) != []
    except StorageError as exc:
        assert "is damaged" in exc.message  # noqa: PT017


async def test_bytes_that_another_release_wrote_are_no_damage(closed: Path) -> None:
    """Events without a checksum, and JSON with other spaces, other orders and fields that are left out today."""
    change(
        closed,
        "UPDATE events SET checksum = NULL",
        """UPDATE contexts SET data = '{ "a" : 1 }'""",
        "UPDATE threads SET context = '{ }', pinned = '[]', meta = ' {}'",
        "UPDATE runs SET reserved = '{}', epoch = 7",
        "UPDATE approvals SET data = replace(data, ':', ' : ')",
    )
    assert verify_journal(closed, 10) == []


async def test_an_erasure_that_was_interrupted_is_no_damage(journal: SqliteJournal, path: Path) -> None:
    for number in range(3):
        await journal.commit(accept(f"r{number}", thread="ann/t"))
        await journal.commit(say(f"r{number}", "hello"))
        await journal.commit(end(f"r{number}"))
    await journal.commit(accept("other"))
    await journal._writing().call(lambda transactions: transactions.begin_erasure("ann/t", 9, "ann"))
    found = [verify_journal(path, 10)]
    tables = journal._writing()._tables
    gone = False
    while not gone:  # one row at a time
        gone = await journal._writing().call(lambda _: tables.erase_some("ann/t", 1))
        found.append(verify_journal(path, 10))
    assert len(found) > 10
    assert found == [[]] * len(found)


async def test_progress_grows_to_one(closed: Path) -> None:
    parts: list[float] = []
    assert verify_journal(closed, 10, parts.append) == []
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


async def test_the_temporary_tables_are_gone_afterwards(closed: Path) -> None:
    db = apsw.Connection(str(closed))
    assert list(differences(db)) == []
    assert db.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
    db.close()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises((ConfigurationError, StorageError)):
        verify_journal(tmp_path / "nothing.db", 10)
