"""Files are stored once, durably, within limits, and are deleted when nothing needs them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.errors import BaseError, NotFoundError, ResourceError, StateError, ValidationError
from journeyman.files.blobs import Blobs, DiskBlobs, MemoryBlobs
from journeyman.files.store import KEPT_UNUSED, MOST_RECEIVED, PERIOD_SECONDS, PIECE, FileLimits, FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from tests.harness.pictures import png

LIMITS = FileLimits(each=3 * PIECE, all=8 * PIECE)


class Rig:
    """A store over a journal in memory."""

    def __init__(self, blobs: Blobs, limits: FileLimits = LIMITS) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.blobs = blobs
        self.store = FileStore(self.journal, blobs, self.clock, SequentialIds(), limits)


@pytest.fixture(params=["disk", "memory"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(DiskBlobs(tmp_path / "j.db.files") if request.param == "disk" else MemoryBlobs())
    yield rig
    await rig.store.aclose()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def refusal(rig: Rig, data: bytes, principal: str = "ann") -> str:
    with pytest.raises(BaseError) as refused:
        await rig.store.put(principal, "a", data)
    assert sorted(rig.blobs.ids()) == sorted(rig.journal.tables.files), "nothing is left behind"
    return refused.value.code


async def test_a_file_comes_back_as_it_was_sent(rig: Rig) -> None:
    data = png(3, 2) + os.urandom(2 * PIECE)
    cut = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    row = await rig.store.receive("ann", "a.png", chunks(b"", *cut))
    assert (row.media_type, row.width, row.height, row.size, row.name) == ("image/png", 3, 2, len(data), "a.png")
    assert await rig.store.read(await rig.store.get("ann", row.id)) == data
    assert {len(piece) async for piece in rig.store.pieces(row)} == {PIECE, len(data) - 2 * PIECE}


async def test_equal_files_of_a_principal_are_stored_once(rig: Rig) -> None:
    first, second = await rig.store.put("ann", "a", b"same"), await rig.store.put("ann", "b", b"same")
    other = await rig.store.put("bob", "a", b"same")
    assert first.id == second.id != other.id
    assert sorted(rig.blobs.ids()) == sorted((first.id, other.id))


async def test_only_its_principal_gets_a_file(rig: Rig) -> None:
    row = await rig.store.put("ann", "a", b"x")
    for principal, id in (("bob", row.id), ("ann", "file_0"), ("ann", "../j.db")):
        with pytest.raises(NotFoundError, match="There is no file"):
            await rig.store.get(principal, id)


async def test_limits_refuse_a_file_and_leave_nothing_behind(rig: Rig) -> None:
    assert await refusal(rig, b"") == "file_empty"
    assert await refusal(rig, b"x" * (LIMITS.each + 1)) == "file_too_large"
    assert await refusal(rig, png(20_000, 1)) == "picture_too_large"
    for number in range(2):
        await rig.store.put("ann", "a", bytes([number]) * LIMITS.each)
    assert await refusal(rig, b"y" * LIMITS.each) == "files_full"
    await rig.store.put("bob", "a", b"y" * LIMITS.each)


async def test_a_damaged_picture_is_no_picture(rig: Rig) -> None:
    assert (await rig.store.put("ann", "a.png", png()[:20])).media_type == "application/octet-stream"


async def test_a_sender_that_goes_away_leaves_nothing(rig: Rig) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * PIECE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await rig.store.receive("ann", "a", broken())
    assert list(rig.blobs.ids()) == []


async def test_a_cancelled_upload_leaves_nothing(rig: Rig) -> None:
    sent = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * PIECE
        sent.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(rig.store.receive("ann", "a", slow()))
    await sent.wait()
    upload.cancel()
    await asyncio.wait([upload])
    assert list(rig.blobs.ids()) == []


async def test_one_principal_may_send_few_files_at_once_and_keeps_nobody_else_out(rig: Rig) -> None:
    go = asyncio.Event()

    async def waiting(number: int) -> AsyncIterator[bytes]:
        await go.wait()
        yield bytes([number])

    uploads = [asyncio.create_task(rig.store.receive("ann", "a", waiting(n))) for n in range(MOST_RECEIVED)]
    await asyncio.sleep(0)
    with pytest.raises(ResourceError, match="already"):
        await rig.store.put("ann", "a", b"x")
    await rig.store.put("bob", "a", b"x")
    go.set()
    await asyncio.gather(*uploads)
    await rig.store.put("ann", "a", b"x")


async def test_a_file_that_nothing_names_goes_after_a_day(rig: Rig) -> None:
    row = await rig.store.put("ann", "a", b"x")
    rig.clock.advance(KEPT_UNUSED / 1_000_000)
    assert await rig.store.collect() == 0
    rig.clock.advance(1)
    assert await rig.store.collect() == 1
    assert list(rig.blobs.ids()) == []
    with pytest.raises(NotFoundError):
        await rig.store.get("ann", row.id)


async def test_files_are_collected_every_hour(rig: Rig) -> None:
    await rig.store.put("ann", "a", b"x")
    task = asyncio.create_task(rig.store.periodically())
    while list(rig.blobs.ids()):
        rig.clock.advance(PERIOD_SECONDS)
        await asyncio.sleep(0)
    task.cancel()


async def test_bytes_without_a_row_are_deleted_at_the_start(rig: Rig) -> None:
    row = await rig.store.put("ann", "a", b"x")
    blob = rig.blobs.begin("file_lost")
    blob.write(b"y")
    blob.keep()
    await rig.store.open()
    assert list(rig.blobs.ids()) == [row.id]


async def test_bytes_that_are_gone_are_told(rig: Rig) -> None:
    row = await rig.store.put("ann", "a", b"x")
    rig.blobs.delete(row.id)
    with pytest.raises(NotFoundError, match="gone"):
        await rig.store.read(row)


async def test_memory_is_bounded_for_all_principals_together() -> None:
    rig = Rig(MemoryBlobs(most=10))
    await rig.store.put("ann", "a", b"12345")
    with pytest.raises(StateError) as refused:
        await rig.store.put("bob", "a", b"123456")
    assert refused.value.code == "files_full"
    await rig.store.aclose()


async def test_an_incomplete_file_is_deleted_at_the_start_and_is_never_found(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    blobs = DiskBlobs(folder)
    blobs.begin("file_1").write(b"x")
    assert [path.name for path in folder.iterdir()] == ["file_1.part"]
    assert list(blobs.ids()) == []
    assert list(folder.iterdir()) == []


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    blob = DiskBlobs(tmp_path / "files").begin("file_1")
    blob.write(b"x")
    blob.keep()
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "files" / "file_1").stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file is here")
    rig = Rig(DiskBlobs(tmp_path / "files"))
    with pytest.raises(BaseError, match="cannot be written"):
        await rig.store.put("ann", "a", b"x")
    await rig.store.aclose()


@given(st.lists(st.binary(max_size=3 * PIECE), max_size=4))
def test_pieces_are_the_chunks_however_they_are_cut(given_chunks: list[bytes]) -> None:
    async def check() -> None:
        rig = Rig(MemoryBlobs(), FileLimits(each=10**9, all=10**9))
        sent = [b"-", *given_chunks] if any(given_chunks) else given_chunks  # no picture: one may have too many pixels
        whole = b"".join(sent)
        if not whole:
            with pytest.raises(ValidationError, match="empty"):
                await rig.store.receive("ann", "a", chunks(*sent))
        else:
            row = await rig.store.receive("ann", "a", chunks(*sent))
            assert await rig.store.read(row) == whole
        await rig.store.aclose()

    asyncio.run(check())
