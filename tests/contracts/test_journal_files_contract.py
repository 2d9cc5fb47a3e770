"""What every journal keeps of files: whose they are, which threads name them, and when none does any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.errors import NotFoundError, StateError
from journeyman.events.codec import Codec
from journeyman.events.events import Event, MessageAdded, RunAccepted, RunFinished, RunForked, ToolCallFinished
from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, user
from journeyman.events.streams import ThreadRef, thread_stream
from journeyman.journal.journal import Append, Batch, Committed, FileRow, Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal

draft = Codec().draft
T, OTHER = "ann/t", "ann/u"
DAY = 86_400_000_000
NEVER = 10**18


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    journal: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    yield journal
    await journal.close()


def row(id: str, principal: str = "ann", size: int = 10, at: int = 1, sha256: str = "") -> FileRow:
    return FileRow(
        id=id,
        principal=principal,
        sha256=sha256 or f"sha of {id}",
        size=size,
        media_type="image/png",
        name="a.png",
        width=1,
        height=2,
        added_at=at,
        unused_since=at,
    )


async def add(journal: Journal, *rows: FileRow, most: int = 10**9, at: int = 1) -> Committed:
    return await journal.commit(Batch(at=at, appends=(), files=rows, most_file_bytes=most))


def picture(*ids: str) -> Message:
    return Message(role="user", content=(TextPart("see"), *(ImagePart(file=id) for id in ids)))


async def accept(journal: Journal, run: str, message: Message, thread: str = T, **more: Any) -> None:
    event = RunAccepted(thread=thread, principal=ThreadRef.parse(thread).principal, input=message, agent="a", **more)
    await journal.commit(Batch(at=2, appends=(Append(stream=run, drafts=(draft(event),)),)))


async def step(journal: Journal, run: str, *events: Event) -> None:
    append = Append(stream=run, drafts=tuple(map(draft, events)), epoch=1, known=100)
    await journal.commit(Batch(at=3, appends=(append,)))


async def collected(journal: Journal, before: int = NEVER) -> list[str]:
    return sorted(await journal.collect_files(before, 100))


async def test_a_file_is_kept_with_all_that_is_known_of_it(journal: Journal) -> None:
    await add(journal, row("f1"))
    assert await journal.file("f1") == row("f1")
    assert await journal.file_with("ann", "sha of f1") == row("f1")
    assert await journal.file("f2") is await journal.file_with("bob", "sha of f1") is None


async def test_equal_bytes_of_one_principal_are_one_file_and_of_two_are_two(journal: Journal) -> None:
    await add(journal, row("f1", sha256="s"))
    await add(journal, row("f2", sha256="s", at=7), row("f3", "bob", sha256="s"))
    assert await journal.file("f2") is None
    assert await journal.file("f1") == msgspec.structs.replace(row("f1", sha256="s"), unused_since=7)
    assert await journal.file("f3") == row("f3", "bob", sha256="s")


async def test_space_is_counted_by_principal_and_small_files_count_a_block(journal: Journal) -> None:
    await add(journal, row("f1", size=5000), row("f2", size=1), row("f3", "bob"))
    assert (await journal.file_bytes("ann"), await journal.file_bytes("bob")) == (9096, 4096)
    await collected(journal)
    assert await journal.file_bytes("ann") == await journal.file_bytes("carl") == 0


async def test_a_file_beyond_the_space_is_refused_and_one_that_is_there_is_not(journal: Journal) -> None:
    await add(journal, row("f1", size=5000), most=5000)
    with pytest.raises(StateError) as refused:
        await add(journal, row("f2"), most=9095)
    assert refused.value.code == "files_full"
    assert await journal.file("f2") is None
    await add(journal, row("again", sha256="sha of f1"), most=1)
    await add(journal, row("f3", "bob"), most=4096)
    with pytest.raises(StateError):
        await add(journal, row("f4", "carl"), row("f5", "carl"), most=8191)


async def test_an_unused_file_is_collected_once_it_is_old(journal: Journal) -> None:
    await add(journal, row("f1", at=1), row("f2", at=DAY))
    assert await collected(journal, DAY) == ["f1"]
    assert await journal.file("f1") is None
    assert await collected(journal, DAY) == []
    assert await collected(journal, DAY + 1) == ["f2"]


async def test_collection_takes_a_bounded_number_the_oldest_first(journal: Journal) -> None:
    await add(journal, row("f1", at=3), row("f2", at=1), row("f3", at=2))
    assert list(await journal.collect_files(NEVER, 2)) == ["f2", "f3"]


@pytest.mark.parametrize("where", ["input", "message", "result", "queued"])
async def test_a_file_that_an_event_names_is_never_collected(journal: Journal, where: str) -> None:
    await add(journal, row("f1"))
    await accept(journal, "r1", picture("f1") if where == "input" else user("hi"))
    if where == "queued":
        await accept(journal, "r2", picture("f1"))
    elif where == "message":
        await step(journal, "r1", MessageAdded(message=picture("f1")))
    elif where == "result":
        files = (FilePart(file="f1", name="a.png"),)
        await step(journal, "r1", ToolCallFinished(call="m1.1", call_id="c", tool="t", result="", files=files))
    assert await collected(journal) == []
    assert (await journal.file("f1")) == msgspec.structs.replace(row("f1"), unused_since=None)


async def test_a_message_without_a_run_names_files_too(journal: Journal) -> None:
    await add(journal, row("f1"))
    await accept(journal, "r1", user("hi"))
    append = Append(stream=thread_stream(T), drafts=(draft(MessageAdded(message=picture("f1"))),))
    await journal.commit(Batch(at=2, appends=(append,)))
    assert await collected(journal) == []


async def test_files_go_with_their_last_thread_at_once(journal: Journal) -> None:
    await add(journal, row("f1"), row("f2"))
    await accept(journal, "r1", picture("f1", "f2"))
    await accept(journal, "r2", picture("f2"), OTHER)
    await step(journal, "r1", RunFinished())
    await step(journal, "r2", RunFinished())
    assert await journal.erase_thread(T, 5, "ann")
    assert await collected(journal, before=1) == ["f1"]
    assert await journal.erase_thread(OTHER, 5, "ann")
    assert await collected(journal, before=1) == ["f2"]
    assert await journal.file_bytes("ann") == 0


async def test_a_file_that_is_uploaded_again_after_the_erasure_waits_a_day(
    journal: Journal,
) -> None:
    await add(journal, row("f1"))
    await accept(journal, "r1", picture("f1"))
    await step(journal, "r1", RunFinished())
    await journal.erase_thread(T, 5, "ann")
    await add(journal, row("f2", sha256="sha of f1", at=9))
    assert await collected(journal, before=9) == []
    assert await collected(journal, before=10) == ["f1"]


@pytest.mark.parametrize("owner", ["bob", None])
async def test_a_file_of_another_and_one_that_is_not_there_are_refused_alike(
    journal: Journal, owner: str | None
) -> None:
    if owner:
        await add(journal, row("f1", owner))
    with pytest.raises(NotFoundError, match="There is no file 'f1'") as refused:
        await accept(journal, "r1", picture("f1"))
    assert refused.value.code == "file_not_found"
    assert await journal.run("r1") is None
    await accept(journal, "r1", user("hi"))
    append = Append(stream=thread_stream(T), drafts=(draft(MessageAdded(message=picture("f1"))),))
    with pytest.raises(NotFoundError):
        await journal.commit(Batch(at=2, appends=(append,)))


async def test_a_fork_names_the_files_of_what_it_copied(journal: Journal) -> None:
    await add(journal, row("f1"))
    await accept(journal, "r1", picture("f1"))
    entries = await journal.read("r1")
    first = msgspec.structs.replace(entries[0].event, thread=OTHER, copied=2)
    drafts = (draft(first), draft(entries[1].event), draft(RunForked(parent="r1", at=2)))
    append = Append(stream="r2", drafts=drafts, times=(1, 2))
    await journal.commit(Batch(at=4, appends=(append,)))
    await step(journal, "r1", RunFinished())
    await journal.erase_thread(T, 5, "ann")
    assert await collected(journal) == []


async def test_the_size_of_the_journal_includes_its_files(journal: Journal) -> None:
    before = await journal.size()
    await add(journal, row("f1", size=10**7))
    assert (await journal.size()).bytes - before.bytes >= 10**7


async def test_references_are_made_of_the_events_alone(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    await journal.open()
    await add(journal, row("f1"))
    await accept(journal, "r1", picture("f1"))
    await journal.close()
    (damage,) = verify_journal(tmp_path / "j.db", 10)
    assert damage.startswith("file f1: its bytes are not in"), "the rows are right"
