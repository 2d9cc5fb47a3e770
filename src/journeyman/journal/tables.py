"""The rows beside the events, and the operations on them that every backend gives to the transactions.

All operations are synchronous and happen inside one transaction of the backend. `Run` and `Thread` are working copies:
the transactions change them in place and hand them back with `save_run` and `save_thread`. A backend may keep them
between transactions; it drops them when a transaction is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.messages import JSON
from journeyman.events.quota import Reservation
from journeyman.journal.journal import (
    OPEN,
    ApiKeyRow,
    ApprovalRow,
    FileRow,
    IdempotencyClaim,
    Owner,
    RunRow,
    RunStatus,
    StoredDefinition,
    Suspect,
    ThreadRow,
    ToolOutputRow,
)


class Run(msgspec.Struct, kw_only=True):
    """The working copy of a run's row.

    `last_seq` and `open_approvals` come from other tables. `copied` and `retries` are not stored.
    """

    id: str
    thread: str
    principal: str
    accepted_no: int
    accepted_at: int
    agent: str | None = None
    version: str | None = None
    parent: str | None = None
    direct: bool = False  # a lone tool call, which adds no messages
    has_input: bool = False  # the first event holds the user's message
    copied: int = 0  # while a fork or a retry is written: events 1 to this one are copies of its parent's
    retries: bool = False  # while a retry is written
    status: RunStatus = "queued"
    epoch: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    error_code: str | None = None
    error_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    key: str | None = None  # the API key whose quota the run uses
    lacks: str | None = None  # what the run waits for, as `kind:name`; None: nothing but answers and child runs
    reserved: dict[str, Reservation] = {}  # open model call -> its reservation
    last_seq: int = 0
    open_approvals: list[str] = []

    @property
    def open(self) -> bool:
        return self.status in OPEN

    def row(self) -> RunRow:
        """Return the row as readers get it."""
        return RunRow(**{name: getattr(self, name) for name in RunRow.__struct_fields__})


class Thread(msgspec.Struct, kw_only=True):
    """The working copy of a thread's row. `next_no`, `queue` and `pending` come from other tables."""

    key: str
    principal: str
    thread_id: str
    created_at: int
    updated_at: int
    active_run: str | None = None
    window_from: int = 1
    context: dict[str, JSON] = {}
    title: str = ""
    meta: dict[str, JSON] = {}
    pinned: list[int] = []  # numbers of the pinned messages
    summary: tuple[str, int] | None = None  # (stream, seq) of the newest summary of the messages before `window_from`
    unreadable: bool = False  # a run has failed because the thread's history cannot be decoded
    erasing: bool = False  # the erasure has begun and will be finished
    next_no: int = 1
    queue: list[str] = []  # runs that wait for the slot, in order of acceptance
    pending: list[tuple[str, int]] = []  # messages (stream, seq) that get their numbers when the active run ends

    def row(self) -> ThreadRow:
        """Return the row as readers get it."""
        return ThreadRow(**{name: getattr(self, name) for name in ThreadRow.__struct_fields__})


