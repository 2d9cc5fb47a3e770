"""The port to the journal: what is committed and what is read.

A stream is a run (its id), a thread (`thread:` + key) or a principal (`principal:` + name). `seq` counts 1, 2, 3…
within a stream, without gaps, and is given out by the journal. The rows are made from the events in the same
transaction (`projection/`) and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from journeyman.errors import StorageError
from journeyman.events.codec import Draft, Entry
from journeyman.events.messages import JSON, Message
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.journal.subscriptions import StreamNotifier

RunStatus = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
Owner = Literal["principal", "key", "agent"]  # what a quota can belong to

OPEN: tuple[RunStatus, ...] = ("queued", "running", "paused")
LEAST_FILE_BYTES = 4096  # that a file counts, since every file takes a block of the disk
MOST_FAILURES = 10_000  # newest failed runs that `failures` groups


# --- what is committed


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Events for one stream.

    With an `epoch`, these are the run's own events: the run must be under this epoch, else StaleEpochError. `known` is
    the highest seq that the writer has applied; later events of other writers are returned in `Committed.external`.

    Without an `epoch`, these are external events: an ApprovalGiven needs its approval to be open, a CancelRequested its
    run, else StateError (`approval_closed` or `run_ended`). For an unknown run they raise NotFoundError.

    `times` (µs since the epoch) are those of the first events, if they are copies of earlier events.
    """

    stream: str
    drafts: tuple[Draft, ...]
    epoch: int | None = None
    known: int = 0
    times: tuple[int, ...] = ()


class IdempotencyClaim(msgspec.Struct, frozen=True, kw_only=True):
    """An idempotency record: the first use of (principal, route, key) and what its batch made.

    A second batch with the same key and body hash commits nothing and returns what the first made
    (`Committed.replay`); with another body hash it raises IdempotencyError. An expired record is ignored. With
    `replaces`, the batch is committed in any case, and its record takes the place of an earlier one.
    """

    principal: str
    route: str
    key: str
    body_hash: str
    expires: int  # µs since the epoch
    made: str = ""  # a run's id or another name; if empty, the journal stores the batch's first event, `stream#seq`
    replaces: bool = False


class Suspect(NamedTuple):
    """A run that may have ended the server: a step of it was in progress at `crashes` unclean ends.

    `blamed`: at the last of them, no other run was driven.
    """

    run_id: str
    crashes: int
    blamed: bool


class StoredDefinition(msgspec.Struct, frozen=True):
    """A resolved agent definition (JSON), stored once under its content hash."""

    version: str
    data: bytes


class ApiKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored API key: the SHA-256 of its secret, never the secret. Times are µs since the epoch."""

    id: str  # the part of the key that may be shown
    name: str
    principal: str
    hash: str  # hexadecimal
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    rate: str | None = None  # limit of its requests, as `100/60s`; None: only the principal's limit holds
    quota: Quota = UNLIMITED
    line: str = ""  # lineage: the key that it replaces by rotation and whose quota it shares; empty: itself
    confirmed: bool = False  # False: an earlier release made it, perhaps for a caller that had to show no key


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored file of a principal. Its bytes are not in the journal. Times are µs since the epoch.

    `unused_since` is the time of its last upload while no thread names it, and 0 if the last thread that did was
    erased. None: a thread names it.
    """

    id: str
    principal: str
    sha256: str  # of its bytes; a principal has them once
    size: int
    media_type: str
    name: str
    width: int | None = None  # of a picture, in pixels
    height: int | None = None
    added_at: int
    unused_since: int | None

    @property
    def charged(self) -> int:
        """The bytes that it takes of its principal's space."""
        return max(self.size, LEAST_FILE_BYTES)


class ToolOutputRow(msgspec.Struct, frozen=True, kw_only=True):
    """The end of what one call of a tool printed in its worker process, masked. `at` is µs since the epoch."""

    run: str
    call: str
    tool: str
    at: int
    text: str


