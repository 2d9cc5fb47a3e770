"""The port to the journal: what is committed, what is read, and how a stream is followed.

A stream is a run (its id), a thread (`thread:` + key) or a principal (`principal:` + name). `seq` counts 1, 2, 3…
within a stream, without gaps, and is given out by the journal. Rows (`rows.py`) are made from the events in the
same transaction and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from journeyman.events.codec import Draft, Entry
from journeyman.events.messages import JSON, Message
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.journal.subscriptions import StreamNotifier

RunStatus = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
OPEN: tuple[RunStatus, ...] = ("queued", "running", "paused")
Owner = Literal["principal", "key", "agent"]  # who has quotas


# --- what is committed


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Events for one stream.

    With an `epoch` the append is fenced: the run's epoch must be this one, else StaleEpochError. `known` is the
    highest seq that the writer has applied: what others appended after it comes back in `Committed.outside`.
    `times` are those of the first events, where they are copies of others that happened then (µs since the epoch).
    Without an epoch it is an outside fact: an ApprovalGiven needs its approval open, a CancelRequested its run,
    else StateError (code `approval_closed` or `run_ended`); either of an unknown run is NotFoundError.
    """

    stream: str
    drafts: tuple[Draft, ...]
    epoch: int | None = None
    known: int = 0
    times: tuple[int, ...] = ()


class IdempotencyClaim(msgspec.Struct, frozen=True, kw_only=True):
    """An Idempotency-Key: the first claim of (principal, route, key) wins and stores what its batch made.

    `made` is a run's id or what else names it; empty: the place of the batch's first event, `stream#seq`.
    A second claim with the same body hash commits nothing and answers with what the first made (`Committed.replay`);
    with another body hash it raises IdempotencyError. `expires` is µs since the epoch; an expired claim is free.
    """

    principal: str
    route: str
    key: str
    body_hash: str
    expires: int
    made: str = ""


class StoredDefinition(msgspec.Struct, frozen=True):
    """A resolved agent definition (JSON), stored once under its content hash."""

    version: str
    data: bytes


class ApiKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is stored: the SHA-256 of the secret, never the secret. Times are µs since the epoch."""

    id: str  # the part of the key that may be shown
    name: str
    principal: str
    hash: str  # hexadecimal
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    rate: str | None = None  # of its requests, as `100/60s`; None: only the principal's
    quota: Quota = UNLIMITED
    line: str = ""  # the key that it goes back to by rotation, whose limits it shares; empty: itself


class MostRuns(msgspec.Struct, frozen=True):
    """How many runs of an owner may be queued or running when another is accepted."""

    owner: Owner
    name: str
    most: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction, never split: all of it is committed, or none.

    A RunAccepted as the first event of an append makes the run: the thread row if there is none, its place in the
    thread's queue, and, if the thread's slot is free, a RunStarted (and a ContextChanged for `RunAccepted.context`)
    that the journal itself appends at `at` under `epoch`. With `multitask: reject` a busy thread raises
    ThreadBusyError; with more than `max_queued` runs waiting on the thread, QueueFullError, and likewise
    (`too_many_runs`) where one of `most_runs` does not allow another. With `multitask: interrupt`
    every open run of the thread gets a CancelRequested (they are among the entries; twice `max_queued` may wait until
    those have ended). A RunAccepted with `copied` makes a fork, on a thread of its own: its RunStarted is among the
    copies. One with a `parent` makes a child: an append to the parent, fenced by an epoch, must stand before it in the
    batch, else StateError `unfenced`.
    An event that ends a run frees the thread's slot and in the same transaction starts the next queued run, likewise; a
    paused parent of the run, and those above it, count as running again.
    """

    at: int  # µs since the epoch: the `at` of every event in it
    appends: tuple[Append, ...]
    claim: IdempotencyClaim | None = None
    definitions: tuple[StoredDefinition, ...] = ()
    api_keys: tuple[ApiKeyRow, ...] = ()  # each made, or put in the place of the one with its id
    epoch: int = 1  # of runs that this batch starts
    max_queued: int = 16
    most_runs: tuple[MostRuns, ...] = ()
    accept: bool = False  # new work: waits behind the results of running runs, refused first when the queue is full


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch made."""

    entries: tuple[Entry, ...] = ()  # appended by this batch, in order; those that the journal added included
    outside: tuple[Entry, ...] = ()  # found after `known` of a fenced append, appended by others, in order
    replay: str | None = None  # what the first batch with this claim made; nothing was appended


# --- what is read


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    thread: str  # key
    principal: str
    agent: str | None
    version: str | None
    parent: str | None
    status: RunStatus
    epoch: int
    accepted_no: int  # order of acceptance over all runs
    last_seq: int
    accepted_at: int
    started_at: int | None = None
    ended_at: int | None = None
    error_code: str | None = None
    error_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None


class ThreadRow(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    principal: str
    thread_id: str
    active_run: str | None
    next_no: int  # number of the next message
    window_from: int  # first message of the window of the last model call
    context: dict[str, JSON]
    title: str
    meta: dict[str, JSON]
    created_at: int
    updated_at: int


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message: its number in the thread and the event that holds its text."""

    no: int
    stream: str
    seq: int
    at: int
    message: Message


class ApprovalRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    run: str
    principal: str
    seq: int
    kind: str
    call: str
    tool: str
    arguments: dict[str, JSON]
    message: str
    args_hash: str
    decisions: tuple[str, ...]
    deadline: int | None
    requested_at: int
    answer: str | None = None  # the decision; None: open
    answered_by: str | None = None
    result: str | None = None  # what `done` goes on with unless the answer says otherwise
    default: str | None = None  # the answer when the deadline has passed
    answerer: str = "anyone"  # other: not the principal whose run asks
    hidden: tuple[str, ...] = ()  # arguments that people are not shown


