"""The thread that writes: group commit of whatever waits, checkpoints, and answers by one call into the loop.

Batches wait in two lanes, results of running runs before new accepts. A group is one transaction; a batch that the
ledger refuses fails alone, a failed COMMIT fails them all.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import apsw
import msgspec

from journeyman.errors import ResourceError, StateError, StorageError
from journeyman.journal.journal import Batch, Committed
from journeyman.journal.sqlite.connection import translate
from journeyman.journal.sqlite.tables import SqliteTables
from journeyman.journal.transactions import Transactions


class GroupCommitted(msgspec.Struct, frozen=True):
    """The writer made one transaction of what waited: a fact for metrics. Seconds include the sync to the disk."""

    batches: int
    events: int
    seconds: float


def untold(fact: GroupCommitted) -> None:
    """The hook of whoever wants to hear nothing."""


TRANSIENT = (apsw.FullError, apsw.BusyError, apsw.LockedError)  # nothing was written, later commits may succeed

logger = logging.getLogger(__name__)


class Ticket:
    """Work on its way to the disk (the `Pending` of the port). Settled in the loop's thread, awaited there."""

    __slots__ = ("_done", "_waiters", "error", "result", "truncate", "weight", "work")

    def __init__(self, work: Batch | Callable[[Transactions], Any], weight: int, truncate: bool = False) -> None:
        self.work = work
        self.weight = weight  # events
        self.truncate = truncate  # empty the WAL before it is answered
        self.result: Any = None
        self.error: Exception | None = None
        self._done = False
        self._waiters: list[asyncio.Future[None]] = []

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter  # one future each: a waiter that is cancelled takes nothing from the others
        if self.error is not None:
            raise self.error
        return self.result

    def done(self) -> bool:
        return self._done

    def settle(self) -> None:
        self._done = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()