class MostRuns(msgspec.Struct, frozen=True):
    """The limit of an owner's queued and running runs, checked when another run is accepted."""

    owner: Owner
    name: str
    most: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction: all of it is committed, or nothing.

    An append that begins with RunAccepted makes a run: its row, its place in the thread's queue, and the thread's row
    if the thread is new. If the thread's slot is free, the journal itself appends RunStarted under `epoch` (and
    ContextChanged for `RunAccepted.context`) at `at`. An event that ends a run frees the slot and starts the next
    queued run in the same way, in the same transaction; the paused runs that wait for the ended run are running again.

    On a busy thread, `multitask: reject` raises ThreadBusyError, and `multitask: interrupt` appends a CancelRequested
    to every open run of the thread. More than `max_queued` waiting runs (twice that many behind an interrupt) raise
    QueueFullError; so does a limit of `most_runs` that is reached (`too_many_runs`).

    A RunAccepted with `copied` makes a fork: on a new thread, with its RunStarted among the copied events. With
    `retries` it is on the thread of the run that it retries, which must be the last that has started there, else
    StateError (`thread_moved_on`). A RunAccepted with a `parent` makes a child run: a step of the parent, under its
    epoch, must come before it in the batch, else StateError (`unfenced`).

    A run, message or fork that names a file which its principal does not have raises NotFoundError (`file_not_found`);
    files that take more than `most_file_bytes` raise StateError (`files_full`).
    """

    at: int  # µs since the epoch: the time of every event that is not a copy
    appends: tuple[Append, ...]
    claim: IdempotencyClaim | None = None
    definitions: tuple[StoredDefinition, ...] = ()
    api_keys: tuple[ApiKeyRow, ...] = ()  # each is added, or replaces the key with its id
    files: tuple[FileRow, ...] = ()  # each is added, unless its principal has a file with the same bytes
    most_file_bytes: int = 0  # that the files of a principal may take
    outputs: tuple[ToolOutputRow, ...] = ()  # each replaces that of the same call; those of unknown runs are dropped
    epoch: int = 1  # of the runs that this batch starts
    max_queued: int = 16
    most_runs: tuple[MostRuns, ...] = ()
    accept: bool = False  # a new request: written after results of running runs, refused when too many wait
    owner: str = ""  # of a new request: whose share of the places of those that wait it takes


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a batch."""

    entries: tuple[Entry, ...] = ()  # all that were appended, in order, with those that the journal added itself
    external: tuple[Entry, ...] = ()  # events of other writers after `Append.known`, in order
    replay: str | None = None  # what the first batch with this idempotency key made; nothing was appended


# --- what is read


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is listed. Times are µs since the epoch."""

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
    lacks: str | None = None  # what it waits for and its process did not have, as `kind:name`; None: nothing


class ThreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A thread as it is listed. Times are µs since the epoch."""

    key: str
    principal: str
    thread_id: str
    active_run: str | None
    next_no: int  # number of the next message
    window_from: int  # number of the first message in the window of the last model call
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
    """An approval, open or answered. Times are µs since the epoch."""

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
    result: str | None = None  # the result for the decision `done`, unless the answer has another
    default: str | None = None  # the decision when the deadline has passed
    answerer: str = "anyone"  # other: anyone but the principal whose run asks
    hidden: tuple[str, ...] = ()  # names of the redacted arguments


class Idle(msgspec.Struct, frozen=True):
    """A thread without an open run, and when it was last updated (µs since the epoch)."""

    key: str
    updated_at: int


