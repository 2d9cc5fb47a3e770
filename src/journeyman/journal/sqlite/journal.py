"""The journal on one SQLite file: the port's methods over the writer's thread and the reading connections."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from journeyman.errors import ConfigurationError, StorageError
from journeyman.events.codec import Entry
from journeyman.events.messages import JSON
from journeyman.journal.journal import (
    ApiKeyRow,
    ApprovalRow,
    Batch,
    Committed,
    FailureRow,
    IdempotencyClaim,
    Idle,
    MessageRow,
    RunFilter,
    RunRow,
    Size,
    StoredDefinition,
    ThreadRow,
)
from journeyman.journal.sqlite.connection import (
    UNREADABLE,
    Synchronous,
    apply_migrations,
    check_current,
    connect_reader,
    connect_writer,
    translate,
)
from journeyman.journal.sqlite.file_lock import FileLock
from journeyman.journal.sqlite.reads import Reads
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.sqlite.writer import GroupCommitted, Ticket, Writer, untold
from journeyman.journal.subscriptions import StreamNotifier
from journeyman.journal.transactions import Transactions

T = TypeVar("T")

READERS = 2
NEAR = 256  # rows: up to here a read is done in the loop's thread, where it costs less than a hop to another
CLOSE_SECONDS = 15.0


class SqliteJournal:
    """One file, one owner.

    Point reads and short pages are done in the loop's thread over a connection of its own (15 to 30 µs; a hop adds
    more than 100; a reader of a WAL never waits for the writer). Listings and long pages go to two reader threads.
    With `read_only` no lock is taken and nothing can be committed: for reading beside a running server. `hook` is told
    of each group commit, on the loop.
    `vfs`, `synchronous` and `checkpoint_pages` (of the WAL, 4 KB each) are for tests of power cuts.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        batch_size: int = 100,
        max_queue: int = 1024,
        read_only: bool = False,
        vfs: str | None = None,
        synchronous: Synchronous = "FULL",
        checkpoint_pages: int = 1000,
        hook: Callable[[GroupCommitted], None] = untold,
    ) -> None:
        self._path = Path(path)
        self._batch_size = batch_size
        self._max_queue = max_queue
        self._read_only = read_only
        self._vfs = vfs
        self._synchronous: Synchronous = synchronous
        self._checkpoint_pages = checkpoint_pages
        self._hook = hook
        self._ownership = FileLock(self._path)
        self.notifier = StreamNotifier()
        self._epoch = 0
        self._near: Reads | None = None
        self._idle: deque[Reads] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._writer: Writer | None = None

    # --- opening and closing

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="journal-reader")
        try:
            db = await loop.run_in_executor(self._pool, self._open_files)
        except BaseException:
            await self.close()
            raise
        if db is not None:
            self._writer = Writer(
                db,
                self._path,
                loop,
                self._committed,
                batch_size=self._batch_size,
                max_queue=self._max_queue,
                checkpoint_pages=self._checkpoint_pages,
                hook=self._hook,
            )
            self._writer.start()
            for key in await self._far(lambda reads: reads.erasing()):
                await self._erase(key)

    def _open_files(self) -> apsw.Connection | None:
        try:
            db = None if self._read_only else self._open_writer()
            self._near = Reads(connect_reader(self._existing()))
            if self._read_only:
                check_current(self._near.db, self._path)
                self._epoch = self._near.epoch()
            return db
        except apsw.Error as exc:
            raise translate(exc, self._path) from exc

    def _open_writer(self) -> apsw.Connection:
        self._ownership.take()
        db = connect_writer(self._path, self._synchronous, self._vfs)
        try:
            apply_migrations(db, self._path)
            rows: list[tuple[int]] = db.execute(Q["raise_epoch"]).fetchall()  # type: ignore[assignment]
            self._epoch = rows[0][0]
        except BaseException:
            db.close()
            raise
        return db

    def _existing(self) -> Path:
        if not self._path.exists():
            raise ConfigurationError(
                f"there is no journal at {self._path}: start the server once, or name another file"
            )
        return self._path

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            if self._writer is not None:
                stopped = await asyncio.get_running_loop().run_in_executor(pool, self._writer.stop, CLOSE_SECONDS)
                if not stopped:
                    raise StorageError(f"{self._path} was not closed within {CLOSE_SECONDS:.0f} s: check the disk")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for reads in (self._near, *self._idle):
                if reads is not None:
                    reads.close()
            self._near = None
            self._idle.clear()
            self._ownership.release()

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def healthy(self) -> bool:
        return self._writer is None or self._writer.healthy

    # --- writing

    async def commit(self, batch: Batch) -> Committed:
        writer = self._writing()
        if not batch.accept and writer.full:
            await writer.room()
        committed: Committed = await writer.submit(batch)
        return committed

    def submit(self, batch: Batch) -> Ticket:
        return self._writing().submit(batch)

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StorageError(f"{self._path} is not open for writing")
        return self._writer

    def _committed(self, group: Iterable[Committed]) -> None:
        for committed in group:
            self.notifier.committed(committed.entries)

    async def take_over(self) -> Sequence[RunRow]:
        rows: Sequence[RunRow] = await self._writing().call(lambda ledger: ledger.take_over(self._epoch))
        return rows

    async def erase_thread(self, key: str, at: int, by: str) -> bool:
        tombstone: Entry | None = await self._writing().call(lambda ledger: ledger.begin_erasure(key, at, by))
        if tombstone is None:
            return False
        await self._erase(key)
        self.notifier.committed((tombstone,))
        return True

    async def _erase(self, key: str) -> None:
        def step(ledger: Transactions) -> bool:
            return ledger.erase_some(key)

        while not await self._writing().call(step):
            pass
        await self._writing().call(lambda ledger: None, truncate=True)

    async def idle_threads(self, limit: int) -> Sequence[Idle]:
        return await self._far(lambda reads: reads.idle_threads(limit))

    async def size(self) -> Size:
        return await self._far(lambda reads: reads.size())

    # --- reading

    def _here(self, read: Callable[[Reads], T]) -> T:
        if self._near is None:
            raise StorageError(f"{self._path} is not open")
        try:
            return read(self._near)
        except UNREADABLE as exc:
            raise translate(exc, self._path) from exc

    async def _far(self, read: Callable[[Reads], T]) -> T:
        if self._pool is None:
            raise StorageError(f"{self._path} is not open")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._in_reader, read)

    def _in_reader(self, read: Callable[[Reads], T]) -> T:
        try:
            try:
                reads = self._idle.popleft()
            except IndexError:  # asked and taken in one step: another thread may take the last one
                reads = Reads(connect_reader(self._path))
            try:
                return read(reads)
            finally:
                self._idle.append(reads)
        except UNREADABLE as exc:
            raise translate(exc, self._path) from exc

    async def read(self, stream: str, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        def entries(reads: Reads) -> Sequence[Entry]:
            return reads.entries(stream, after, limit)

        if limit <= NEAR:
            return self._here(entries)
        first = self._here(lambda reads: reads.entries(stream, after, NEAR))
        return first if len(first) < NEAR else await self._far(entries)

    async def run(self, id: str) -> RunRow | None:
        return self._here(lambda reads: reads.run(id))

    async def runs(self, where: RunFilter, cursor: int | None = None, limit: int = 50) -> Sequence[RunRow]:
        return await self._far(lambda reads: reads.runs(where, cursor, limit))

    async def failures(self, principal: str | None, limit: int = 50) -> Sequence[FailureRow]:
        return await self._far(lambda reads: reads.failures(principal, limit))

    async def thread(self, key: str) -> ThreadRow | None:
        return self._here(lambda reads: reads.thread(key))

    async def threads(self, principal: str, cursor: str | None = None, limit: int = 50) -> Sequence[ThreadRow]:
        return await self._far(lambda reads: reads.threads(principal, cursor, limit))

    async def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        def messages(reads: Reads) -> Sequence[MessageRow]:
            return reads.messages(thread, first_no, last_no)

        return self._here(messages) if last_no - first_no < NEAR else await self._far(messages)

    async def global_context(self, principal: str) -> dict[str, JSON]:
        return self._here(lambda reads: reads.global_context(principal))

    async def approval(self, id: str) -> ApprovalRow | None:
        return self._here(lambda reads: reads.approval(id))

    async def approvals(
        self, principal: str | None, cursor: str | None = None, limit: int = 50, run: str | None = None
    ) -> Sequence[ApprovalRow]:
        def approvals(reads: Reads) -> Sequence[ApprovalRow]:
            return reads.approvals(principal, cursor, limit, run)

        return self._here(approvals) if run is not None and limit <= NEAR else await self._far(approvals)

    async def due_approvals(self, limit: int = 50) -> Sequence[ApprovalRow]:
        return await self._far(lambda reads: reads.due_approvals(limit))

    async def definition(self, version: str) -> StoredDefinition | None:
        return self._here(lambda reads: reads.definition(version))

    async def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return self._here(lambda reads: reads.claim(principal, route, key))

    async def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        return await self._far(lambda reads: reads.message_no(thread, stream, seq))

    async def api_key(self, id: str) -> ApiKeyRow | None:
        return self._here(lambda reads: reads.api_key(id))

    async def api_keys(self) -> Sequence[ApiKeyRow]:
        return await self._far(lambda reads: reads.api_keys())

    async def used(self, budget: str, day: int) -> tuple[int, float]:
        return self._here(lambda reads: reads.used(budget, day))

    def stats(self) -> Mapping[str, float]:
        return self._writer.stats() if self._writer is not None else {}
