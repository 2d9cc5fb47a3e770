"""The store of files: bytes on the disk, a row in the journal for each, and the collection of those without a use."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

import msgspec

from journeyman.clock import Clock
from journeyman.errors import NotFoundError, ResourceError, StateError, StorageError, ValidationError
from journeyman.files.blobs import Blobs, NewBlob
from journeyman.files.content_types import HEAD_BYTES, OCTETS, PICTURES, content_type_of
from journeyman.files.data_urls import data_url
from journeyman.files.picture_sizes import MAX_PIXELS, MAX_SIDE, is_too_large, picture_size
from journeyman.ids import Ids
from journeyman.journal.journal import Batch, FileRow, Journal
from journeyman.thread_pool import ThreadPool

PIECE = 256 * 1024  # bytes that one job of a thread writes or reads: others get their turn after it
MOST_RECEIVED = 4  # files that are received for one principal at the same time
KEPT_UNUSED = 86_400_000_000  # µs for which a file is kept that no thread names
PERIOD_SECONDS = 3600.0
_THREADS = 4
_AT_ONCE = 100  # files that are collected in one transaction
MAX_NAME = 200  # characters

T = TypeVar("T")
log = logging.getLogger(__name__)


class FileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one file, and of all files of a principal."""

    each: int = 20_000_000
    all: int = 1_000_000_000