class Size(msgspec.Struct, frozen=True):
    """The size of a journal: threads, with hidden ones, and bytes in use, without free pages of the file."""

    threads: int
    bytes: int


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of `runs`: every field that is not None must match. Times are µs since the epoch.

    `id` is the beginning of the run's id.
    """

    id: str | None = None
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


class RunPage(list[RunRow]):
    """Runs that match a filter, and where the search for more was broken off. None: it was not."""

    def __init__(self, rows: Iterable[RunRow] = (), stopped_at: int | None = None) -> None:
        super().__init__(rows)
        self.stopped_at = stopped_at


class FailureRow(msgspec.Struct, frozen=True, kw_only=True):
    """Failed runs of one agent with one error code: their number, times (µs since the epoch) and latest run."""

    code: str
    agent: str | None
    count: int
    first_at: int
    last_at: int
    latest_run: str
    error_id: str | None  # of the latest
    last_seq: int  # of the latest


class Journal(Protocol):
    """The journal. All methods may be called concurrently; a read sees everything acknowledged before it."""

    async def open(self) -> None:
        """Take ownership (SQLite: the file lock) and migrate. Raises ConfigurationError or StorageError."""
        ...

    async def close(self) -> None:
        """Finish what was submitted, then release everything; idempotent."""
        ...

    @property
    def epoch(self) -> int:
        """The epoch of this start, higher than any before it."""
        ...

    @property
    def healthy(self) -> bool:
        """False after a failed COMMIT or fsync: no more batches are accepted until a restart."""
        ...

    @property
    def trouble(self) -> StorageError | None:
        """Why commits fail now. None: they succeed. While `healthy`, the trouble may pass by itself."""
        ...

    @property
    def notifier(self) -> StreamNotifier:
        """The notifier that wakes the readers of every stream to which this journal commits."""
        ...

    async def commit(self, batch: Batch) -> Committed:
        """Commit a batch. Returns once it is durable.

        A refused batch (StateError, StaleEpochError, …) changes nothing. Raises ResourceError (`overloaded`) if the
        write queue is full, StorageError if the disk failed.
        """
        ...

    def submit(self, batch: Batch) -> Pending:
        """Submit a batch without waiting. Batches are written in the order of submission. Await the result."""
        ...

    async def take_over(self) -> Sequence[RunRow]:
        """Raise every open run to the epoch of this start. Returns the running and paused ones, oldest first."""
        ...

    async def suspects(self) -> Sequence[Suspect]:
        """Return the running runs that had a step in progress at an unclean end, by crashes and then by age.

        Those with the most crashes come first, and of them the newest.
        """
        ...

    async def note_alone(self, run_id: str | None) -> None:
        """Note that from now on this process drives no run but this suspect. None: it drives any."""
        ...

    async def drop_crash_counts(self) -> None:
        """Count from zero again for every run: what ended the server was found."""
        ...

    async def note_clean_end(self) -> None:
        """Note that this process ends on purpose: what it leaves open does not count as a crash."""
        ...

    async def lacking(self, after: int = 0, limit: int = 500) -> Sequence[RunRow]:
        """Return the runs that wait for what their process lacked, oldest first, by an index.

        `after` is the `accepted_no` of the last row seen.
        """
        ...

    async def note_lack(self, run_id: str, lacks: str | None) -> None:
        """Note in a run's row alone what the run lacks, for a run whose events this release must not append to.

        None: it lacks nothing any more.
        """
        ...

    async def erase_thread(self, key: str, at: int, by: str) -> bool:
        """Delete a thread with its runs, events, messages, approvals and idempotency records, in small transactions.

        A tombstone (ThreadErased) stays in the principal's stream. Returns False if there is no such thread. Raises
        StateError (`run_active`) while one of its runs is open.
        """
        ...

    async def idle_threads(self, limit: int, prefix: str = "") -> Sequence[Idle]:
        """Return the threads without an open run, with hidden ones, those that were idle longest first.

        Their ids begin with `prefix`.
        """
        ...

    async def size(self) -> Size:
        """Return the size of the journal."""
        ...

    async def read(self, stream: str, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Return at most `limit` entries of a stream with seq > after, in order."""
        ...

    async def run(self, id: str) -> RunRow | None:
        """Return a run. Returns None if there is no such run."""
        ...

    async def runs(self, where: RunFilter, cursor: int | None = None, limit: int = 50) -> RunPage:
        """Return the runs that match, newest first. `cursor` is the `accepted_no` of the last row seen.

        The search may be broken off before `limit` runs are found; `stopped_at` is the cursor to go on from then.
        """
        ...

    async def failures(self, principal: str | None, limit: int = 50) -> Sequence[FailureRow]:
        """Group the newest MOST_FAILURES failed runs, of one principal or of all. The latest failure comes first."""
        ...

    async def thread(self, key: str) -> ThreadRow | None:
        """Return a thread. Returns None if there is no such thread, or it is being erased."""
        ...

    async def threads(self, principal: str, cursor: str | None = None, limit: int = 50) -> Sequence[ThreadRow]:
        """Return a principal's threads by key, ascending. `cursor` is the last key seen."""
        ...

    async def newest_threads(
        self, principal: str, cursor: tuple[int, str] | None = None, limit: int = 50, prefix: str = ""
    ) -> Sequence[ThreadRow]:
        """Return a principal's threads without hidden ones, those that were updated last first.

        `cursor` is (`updated_at`, `key`) of the last thread seen, `prefix` the beginning of the threads' ids.
        """
        ...

    async def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        """Return the thread's messages numbered `first_no` to `last_no`, in order. The caller bounds their number."""
        ...

    async def global_context(self, principal: str) -> dict[str, JSON]:
        """Return the context of a principal, empty if it has none."""
        ...

    async def approval(self, id: str) -> ApprovalRow | None:
        """Return an approval. Returns None if there is no such approval."""
        ...

    async def approvals(
        self, principal: str | None, cursor: str | None = None, limit: int = 50, run: str | None = None
    ) -> Sequence[ApprovalRow]:
        """Return open approvals by id, ascending, of one principal or of all. `cursor` is the last id seen."""
        ...

    async def answered_approvals(
        self, principal: str | None, before: str | None = None, limit: int = 50
    ) -> Sequence[ApprovalRow]:
        """Return approvals that are no longer open by id, descending, of one principal or of all.

        `before` is the last id seen.
        """
        ...

    async def due_approvals(self, limit: int = 50) -> Sequence[ApprovalRow]:
        """Return the open approvals that have a deadline, the earliest deadline first."""
        ...

    async def definition(self, version: str) -> StoredDefinition | None:
        """Return a stored agent definition. Returns None if the version was never stored."""
        ...

    async def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        """Return the idempotency record of a key, even an expired one. Returns None if there is none."""
        ...

    async def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        """Return the number of the message of an event. Returns None if it waits for its number."""
        ...

    async def api_key(self, id: str) -> ApiKeyRow | None:
        """Return an API key, even a revoked or expired one. Returns None if there is no such key."""
        ...

    async def api_keys(self) -> Sequence[ApiKeyRow]:
        """Return all API keys by id, with revoked and expired ones."""
        ...

    async def tool_outputs(self, run: str) -> Sequence[ToolOutputRow]:
        """Return what the calls of a run printed, in the order in which they ended."""
        ...

    async def file(self, id: str) -> FileRow | None:
        """Return a stored file. Returns None if there is no such file."""
        ...

    async def file_with(self, principal: str, sha256: str) -> FileRow | None:
        """Return the principal's file with these bytes. Returns None if it has none."""
        ...

    async def file_bytes(self, principal: str) -> int:
        """Return how many bytes the files of a principal take."""
        ...

    async def collect_files(self, before: int, limit: int) -> Sequence[str]:
        """Delete at most `limit` files that no thread names and that were last uploaded before this time (µs).

        Returns their ids. Their bytes are the caller's to delete.
        """
        ...

    async def used(self, budget: str, day: int) -> tuple[int, float]:
        """Return the tokens and dollars charged to a budget or reserved on a day (days since 1970-01-01, UTC)."""
        ...

    def stats(self) -> Mapping[str, float]:
        """Return queue depth, commits, batches and commit seconds, for readiness and metrics."""
        ...


class Pending(Protocol):
    """A submitted batch. Awaiting it returns, or raises, what `commit` does; it may be awaited more than once."""

    def __await__(self) -> Generator[Any, None, Committed]: ...

    def done(self) -> bool:
        """Return whether the batch was committed or refused."""
        ...