class Writer:
    """Owns the write connection from `start` to `stop`; everything else is called from the loop's thread."""

    def __init__(
        self,
        db: apsw.Connection,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        settled: Callable[[Iterable[Committed]], None],
        *,
        batch_size: int,
        max_queue: int,
        checkpoint_pages: int,
        hook: Callable[[GroupCommitted], None] = untold,
    ) -> None:
        self._hook = hook
        self._db = db
        self._path = path
        self._loop = loop
        self._settled = settled
        self._batch_size = batch_size
        self._max_queue = max_queue
        self._checkpoint_pages = checkpoint_pages
        self._tables = SqliteTables(db)
        self._ledger = Transactions(self._tables)
        self._results: deque[Ticket] = deque()
        self._accepts: deque[Ticket] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._asleep = False
        self._stopping = False
        self._failed: StorageError | None = None
        self._in_flight = 0  # tickets handed over and not settled
        self._waiting: list[asyncio.Future[None]] = []  # for room in the queue
        self._wal_pages = 0
        self._checkpointed_at = 0
        self._counts = {"commits": 0, "batches": 0, "events": 0, "refused": 0, "checkpoints": 0}
        self._commit_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    # --- in the loop's thread

    def start(self) -> None:
        self._db.set_wal_hook(self._wal_grew)
        self._thread.start()

    def submit(self, batch: Batch) -> Ticket:
        weight = sum([len(append.drafts) for append in batch.appends])
        return self._hand_over(Ticket(batch, weight), self._accepts if batch.accept else self._results)

    def call(self, job: Callable[[Transactions], Any], truncate: bool = False) -> Ticket:
        """Run a job in a transaction of the writer's thread."""
        return self._hand_over(Ticket(job, 1, truncate), self._results)

    async def room(self) -> None:
        """Return when the queue is no longer full."""
        while self.full:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    def _hand_over(self, ticket: Ticket, lane: deque[Ticket]) -> Ticket:
        refusal = self._refusal(lane is self._accepts)
        if refusal is not None:
            ticket.error = refusal
            ticket.settle()
            return ticket
        self._in_flight += 1
        lane.append(ticket)
        if self._asleep:  # the writer looks at its lanes once more after it has set this
            self._asleep = False
            self._bell.put(None)
        return ticket

    def _refusal(self, accept: bool) -> Exception | None:
        if self._failed is not None:
            return self._failed
        if self._stopping:
            return StorageError("the journal is closed")
        if accept and self.full:
            return ResourceError("too much is waiting to be written: try again in a second", retry_after=1)
        return None

    @property
    def full(self) -> bool:
        return self._in_flight >= self._max_queue

    @property
    def healthy(self) -> bool:
        return self._failed is None

    def stop(self, seconds: float) -> bool:
        """Take nothing more, write what waits, checkpoint, close the connection. False: not done in time."""
        self._stopping = True
        self._bell.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stats(self) -> Mapping[str, float]:
        return {"queue_depth": self._in_flight, "commit_seconds": self._commit_seconds, **self._counts}

    def _deliver(self, group: list[Ticket], seconds: float) -> None:
        self._in_flight -= len(group)
        for ticket in group:
            ticket.settle()
        committed = [ticket.result for ticket in group if isinstance(ticket.result, Committed)]
        self._settled(committed)
        if committed:
            self._hook(GroupCommitted(len(committed), sum([len(each.entries) for each in committed]), seconds))
        if self._waiting and not self.full:
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting.clear()

    # --- in the writer's thread

    def _run(self) -> None:
        try:
            while group := self._take():
                seconds = self._commit(group)
                if any(ticket.truncate for ticket in group):
                    self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self._answer(group, seconds)
                self._checkpoint_if_due()
        finally:
            self._close()

    def _take(self) -> list[Ticket]:
        """What waits, results first, up to `batch_size` events but at least one batch. Empty: stop."""
        while not (self._results or self._accepts):
            if self._stopping:
                return []
            self._asleep = True
            if not (self._results or self._accepts or self._stopping):
                self._bell.get()
            self._asleep = False
        group: list[Ticket] = []
        room = self._batch_size
        for lane in (self._results, self._accepts):
            while lane and (not group or lane[0].weight <= room):
                ticket = lane.popleft()
                room -= ticket.weight
                group.append(ticket)
        return group

    def _commit(self, group: list[Ticket]) -> float:
        """Seconds that it took."""
        begun = time.perf_counter()
        try:
            self._transaction(group)
        except apsw.Error as exc:
            self._roll_back()
            self._fail(group, exc)
        except Exception as exc:  # noqa: BLE001  a batch that breaks the ledger must not take its neighbours along
            self._roll_back()
            self._one_by_one(group, exc)
        seconds = time.perf_counter() - begun
        self._commit_seconds += seconds
        return seconds

    def _transaction(self, group: list[Ticket]) -> None:
        if self._failed is not None:
            raise self._failed
        self._db.execute("BEGIN IMMEDIATE")
        for ticket in group:
            self._perform(ticket)
        if not self._tables.changed:
            self._db.execute("ROLLBACK")
            return
        self._tables.flush()
        self._db.execute("COMMIT")
        self._tables.settle()
        self._counts["commits"] += 1
        self._counts["batches"] += len(group)
        self._counts["events"] += sum([ticket.weight for ticket in group])

    def _perform(self, ticket: Ticket) -> None:
        ticket.result = ticket.error = None
        try:
            if isinstance(ticket.work, Batch):
                ticket.result = self._ledger.commit(ticket.work)
            else:
                ticket.result = ticket.work(self._ledger)
        except StateError as exc:  # refused before its first write
            ticket.error = exc
            self._counts["refused"] += 1

    def _one_by_one(self, group: list[Ticket], exc: Exception) -> None:
        if len(group) > 1:
            for ticket in group:
                self._commit([ticket])
            return
        error = StorageError(f"the journal could not write this batch ({exc!r}): please report it with the log")
        error.__cause__ = exc
        group[0].result, group[0].error = None, exc if isinstance(exc, StorageError) else error
        logger.error("a batch could not be written", exc_info=exc)

    def _fail(self, group: list[Ticket], exc: apsw.Error) -> None:
        error = translate(exc, self._path)
        error.__cause__ = exc
        if not isinstance(exc, TRANSIENT):
            self._failed = error
            logger.error("the journal takes no more work: %s", error)
        for ticket in group:
            ticket.result, ticket.error = None, error

    def _roll_back(self) -> None:
        self._tables.forget()
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except apsw.Error:
                logger.exception("a transaction could not be rolled back")

    def _answer(self, group: list[Ticket], seconds: float) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, group, seconds)
        except RuntimeError:  # the loop was closed: nobody waits any more
            logger.debug("results of %d batches have no reader", len(group))

    def _wal_grew(self, db: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_if_due(self) -> None:
        if self._wal_pages < self._checkpointed_at:  # the WAL began anew
            self._checkpointed_at = 0
        if self._wal_pages - self._checkpointed_at >= self._checkpoint_pages:
            self._checkpointed_at = self._wal_pages
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        try:
            self._db.wal_checkpoint(mode=mode)
            self._counts["checkpoints"] += 1
        except TRANSIENT as exc:
            logger.warning("the journal's WAL could not be checkpointed yet: %s", exc)
        except apsw.Error as exc:
            self._fail([], exc)

    def _close(self) -> None:
        if self._failed is None:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._db.close()
