"""The journal on one SQLite file: the port's methods over the writer thread and the reading connections."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    FileRow,
    IdempotencyClaim,
    Idle,
    MessageRow,
    RunFilter,
    RunPage,
    RunRow,
    Size,
    StoredDefinition,
    Suspect,
    ThreadRow,
    ToolOutputRow,
)
from journeyman.journal.sqlite.accept_lane import AcceptPlaces
from journeyman.journal.sqlite.commit_guard import CommitGuard
from journeyman.journal.sqlite.commit_note import CommitNote, read_position
from journeyman.journal.sqlite.connection import (
    UNREADABLE,
    Synchronous,
    apply_migrations,
    check_current,
    connect_reader,
    connect_writer,
    translate,
)
from journeyman.journal.sqlite.file_identity import FileIdentity
from journeyman.journal.sqlite.file_lock import FileLock, real_path, refuse_lone_log
from journeyman.journal.sqlite.kept_name import keep_name, refuse_other_name
from journeyman.journal.sqlite.mounts import file_system, is_mount_point, is_shared, read_mounts
from journeyman.journal.sqlite.reads import Reads
from journeyman.journal.sqlite.rollback import check_rollback
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.sqlite.writer import IDLE_SECONDS, GroupCommitted, Ticket, Writer, ignore_group
from journeyman.journal.subscriptions import StreamNotifier
from journeyman.journal.transactions import Transactions
from journeyman.thread_pool import ThreadPool

logger = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 2
INLINE_ROWS = 256  # a read of at most this many rows is done in the loop's thread
CLOSE_SECONDS = 15.0


class SqliteJournal:
    """A journal file and its one owner.

    Reads of single rows and short pages are done in the loop's thread, over a separate connection: they take 15 to
    30 µs, another thread would add more than 100, and in WAL mode a reader never waits for the writer. Lists and long
    pages go to two reader threads.

    `read_only` takes no lock and refuses commits, to read beside a running server. `hook` is called on the loop after
    each group commit. `max_queue` results and as many new requests as `accepts` has places for may wait to be written.
    `accept_rollback` is the number of the loss of commits that is accepted, or ANY_ROLLBACK. For
    tests: `vfs`, `synchronous` and `checkpoint_pages` (of the WAL, 4 KB each), `idle_seconds` (between two looks at the
    file) and `mounts` (the table of mounts).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        batch_size: int = 100,
        max_queue: int = 1024,
        accepts: AcceptPlaces = AcceptPlaces(),
        read_only: bool = False,
        vfs: str | None = None,
        synchronous: Synchronous = "FULL",
        checkpoint_pages: int = 1000,
        hook: Callable[[GroupCommitted], None] = ignore_group,
        idle_seconds: float = IDLE_SECONDS,
        mounts: Callable[[], str] = read_mounts,
        accept_rollback: int | None = None,
    ) -> None:
        self._path = real_path(Path(path))
        self._batch_size = batch_size
        self._max_queue = max_queue
        self._accepts = accepts
        self._read_only = read_only
        self._vfs = vfs
        self._synchronous: Synchronous = synchronous
        self._checkpoint_pages = checkpoint_pages
        self._hook = hook
        self._idle_seconds = idle_seconds
        self._mounts = mounts
        self._accept_rollback = accept_rollback
        self._lock = FileLock(Path(path))
        self._note = CommitNote(self._path)
        self.notifier = StreamNotifier()
        self._epoch = 0
        self._inline_reads: Reads | None = None
        self._idle_reads: deque[Reads] = deque()
        self._pool: ThreadPool | None = None
        self._writer: Writer | None = None

    # --- opening and closing

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._pool = ThreadPool(READERS, thread_name_prefix="journal-reader")
        try:
            db = await loop.run_in_executor(self._pool, self._open_files)
        except BaseException:
            await self.close()
            raise
        if db is not None:
            self._writer = self._start_writer(db, loop)
            for key in await self._read_in_thread(lambda reads: reads.erasing()):
                await self._erase(key)

    def _start_writer(self, db: apsw.Connection, loop: asyncio.AbstractEventLoop) -> Writer:
        watch = FileIdentity(self._path, shared=is_shared(file_system(self._path.parent, self._mounts())))
        writer = Writer(
            db,
            self._path,
            loop,
            self._committed,
            batch_size=self._batch_size,
            max_queue=self._max_queue,
            accepts=self._accepts,
            checkpoint_pages=self._checkpoint_pages,
            guard=CommitGuard(db, self._path, watch, self._note),
            hook=self._hook,
            idle_seconds=self._idle_seconds,
        )
        writer.start()
        return writer

    def _open_files(self) -> apsw.Connection | None:
        """Open the connections. Returns the writing one, None if the journal is read-only."""
        try:
            db = None if self._read_only else self._open_writer()
            self._inline_reads = Reads(connect_reader(self._existing()))
            if self._read_only:
                check_current(self._inline_reads.db, self._path)
                self._epoch = self._inline_reads.epoch()
            return db
        except apsw.Error as exc:
            raise translate(exc, self._path) from exc

    def _open_writer(self) -> apsw.Connection:
        """Take the locks, migrate the file and raise its epoch."""
        self._check_place()
        self._lock.take()
        refuse_lone_log(self._path)
        refuse_other_name(self._path)
        db = connect_writer(self._path, self._synchronous, self._vfs)
        try:
            self._begin_epoch(db)
        except apsw.Error as exc:
            number = db.system_errno
            db.close()
            raise translate(exc, self._path, number) from exc
        except BaseException:
            db.close()
            raise
        return db

    def _check_place(self) -> None:
        """Check where the file is. Raises ConfigurationError if it is itself a mount point."""
        mounts = self._mounts()
        if is_mount_point(self._path, mounts):
            raise ConfigurationError(
                f"{self._path} is itself a mount point: mount its folder, not the file. The log {self._path.name}-wal "
                "beside it holds committed data and must survive as well."
            )
        kind = file_system(self._path.parent, mounts)
        if is_shared(kind):
            logger.warning(
                "%s is on a shared or FUSE file system (%s), whose locks and flushes are unreliable: put the journal on"
                " a local disk",
                self._path,
                kind,
            )

    def _begin_epoch(self, db: apsw.Connection) -> None:
        apply_migrations(db, self._path)
        check_rollback(db, self._path, self._note.read(), self._accept_rollback)
        rows: list[tuple[int]] = db.execute(Q["raise_epoch"]).fetchall()  # type: ignore[assignment]
        self._epoch = rows[0][0]
        keep_name(db, self._path)
        self._note.open()
        self._note.write(read_position(db))

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
            for reads in (self._inline_reads, *self._idle_reads):
                if reads is not None:
                    reads.close()
            self._inline_reads = None
            self._idle_reads.clear()
            self._note.close()
            self._lock.release()

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self._path

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def healthy(self) -> bool:
        return self._writer is None or self._writer.healthy

    @property
    def trouble(self) -> StorageError | None:
        return self._writer.trouble if self._writer is not None else None

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
        rows: Sequence[RunRow] = await self._writing().call(lambda transactions: transactions.take_over(self._epoch))
        return rows

    async def note_lack(self, run_id: str, lacks: str | None) -> None:
        await self._writing().call(lambda transactions: transactions.note_lack(run_id, lacks))

    async def suspects(self) -> Sequence[Suspect]:
        found: Sequence[Suspect] = await self._writing().call(lambda transactions: transactions.suspects())
        return found

    async def note_alone(self, run_id: str | None) -> None:
        await self._writing().call(lambda transactions: transactions.note_alone(run_id, self._epoch))

    async def drop_crash_counts(self) -> None:
        await self._writing().call(lambda transactions: transactions.drop_crash_counts())

    async def note_clean_end(self) -> None:
        await self._writing().call(lambda transactions: transactions.note_clean_end(self._epoch))

    async def lacking(self, after: int = 0, limit: int = 500) -> Sequence[RunRow]:
        return await self._read_in_thread(lambda reads: reads.lacking(after, limit))

    async def erase_thread(self, key: str, at: int, by: str) -> bool:
        tombstone: Entry | None = await self._writing().call(
            lambda transactions: transactions.begin_erasure(key, at, by)
        )
        if tombstone is None:
            return False
        await self._erase(key)
        self.notifier.committed((tombstone,))
        return True

    async def _erase(self, key: str) -> None:
        def step(transactions: Transactions) -> bool:
            return transactions.erase_some(key)

        while not await self._writing().call(step):
            pass
        await self._writing().call(lambda transactions: None, truncate=True)

    async def idle_threads(self, limit: int, prefix: str = "") -> Sequence[Idle]:
        return await self._read_in_thread(lambda reads: reads.idle_threads(limit, prefix))

    async def size(self) -> Size:
        return await self._read_in_thread(lambda reads: reads.size())

    # --- reading

    def _read_inline(self, read: Callable[[Reads], T]) -> T:
        if self._inline_reads is None:
            raise StorageError(f"{self._path} is not open")
        try:
            return read(self._inline_reads)
        except UNREADABLE as exc:
            raise translate(exc, self._path) from exc

    async def _read_in_thread(self, read: Callable[[Reads], T]) -> T:
        if self._pool is None:
            raise StorageError(f"{self._path} is not open")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read_idle, read)

    def _read_idle(self, read: Callable[[Reads], T]) -> T:
        try:
            try:
                reads = self._idle_reads.popleft()
            except IndexError:  # a check before it could lose the last one to the other thread
                reads = Reads(connect_reader(self._path))
            try:
                return read(reads)
            finally:
                self._idle_reads.append(reads)
        except UNREADABLE as exc:
            raise translate(exc, self._path) from exc

    async def read(self, stream: str, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        def entries(reads: Reads) -> Sequence[Entry]:
            return reads.entries(stream, after, limit)

        if limit <= INLINE_ROWS:
            return self._read_inline(entries)
        first = self._read_inline(lambda reads: reads.entries(stream, after, INLINE_ROWS))
        return first if len(first) < INLINE_ROWS else await self._read_in_thread(entries)

    async def run(self, id: str) -> RunRow | None:
        return self._read_inline(lambda reads: reads.run(id))

    async def runs(self, where: RunFilter, cursor: int | None = None, limit: int = 50) -> RunPage:
        return await self._read_in_thread(lambda reads: reads.runs(where, cursor, limit))

    async def failures(self, principal: str | None, limit: int = 50) -> Sequence[FailureRow]:
        return await self._read_in_thread(lambda reads: reads.failures(principal, limit))

    async def thread(self, key: str) -> ThreadRow | None:
        return self._read_inline(lambda reads: reads.thread(key))

    async def threads(self, principal: str, cursor: str | None = None, limit: int = 50) -> Sequence[ThreadRow]:
        return await self._read_in_thread(lambda reads: reads.threads(principal, cursor, limit))

    async def newest_threads(
        self, principal: str, cursor: tuple[int, str] | None = None, limit: int = 50, prefix: str = ""
    ) -> Sequence[ThreadRow]:
        return await self._read_in_thread(lambda reads: reads.newest_threads(principal, cursor, limit, prefix))

    async def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        def messages(reads: Reads) -> Sequence[MessageRow]:
            return reads.messages(thread, first_no, last_no)

        return self._read_inline(messages) if last_no - first_no < INLINE_ROWS else await self._read_in_thread(messages)

    async def global_context(self, principal: str) -> dict[str, JSON]:
        return self._read_inline(lambda reads: reads.global_context(principal))

    async def approval(self, id: str) -> ApprovalRow | None:
        return self._read_inline(lambda reads: reads.approval(id))

    async def approvals(
        self, principal: str | None, cursor: str | None = None, limit: int = 50, run: str | None = None
    ) -> Sequence[ApprovalRow]:
        def approvals(reads: Reads) -> Sequence[ApprovalRow]:
            return reads.approvals(principal, cursor, limit, run)

        return (
            self._read_inline(approvals)
            if run is not None and limit <= INLINE_ROWS
            else await self._read_in_thread(approvals)
        )

    async def answered_approvals(
        self, principal: str | None, before: str | None = None, limit: int = 50
    ) -> Sequence[ApprovalRow]:
        return await self._read_in_thread(lambda reads: reads.answered_approvals(principal, before, limit))

    async def due_approvals(self, limit: int = 50) -> Sequence[ApprovalRow]:
        return await self._read_in_thread(lambda reads: reads.due_approvals(limit))

    async def definition(self, version: str) -> StoredDefinition | None:
        return self._read_inline(lambda reads: reads.definition(version))

    async def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return self._read_inline(lambda reads: reads.claim(principal, route, key))

    async def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        return await self._read_in_thread(lambda reads: reads.message_no(thread, stream, seq))

    async def api_key(self, id: str) -> ApiKeyRow | None:
        return self._read_inline(lambda reads: reads.api_key(id))

    async def api_keys(self) -> Sequence[ApiKeyRow]:
        return await self._read_in_thread(lambda reads: reads.api_keys())

    async def tool_outputs(self, run: str) -> Sequence[ToolOutputRow]:
        return await self._read_in_thread(lambda reads: reads.tool_outputs(run))

    async def file(self, id: str) -> FileRow | None:
        return self._read_inline(lambda reads: reads.file(id))

    async def file_with(self, principal: str, sha256: str) -> FileRow | None:
        return self._read_inline(lambda reads: reads.file_with(principal, sha256))

    async def file_bytes(self, principal: str) -> int:
        return self._read_inline(lambda reads: reads.file_bytes(principal))

    async def collect_files(self, before: int, limit: int) -> Sequence[str]:
        ids: Sequence[str] = await self._writing().call(lambda transactions: transactions.collect_files(before, limit))
        return ids

    async def used(self, budget: str, day: int) -> tuple[int, float]:
        return self._read_inline(lambda reads: reads.used(budget, day))

    def stats(self) -> Mapping[str, float]:
        return self._writer.stats() if self._writer is not None else {}