class Tables(Protocol):
    """What the transactions need of a backend."""

    def run(self, id: str) -> Run | None:
        """Return a run's working copy. Returns None if there is no such run."""
        ...

    def save_run(self, run: Run) -> None:
        """Store a run that is new or was changed."""
        ...

    def accepted_no(self, id: str) -> int:
        """Return a new run's place in the order of acceptance over all runs. Its first event was just appended."""
        ...

    def open_runs(self) -> Sequence[Run]:
        """Return all runs that have not ended, oldest first."""
        ...

    def since_last_start(self, run: Run) -> Sequence[Entry]:
        """Return the events of a run since it was last started, resumed or forked, with that event first."""
        ...

    def clean_epoch(self) -> int:
        """Return the epoch of the last process that ended on purpose while it drove runs, 0 if there was none."""
        ...

    def save_clean_epoch(self, epoch: int) -> None:
        """Store the epoch of a process that ends on purpose."""
        ...

    def count_crash(self, run: Run) -> None:
        """Count an unclean end against a run. The run is blamed if it was alone in its epoch."""
        ...

    def suspects(self) -> Sequence[Suspect]:
        """Return the running runs that were counted against, as `Journal.suspects` does."""
        ...

    def save_alone(self, run_id: str | None, epoch: int) -> None:
        """Store that this run alone is driven in this epoch. None: no run is alone."""
        ...

    def drop_crash_counts(self, ended_only: bool) -> None:
        """Delete what was counted against runs that have ended, or against all."""
        ...

    def last_started(self, thread: str) -> str | None:
        """Return the newest run of a thread that has started. Returns None if none has."""
        ...

    def at_work(self, owner: Owner, name: str) -> int:
        """Return how many runs of an owner are queued or running. Child runs count with their parent."""
        ...

    def spend(self, budget: str, day: int, tokens: int, cost_usd: float) -> None:
        """Add to what a budget was charged on a day. May also drop the charges of days long past."""
        ...

    def thread(self, key: str) -> Thread | None:
        """Return a thread's working copy. Returns None if there is no such thread."""
        ...

    def save_thread(self, thread: Thread) -> None:
        """Store a thread that is new or was changed."""
        ...

    def last_seq(self, stream: str) -> int:
        """Return the seq of a stream's last event, 0 if it has none. For a run, `Run.last_seq` is cheaper."""
        ...

    def append(self, entry: Entry) -> None:
        """Append an event to its stream."""
        ...

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        """Return at most `limit` events of a stream with seq > after, in order."""
        ...

    def add_message(self, thread: str, no: int, stream: str, seq: int) -> None:
        """Make the event (stream, seq) message number `no` of the thread."""
        ...

    def replace_message(self, thread: str, stream: str, seq: int, new_seq: int) -> None:
        """Point the message that event `seq` made, numbered or pending, to event `new_seq` of the same stream."""
        ...

    def add_pending(self, thread: str, stream: str, seq: int) -> None:
        """Store a message that gets its number when the thread's active run ends."""
        ...

    def drop_pending(self, thread: str) -> None:
        """Forget the thread's pending messages, which have their numbers now."""
        ...

    def approval(self, id: str) -> ApprovalRow | None:
        """Return an approval. Returns None if there is no such approval."""
        ...

    def save_approval(self, row: ApprovalRow) -> None:
        """Store an approval that is new or was answered."""
        ...

    def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        """Return the idempotency record of a key, even an expired one. Returns None if there is none."""
        ...

    def save_claim(self, claim: IdempotencyClaim, now: int) -> None:
        """Store or replace an idempotency record. May also drop records that expired before `now`."""
        ...

    def save_api_key(self, row: ApiKeyRow) -> None:
        """Store or replace an API key."""
        ...

    def add_definition(self, definition: StoredDefinition) -> None:
        """Store an agent definition, unless its version is already stored."""
        ...

    def global_context(self, principal: str) -> dict[str, JSON]:
        """Return the context of a principal, empty if it has none."""
        ...

    def save_global_context(self, principal: str, context: dict[str, JSON]) -> None:
        """Replace the context of a principal."""
        ...

    def save_output(self, row: ToolOutputRow) -> None:
        """Store or replace what a call of a run printed. The run exists."""
        ...

    def file(self, id: str) -> FileRow | None:
        """Return a stored file. Returns None if there is no such file."""
        ...

    def file_with(self, principal: str, sha256: str) -> FileRow | None:
        """Return the principal's file with these bytes. Returns None if it has none."""
        ...

    def file_bytes(self, principal: str) -> int:
        """Return how many bytes the files of a principal take."""
        ...

    def add_file(self, row: FileRow) -> None:
        """Store a file that is new."""
        ...

    def set_unused(self, file: str, since: int) -> None:
        """Store when a file that no thread names was last uploaded."""
        ...

    def refer_file(self, thread: str, file: str) -> None:
        """Store that the thread names the file. The file is in use from now on."""
        ...

    def collect_files(self, before: int, limit: int) -> Sequence[str]:
        """Delete at most `limit` files that are unused since a time before this one (µs). Returns their ids."""
        ...

    def erase_some(self, thread: str, limit: int) -> bool:
        """Delete about `limit` rows of a thread and of its runs, the thread's row last.

        Returns True once nothing is left.
        """
        ...


def require_run(tables: Tables, id: str) -> Run:
    """Return a run that must exist."""
    run = tables.run(id)
    assert run is not None, id
    return run


def require_thread(tables: Tables, key: str) -> Thread:
    """Return a thread that must exist."""
    thread = tables.thread(key)
    assert thread is not None, key
    return thread
