"""The writer thread: commits what waits as one group, checkpoints, and settles the group with one call into the loop.

Batches wait in two lanes, each with its own bound: results of running runs are written before new requests, whose
owners take turns. A group is one transaction. A batch that is refused fails alone; a failed COMMIT fails the whole
group.
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

from journeyman.errors import JournalLostError, StateError, StorageError
from journeyman.exhaustion import exhausted_by
from journeyman.journal.journal import Batch, Committed
from journeyman.journal.sqlite.accept_lane import AcceptLane, AcceptPlaces
from journeyman.journal.sqlite.commit_guard import CommitGuard
from journeyman.journal.sqlite.connection import translate
from journeyman.journal.sqlite.tables import SqliteTables
from journeyman.journal.transactions import Transactions

IDLE_SECONDS = 1.0  # between two looks at the file while nothing is written
MOST_OVERTAKEN = 4  # groups of results alone, after which new requests that wait get half of a group

logger = logging.getLogger(__name__)


class GroupCommitted(msgspec.Struct, frozen=True):
    """One group commit, as metrics see it. `seconds` includes the sync to the disk."""

    batches: int
    events: int
    seconds: float


def ignore_group(group: GroupCommitted) -> None:
    """Do nothing: the default hook of group commits."""


class Ticket:
    """Submitted work: the port's `Pending`. The writer thread sets its outcome, the loop's thread settles it."""

    __slots__ = ("_done", "_error", "_result", "_waiters", "accept", "owner", "size", "truncate", "weight", "work")

    def __init__(self, work: Batch | Callable[[Transactions], Any], weight: int, truncate: bool = False) -> None:
        self.work = work
        self.accept = isinstance(work, Batch) and work.accept
        self.owner = work.owner if isinstance(work, Batch) else ""
        self.weight = weight  # number of events
        self.size = 0  # bytes of its events
        self.truncate = truncate  # empty the WAL before the ticket is settled
        self._result: Any = None
        self._error: Exception | None = None
        self._done = False
        self._waiters: list[asyncio.Future[None]] = []

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter  # one future per waiter, so that cancelling one does not cancel the others
        if self._error is not None:
            raise self._error
        return self._result

    @property
    def committed(self) -> Committed | None:
        """What the batch made. None if it was refused, or if the work was no batch."""
        return self._result if isinstance(self._result, Committed) else None

    def done(self) -> bool:
        return self._done

    def succeed(self, result: Any) -> None:
        """Set the result."""
        self._result, self._error = result, None

    def fail(self, error: Exception) -> None:
        """Set the error."""
        self._result, self._error = None, error

    def settle(self) -> None:
        """Hand the outcome to the waiters. Called in the loop's thread."""
        self._done = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()


