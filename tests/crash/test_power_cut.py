"""Power cuts: disk images rebuilt from logged writes, those after a file's last sync kept or lost by a coin.

A page cache does not lie about order within one file after a sync; before it anything goes. Acknowledged commits
must be in every image, whole streams without gaps, rows as the events say.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.events.codec import Codec
from journeyman.events.events import (
    ContextChanged,
    MessageAdded,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunFinished,
    ToolCallFinished,
)
from journeyman.events.messages import assistant, user
from journeyman.events.streams import thread_stream
from journeyman.journal.journal import Append, Batch, IdempotencyClaim
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences

draft = Codec().draft
_names = itertools.count()


class Disk(apsw.VFS):
    """Passes everything on to the real file system and logs what a disk would see."""

    def __init__(self) -> None:
        self.name = f"disk{next(_names)}"
        self.log: list[tuple[Any, ...]] = []
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Platter:
        return Platter(self.log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.log.append(("delete", Path(filename).name))


class Platter(apsw.VFSFile):
    def __init__(self, log: list[tuple[Any, ...]], name: Any, flags: list[int]) -> None:
        self._log = log
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(filename).name if filename else ""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._log.append(("write", self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._log.append(("truncate", self._name, size))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._log.append(("sync", self._name))


@contextmanager
def disk() -> Iterator[Disk]:
    vfs = Disk()
    try:
        yield vfs
    finally:
        vfs.unregister()


def image(log: list[tuple[Any, ...]], cut: int, rng: random.Random) -> dict[str, bytes]:
    """The files as a cut before log[cut] may leave them."""
    synced = {operation[1]: index for index, operation in enumerate(log[:cut]) if operation[0] == "sync"}
    files: dict[str, bytearray] = {}
    for index, operation in enumerate(log[:cut]):
        if operation[0] == "delete":
            files.pop(operation[1], None)
        elif operation[0] in ("write", "truncate") and (index < synced.get(operation[1], -1) or rng.random() < 0.5):
            _apply(files.setdefault(operation[1], bytearray()), operation)
    return {name: bytes(data) for name, data in files.items()}


def _apply(data: bytearray, operation: tuple[Any, ...]) -> None:
    if operation[0] == "truncate":
        del data[operation[2] :]
        return
    offset, written = operation[2], operation[3]
    data.extend(b"\0" * (offset - len(data)))
    data[offset : offset + len(written)] = written


async def work(journal: SqliteJournal, log: list[tuple[Any, ...]]) -> None:
    """Forty runs on eight threads, five at a time; each acknowledgement is marked in the log."""

    async def commit(*appends: Append, claim: IdempotencyClaim | None = None) -> None:
        done = await journal.commit(Batch(at=1, appends=appends, claim=claim, max_queued=99))
        log.append(("ack", [(entry.stream, entry.seq, entry.data) for entry in done.entries]))

    async def live(number: int) -> None:
        run, thread = f"r{number}", f"ann/t{number % 8}"
        event = RunAccepted(thread=thread, principal="ann", input=user("x" * 300), context={"n": number})
        claim = IdempotencyClaim(principal="ann", route="/", key=run, body_hash="h", made=run, expires=10**9)
        await commit(Append(stream=run, drafts=(draft(event),)), claim=claim)
        while (row := await journal.run(run)) is None or row.status != "running":
            await asyncio.sleep(0)
        await commit(Append(stream=thread_stream(thread), drafts=(draft(MessageAdded(message=user("note"))),)))
        steps = (
            ModelCalled(call="m1", model="m", first_no=1 + number // 8),
            ModelReplied(call="m1", model="m", message=assistant("y" * 500)),
            ToolCallFinished(call="m1.0", call_id="c", tool="t", result="z" * 2000),
            ContextChanged(scope="global", patch={run: number}),
            RunFinished(output="done"),
        )
        for step in steps:
            await commit(Append(stream=run, epoch=1, drafts=(draft(step),)))

    numbers = iter(range(40))

    async def worker() -> None:
        for number in numbers:
            await live(number)

    await asyncio.gather(*(worker() for _ in range(5)))


async def record(folder: Path, synchronous: Any) -> list[tuple[Any, ...]]:
    with disk() as vfs:
        journal = SqliteJournal(
            folder / "journal.db", vfs=vfs.name, synchronous=synchronous, checkpoint_pages=60, batch_size=4
        )
        await journal.open()
        await work(journal, vfs.log)
        await journal.close()
        return vfs.log


async def lost(log: list[tuple[Any, ...]], cut: int, rng: random.Random, folder: Path) -> int:
    """How many acknowledged entries are missing after a cut and a restart; everything else wrong raises."""
    folder.mkdir()
    for name, data in image(log, cut, rng).items():
        (folder / name).write_bytes(data)
    journal = SqliteJournal(folder / "journal.db")
    await journal.open()
    await journal.close()
    db = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert db.pragma("integrity_check") == "ok"
    assert list(differences(db)) == []
    rows = db.execute("SELECT s.name, e.seq, e.data FROM events e JOIN streams s ON s.no = e.stream")
    found = set(rows)
    db.close()
    acknowledged = [entry for operation in log[:cut] if operation[0] == "ack" for entry in operation[1]]
    return sum(entry not in found for entry in acknowledged)


async def cuts(log: list[tuple[Any, ...]], count: int, folder: Path) -> list[int]:
    rng = random.Random(7)
    places = [len(log) * number // count + rng.randrange(max(1, len(log) // count)) for number in range(count)]
    return [await lost(log, min(cut, len(log)), rng, folder / f"cut{number}") for number, cut in enumerate(places)]


async def test_no_acknowledged_commit_is_lost_in_forty_power_cuts(tmp_path: Path) -> None:
    log = await record(tmp_path, "FULL")
    assert sum(operation[0] == "ack" for operation in log) == 280
    assert await cuts(log, 40, tmp_path) == [0] * 40


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_no_acknowledged_commit_is_lost_in_four_hundred_power_cuts(tmp_path: Path) -> None:
    log = await record(tmp_path, "FULL")
    assert await cuts(log, 400, tmp_path) == [0] * 400


async def test_the_harness_sees_the_losses_of_a_weaker_setting(tmp_path: Path) -> None:
    log = await record(tmp_path, "NORMAL")
    assert sum(await cuts(log, 15, tmp_path)) > 0