class FileStore:
    """Receives, reads and collects files. Their bytes pass in pieces through a few threads, in turn."""

    def __init__(
        self, journal: Journal, blobs: Blobs, clock: Clock, ids: Ids, limits: FileLimits = FileLimits()
    ) -> None:
        self._journal = journal
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._receiving: Counter[str] = Counter()  # files that are being received, by principal
        self._pool = ThreadPool(_THREADS, thread_name_prefix="files")

    async def open(self) -> None:
        """Delete the bytes that an earlier process wrote and did not acknowledge, and collect what is old."""
        for id in await self._in_thread(lambda: list(self._blobs.ids())):
            if await self._journal.file(id) is None:
                await self._in_thread(self._blobs.delete, id)
            await asyncio.sleep(0)  # an inline read does not let others run
        await self.collect()

    async def aclose(self) -> None:
        """Let the threads finish what they do."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- in

    async def receive(self, principal: str, name: str, chunks: AsyncIterator[bytes], declared: int = 0) -> FileRow:
        """Store a file that arrives in chunks. Returns its row once bytes and row are durable.

        A file that the principal has already is not stored again: its row is returned. `declared` is the size that the
        sender names; a file that says it is too large is refused before it is read.

        Raises ValidationError (`file_too_large`, `picture_too_large`, `file_empty`), StateError (`files_full`),
        ResourceError (`overloaded`), StorageError, and what `chunks` raises.
        """
        if declared > self._limits.each:
            raise file_too_large(self._limits.each)
        with self._place(principal):
            id = self._ids.new("file")
            incoming = _Incoming(self._blobs, id)
            try:
                async for piece in _pieces(chunks):
                    if incoming.size + len(piece) > self._limits.each:
                        raise file_too_large(self._limits.each)
                    await self._in_thread(incoming.write, piece)
                await self._in_thread(incoming.keep)
            except BaseException:
                await self._in_thread(incoming.drop)
                raise
            return await self._commit(principal, id, name, incoming)

    async def put(self, principal: str, name: str, data: bytes) -> FileRow:
        """Store a file whose bytes are in memory. Raises as `receive`."""

        async def whole() -> AsyncIterator[bytes]:
            yield data

        return await self.receive(principal, name, whole())

    @contextmanager
    def _place(self, principal: str) -> Iterator[None]:
        if self._receiving[principal] >= MOST_RECEIVED:
            text = f"You are sending {MOST_RECEIVED} files already. Wait until one is stored."
            raise ResourceError(text, retry_after=1)
        self._receiving[principal] += 1
        try:
            yield
        finally:
            self._receiving[principal] -= 1
            if not self._receiving[principal]:
                del self._receiving[principal]

    async def _commit(self, principal: str, id: str, name: str, incoming: _Incoming) -> FileRow:
        now = self._clock.now()
        width, height = incoming.picture or (None, None)
        row = FileRow(
            id=id,
            principal=principal,
            sha256=incoming.digest,
            size=incoming.size,
            media_type=incoming.media_type,
            name=name[:MAX_NAME],
            width=width,
            height=height,
            added_at=now,
            unused_since=now,
        )
        try:
            most = self._limits.all
            batch = Batch(at=now, appends=(), files=(row,), most_file_bytes=most, accept=True, owner=principal)
            await self._journal.commit(batch)
        except (StateError, ResourceError):
            await self._in_thread(self._blobs.delete, id)
            raise
        stored = await self._journal.file_with(principal, row.sha256) or row
        if stored.id != id:
            await self._in_thread(self._blobs.delete, id)
        return stored

    # --- out

    async def get(self, principal: str, id: str) -> FileRow:
        """Return a file of the principal. Raises NotFoundError, also for a file of another principal."""
        row = await self._journal.file(id)
        if row is None or row.principal != principal:
            raise NotFoundError(f"There is no file {id!r}.", code="file_not_found")
        return row

    async def read(self, row: FileRow) -> bytes:
        """Return the bytes of a file. Raises NotFoundError if they are gone."""
        return b"".join([piece async for piece in self.pieces(row)])

    async def beginning(self, row: FileRow, most: int) -> bytes:
        """Return at most `most` bytes from the beginning of a file. Raises NotFoundError if they are gone."""
        return await self._in_thread(self._beginning, row, most)

    async def data_url(self, row: FileRow) -> str:
        """Return a file as a data URL. Raises NotFoundError if its bytes are gone, StorageError if the disk failed."""
        return await self._in_thread(lambda: data_url(row.media_type, self._beginning(row, row.size)))

    def _beginning(self, row: FileRow, most: int) -> bytes:
        try:
            with self._open_blob(row) as file:
                return file.read(most)
        except OSError as exc:
            raise StorageError(f"the file {row.id} cannot be read ({exc.strerror}): check the disk") from exc

    def _open_blob(self, row: FileRow) -> BinaryIO:
        try:
            return self._blobs.open(row.id)
        except FileNotFoundError:
            raise NotFoundError(f"The bytes of the file {row.id!r} are gone.", code="file_not_found") from None

    async def pieces(self, row: FileRow) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file in pieces. Raises NotFoundError if they are gone."""
        file = await self._in_thread(self._open_blob, row)
        try:
            while piece := await self._in_thread(file.read, PIECE):
                yield piece
        finally:
            file.close()

    # --- collection

    async def collect(self) -> int:
        """Delete the files that no thread names and that are old or whose thread was erased. Returns how many."""
        collected = 0
        while ids := await self._journal.collect_files(self._clock.now() - KEPT_UNUSED, _AT_ONCE):
            collected += len(ids)
            await self._in_thread(self._delete_all, ids)
        return collected

    def _delete_all(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._blobs.delete(id)

    async def periodically(self) -> None:
        """Collect every hour, until cancelled. A failed commit is logged and tried again."""
        while True:
            await self._clock.sleep(PERIOD_SECONDS)
            try:
                await self.collect()
            except StorageError as exc:
                log.error("unused files could not be deleted: %s", exc.message)

    async def _in_thread(self, job: Callable[..., T], *values: object) -> T:
        """Run a job in a thread. It cannot be stopped, so a cancellation waits for its end."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, job, *values)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


class _Incoming:
    """The bytes of a file as they arrive. Its methods run in threads, one at a time."""

    def __init__(self, blobs: Blobs, id: str) -> None:
        self._blobs = blobs
        self._id = id
        self._blob: NewBlob | None = None
        self._hash = hashlib.sha256()
        self._kept = False
        self.size = 0
        self.media_type = OCTETS
        self.picture: tuple[int, int] | None = None

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        if self._blob is None:
            self._blob = self._blobs.begin(self._id)
        self._blob.write(data)
        self._hash.update(data)
        self.size += len(data)

    def keep(self) -> None:
        """Make the bytes durable, and tell what they are. Raises ValidationError if they are refused."""
        if self._blob is None:
            raise ValidationError("The file is empty. Send its bytes as the body.", code="file_empty")
        self._blob.keep()
        self._kept = True
        with self._blobs.open(self._id) as file:
            self._inspect(file)

    def _inspect(self, file: BinaryIO) -> None:
        media_type = content_type_of(file.read(HEAD_BYTES))
        file.seek(0)
        self.picture = picture_size(media_type, file)
        if self.picture is not None and is_too_large(self.picture):
            width, height = self.picture
            text = (
                f"The picture has {width} x {height} pixels. Make it smaller:"
                f" at most {MAX_SIDE} on a side and {MAX_PIXELS} in all."
            )
            raise ValidationError(text, code="picture_too_large")
        damaged = media_type in PICTURES and self.picture is None
        self.media_type = OCTETS if damaged else media_type

    def drop(self) -> None:
        """Delete what was written."""
        if self._blob is not None:
            self._blob.drop()
        if self._kept:
            self._blobs.delete(self._id)


def file_too_large(most: int) -> ValidationError:
    """Return the error for a file with more bytes than one may have."""
    return ValidationError(f"The file has more than {most} bytes. Send a smaller one.", code="file_too_large")


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks joined, or cut, to pieces for one job each."""
    waiting = bytearray()
    async for chunk in chunks:
        view = memoryview(chunk)
        while view.nbytes:
            taken = view[: PIECE - len(waiting)]
            waiting += taken
            view = view[taken.nbytes :]
            if len(waiting) == PIECE:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)