class Writer:
    """The writer thread, which owns the write connection from `start` to `stop`.

    All public methods are called from the loop's thread.
    """

    def __init__(
        self,
        db: apsw.Connection,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        on_commit: Callable[[Iterable[Committed]], None],
        *,
        batch_size: int,
        max_queue: int,
        accepts: AcceptPlaces,
        checkpoint_pages: int,
        guard: CommitGuard,
        hook: Callable[[GroupCommitted], None] = ignore_group,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._hook = hook
        self._guard = guard
        self._idle_seconds = idle_seconds
        self._db = db
        self._path = path
        self._loop = loop
        self._on_commit = on_commit
        self._batch_size = batch_size
        self._max_queue = max_queue
        self._checkpoint_pages = checkpoint_pages
        self._tables = SqliteTables(db)
        self._transactions = Transactions(self._tables)
        self._results: deque[Ticket] = deque()
        self._accepts: AcceptLane[Ticket] = AcceptLane(accepts)
        self._overtaken = 0  # groups since one had a new request, or none waited
        self._wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._asleep = False
        self._stopping = False
        self._failed: StorageError | None = None  # no more commits until a restart
        self._refusing: StorageError | None = None  # the last commit failed, later ones may succeed
        self._in_flight = 0  # tickets submitted and not settled
        self._results_in_flight = 0  # those of them that are no new requests
        self._unwritten_bytes = 0  # of their events
        self._waiting: list[asyncio.Future[None]] = []  # callers that wait for room in the queue
        self._wal_pages = 0
        self._checkpointed_at = 0
        self._counts = {"commits": 0, "batches": 0, "events": 0, "refused": 0, "checkpoints": 0, "turned_away": 0}
        self._commit_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    # --- in the loop's thread

    def start(self) -> None:
        """Start the thread."""
        self._db.set_wal_hook(self._wal_grew)
        self._thread.start()

    def submit(self, batch: Batch) -> Ticket:
        """Queue a batch. A batch that cannot be queued is settled at once, with an error."""
        weight = sum([len(append.drafts) for append in batch.appends])
        ticket = Ticket(batch, weight)
        ticket.size = sum([len(draft.data) for append in batch.appends for draft in append.drafts])
        return self._enqueue(ticket)

    def call(self, job: Callable[[Transactions], Any], truncate: bool = False) -> Ticket:
        """Queue a job, which the writer thread runs in a transaction."""
        return self._enqueue(Ticket(job, 1, truncate))

    async def room(self) -> None:
        """Wait until the lane of results is no longer full."""
        while self.full:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    def _enqueue(self, ticket: Ticket) -> Ticket:
        refusal = self._refusal(ticket)
        if refusal is not None:
            ticket.fail(refusal)
            ticket.settle()
            return ticket
        self._in_flight += 1
        self._unwritten_bytes += ticket.size
        if ticket.accept:
            self._accepts.put(ticket)
        else:
            self._results_in_flight += 1
            self._results.append(ticket)
        if self._asleep:  # the writer thread looks at its queues once more after it has set this
            self._asleep = False
            self._wake_up.put(None)
        return ticket

    def _refusal(self, ticket: Ticket) -> Exception | None:
        """Return why a ticket cannot be queued now. Returns None if it can."""
        if self._failed is not None:
            return self._failed
        if self._stopping:
            return StorageError("the journal is closed")
        refusal = self._accepts.refusal(ticket.owner) if ticket.accept else None
        self._counts["turned_away"] += refusal is not None
        return refusal

    @property
    def full(self) -> bool:
        """Whether the lane of results is full."""
        return self._results_in_flight >= self._max_queue

    @property
    def healthy(self) -> bool:
        return self._failed is None

    @property
    def trouble(self) -> StorageError | None:
        """Return why commits fail now. None: the last one succeeded."""
        return self._failed or self._refusing

    def stop(self, seconds: float) -> bool:
        """Accept no more work, write what waits, checkpoint and close the connection.

        Returns False if that takes longer than `seconds`.
        """
        self._stopping = True
        if self._thread.ident is None:  # it could not be started
            self._db.close()
            return True
        self._wake_up.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stats(self) -> Mapping[str, float]:
        facts = {"queue_depth": self._in_flight, "unwritten_bytes": self._unwritten_bytes}
        return {**facts, "commit_seconds": self._commit_seconds, **self._counts}

    def _settle(self, group: list[Ticket], seconds: float) -> None:
        """Hand the outcomes of a group to those that wait for them, and notify the readers of its streams."""
        self._in_flight -= len(group)
        for ticket in group:
            self._unwritten_bytes -= ticket.size
            if ticket.accept:
                self._accepts.settle(ticket)
            else:
                self._results_in_flight -= 1
            ticket.settle()
        committed = [each for ticket in group if (each := ticket.committed) is not None]
        self._on_commit(committed)
        if committed:
            self._hook(GroupCommitted(len(committed), sum([len(each.entries) for each in committed]), seconds))
        if self._waiting and not self.full:
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting.clear()

    # --- in the writer thread

    def _run(self) -> None:
        try:
            while self._work():
                pass
        finally:
            self._close()

    def _work(self) -> bool:
        """Write the next group. A fault refuses all later work. Returns False when the writer has to stop."""
        group: list[Ticket] = []
        try:
            group = self._take()
            if not group:
                return False
            seconds = self._commit(group)
            if any(ticket.truncate for ticket in group):
                self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
            handed, group = group, []  # its batches may be large, and the next one may be long in coming
            self._hand_over(handed, seconds)
            del handed
            self._checkpoint_if_due()
        except Exception as exc:  # a writer that ended in silence would leave all that wait for it without an answer
            logger.exception("the journal's writer failed")
            error = StorageError(f"{self._path} is no longer written ({exc!r}): restart the server")
            self._give_up(error)
            _fail_all(group, error)
            self._hand_over(group, 0.0)
        return True

    def _take(self) -> list[Ticket]:
        """Wait for work. Returns the next group. Returns an empty list when the writer has to stop."""
        while not (self._results or self._accepts):
            if self._stopping:
                return []
            self._asleep = True
            if not (self._results or self._accepts or self._stopping):
                self._sleep()
            self._asleep = False
        return self._next_group()

    def _next_group(self) -> list[Ticket]:
        """Return up to `batch_size` events, but at least one batch: results first, unless requests were overtaken."""
        group: list[Ticket] = []
        if self._overtaken >= MOST_OVERTAKEN:
            self._take_accepts(group, self._batch_size // 2)
        room = self._batch_size - sum([ticket.weight for ticket in group])
        while self._results and (not group or self._results[0].weight <= room):
            ticket = self._results.popleft()
            room -= ticket.weight
            group.append(ticket)
        self._take_accepts(group, room)
        overtaken = bool(self._accepts) and not any(ticket.accept for ticket in group)
        self._overtaken = self._overtaken + 1 if overtaken else 0
        return group

    def _take_accepts(self, group: list[Ticket], room: int) -> None:
        """Add new requests to a group, in turns. An empty group takes one however many events it has."""
        while self._accepts and (ticket := self._accepts.take(room if group else None)) is not None:
            room -= ticket.weight
            group.append(ticket)

    def _sleep(self) -> None:
        """Wait until there is work, or until it is time to look at the file."""
        try:
            self._wake_up.get(timeout=self._idle_seconds)
        except queue.Empty:
            self._look()

    def _look(self) -> None:
        """Look at the file while nothing is written. If the last commit failed, try one, so that readiness returns."""
        if self._failed is not None:
            return
        try:
            if self._refusing is not None:
                self._commit_nothing()
            self._guard.look()
        except apsw.Error as exc:
            number = self._db.system_errno
            self._roll_back()
            self._fail([], exc, number)
        except JournalLostError as exc:
            self._roll_back()
            self._give_up(exc)

    def _commit_nothing(self) -> None:
        """Commit a count, to find out whether commits succeed again."""
        self._db.execute("BEGIN IMMEDIATE")
        position = self._guard.count(0)
        self._db.execute("COMMIT")
        self._refusing = None
        self._guard.committed(position)

    def _commit(self, group: list[Ticket]) -> float:
        """Write a group in one transaction. Returns the seconds that it took."""
        start = time.perf_counter()
        try:
            self._transaction(group)
        except apsw.Error as exc:
            number = self._db.system_errno
            self._roll_back()
            self._fail(group, exc, number)
        except JournalLostError as exc:
            self._roll_back()
            self._give_up(exc)
            _fail_all(group, exc)
        except Exception as exc:  # noqa: BLE001  a bug that one batch meets must not fail the others of its group
            self._roll_back()
            self._one_by_one(group, exc)
        seconds = time.perf_counter() - start
        self._commit_seconds += seconds
        return seconds

    def _transaction(self, group: list[Ticket]) -> None:
        if self._failed is not None:
            raise self._failed
        self._db.execute("BEGIN IMMEDIATE")
        if self._guard.is_foreign():
            self._tables.rolled_back()
        for ticket in group:
            self._perform(ticket)
        if not self._tables.changed:
            self._db.execute("ROLLBACK")
            self._guard.look()  # what a repeated request repeats must still be there
            return
        self._tables.flush()
        position = self._guard.count(self._tables.last_event)
        self._db.execute("COMMIT")
        self._tables.committed()
        self._refusing = None
        self._guard.committed(position)
        self._counts["commits"] += 1
        self._counts["batches"] += len(group)
        self._counts["events"] += sum([ticket.weight for ticket in group])

    def _perform(self, ticket: Ticket) -> None:
        try:
            if isinstance(ticket.work, Batch):
                ticket.succeed(self._transactions.commit(ticket.work))
            else:
                ticket.succeed(ticket.work(self._transactions))
        except StateError as exc:  # refused before its first write
            ticket.fail(exc)
            self._counts["refused"] += 1

    def _one_by_one(self, group: list[Ticket], exc: Exception) -> None:
        """Write each batch of a group alone, to find the one that raised `exc`. A single batch fails with it."""
        if len(group) > 1:
            for ticket in group:
                self._commit([ticket])
            return
        error = StorageError(f"the journal could not write this batch ({exc!r}): please report it with the log")
        if exhausted_by(exc) is not None:
            error = self._refusing = translate(exc, self._path)
        error.__cause__ = exc
        group[0].fail(exc if isinstance(exc, StorageError) else error)
        logger.error("a batch could not be written", exc_info=exc)

    def _fail(self, group: list[Ticket], exc: apsw.Error, number: int) -> None:
        """Fail a group. After an error that does not pass by itself, the writer accepts no more work."""
        error = translate(exc, self._path, number)
        error.__cause__ = exc
        if error.retry_after is None:
            self._give_up(error)
        else:
            self._refusing = error
        _fail_all(group, error)

    def _give_up(self, error: StorageError) -> None:
        """Accept no more work."""
        if self._failed is None:
            self._failed = error
            logger.error("the journal accepts no more work: %s", error)

    def _roll_back(self) -> None:
        self._tables.rolled_back()
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except apsw.Error:
                logger.exception("a transaction could not be rolled back")

    def _hand_over(self, group: list[Ticket], seconds: float) -> None:
        """Settle a group in the loop's thread."""
        try:
            self._loop.call_soon_threadsafe(self._settle, group, seconds)
        except RuntimeError:  # the loop was closed, so there are no waiters
            logger.debug("results of %d batches have no reader", len(group))

    def _wal_grew(self, db: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_if_due(self) -> None:
        if self._wal_pages < self._checkpointed_at:  # SQLite started the WAL over
            self._checkpointed_at = 0
        if self._wal_pages - self._checkpointed_at >= self._checkpoint_pages:
            self._checkpointed_at = self._wal_pages
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        try:
            self._db.wal_checkpoint(mode=mode)
            self._counts["checkpoints"] += 1
        except apsw.Error as exc:
            error = translate(exc, self._path, self._db.system_errno)
            if error.retry_after is None:
                self._give_up(error)
            else:
                logger.warning("the journal's WAL could not be checkpointed yet: %s", error)

    def _close(self) -> None:
        if self._failed is None:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._db.close()


def _fail_all(group: list[Ticket], error: StorageError) -> None:
    for ticket in group:
        ticket.fail(error)