class Idle(msgspec.Struct, frozen=True):
    """A thread without an open run, and when it was last touched (µs since the epoch)."""

    key: str
    updated_at: int


class Size(msgspec.Struct, frozen=True):
    """How much a journal holds: threads, hidden ones too, and bytes in use (free pages of the file are not)."""

    threads: int
    bytes: int


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What `runs` lists; every given field must match. Times are µs since the epoch."""

    principal: str | None = None
    thread: str | None = None
    status: str | None = None
    agent: str | None = None
    tool: str | None = None
    parent: str | None = None
    error_code: str | None = None
    error_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    since: int | None = None
    until: int | None = None


class FailureRow(msgspec.Struct, frozen=True, kw_only=True):
    """Failed runs of one agent with one error code: how many, when (µs since the epoch), and the latest of them."""

    code: str
    agent: str | None
    count: int
    first_at: int
    last_at: int
    latest_run: str
    error_id: str | None  # of the latest
    last_seq: int  # of the latest


MOST_FAILURES = 10_000  # failed runs that are grouped: the newest


class Journal(Protocol):
    """Where events live. Every method is safe under concurrency; reads see all that was acknowledged before them."""

    async def open(self) -> None:
        """Take ownership (SQLite: the file lock) and migrate. Raises ConfigurationError or StorageError."""
        ...

    async def close(self) -> None:
        """Finish what was handed over, then release everything; idempotent."""
        ...

    @property
    def epoch(self) -> int:
        """The epoch of this boot: one more than any before it."""
        ...

    @property
    def healthy(self) -> bool:
        """False after a failed COMMIT or fsync: nothing more is accepted until a restart."""
        ...

    @property
    def notifier(self) -> StreamNotifier:
        """Wakes the readers of every stream to which this journal commits."""
        ...

    async def commit(self, batch: Batch) -> Committed:
        """Durable when it returns. A refused batch (StateError, StaleEpochError, …) fails alone and changes nothing.

        Raises ResourceError (`overloaded`) when the writer's queue is full, StorageError when the disk failed.
        """
        ...

    def submit(self, batch: Batch) -> Pending:
        """`commit` without waiting: batches are written in the order of submission. The result must be awaited."""
        ...

    async def take_over(self) -> Sequence[RunRow]:
        """Raise the epoch of every running or paused run to this boot's, in one transaction, and list them."""
        ...

    async def erase_thread(self, key: str, at: int, by: str) -> bool:
        """Delete a thread, its runs, events, messages, approvals and claims; leave a tombstone (ThreadErased) in the
        principal's stream. Small transactions. False: there is no such thread. StateError `run_active` if a run is
        not ended."""
        ...

    async def idle_threads(self, limit: int) -> Sequence[Idle]:
        """Threads without an open run, hidden ones too, longest untouched first."""
        ...

    async def size(self) -> Size: ...

    async def read(self, stream: str, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Entries with seq > after, in order, at most `limit`."""
        ...

    async def run(self, id: str) -> RunRow | None: ...

    async def runs(self, where: RunFilter, cursor: int | None = None, limit: int = 50) -> Sequence[RunRow]:
        """Newest first; `cursor` is the accepted_no of the last row seen."""
        ...

    async def failures(self, principal: str | None, limit: int = 50) -> Sequence[FailureRow]:
        """The newest MOST_FAILURES failed runs in groups, what failed last first; of one principal or of all."""
        ...

    async def thread(self, key: str) -> ThreadRow | None: ...

    async def threads(self, principal: str, cursor: str | None = None, limit: int = 50) -> Sequence[ThreadRow]:
        """By key, ascending; `cursor` is the last key seen."""
        ...

    async def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        """Messages numbered first_no to last_no, in order of their numbers. The caller bounds the span."""
        ...

    async def global_context(self, principal: str) -> dict[str, JSON]: ...

    async def approval(self, id: str) -> ApprovalRow | None: ...

    async def approvals(
        self, principal: str | None, cursor: str | None = None, limit: int = 50, run: str | None = None
    ) -> Sequence[ApprovalRow]:
        """Open approvals by id, ascending; of one principal or of all."""
        ...

    async def due_approvals(self, limit: int = 50) -> Sequence[ApprovalRow]:
        """Open approvals that have a deadline, the next one first."""
        ...

    async def definition(self, version: str) -> StoredDefinition | None: ...

    async def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        """Also one that is expired."""
        ...

    async def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        """The number of the message that this event holds; None: it waits for one."""
        ...

    async def api_key(self, id: str) -> ApiKeyRow | None: ...

    async def api_keys(self) -> Sequence[ApiKeyRow]:
        """All of them, by id: revoked and expired ones too."""
        ...

    async def used(self, budget: str, day: int) -> tuple[int, float]:
        """Tokens and dollars that a budget was charged on a day (since 1970-01-01, UTC) or open calls set aside."""
        ...

    def stats(self) -> Mapping[str, float]:
        """Queue depth, commits, batches per commit, commit seconds: for readiness and metrics."""
        ...


class Pending(Protocol):
    """A batch on its way to the disk. Awaiting it gives what `commit` gives; it may be awaited more than once."""

    def __await__(self) -> Generator[Any, None, Committed]: ...

    def done(self) -> bool: ...
