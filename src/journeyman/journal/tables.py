"""The rows beside the events, and the primitive operations on them that every backend gives to the transactions.

All of it is synchronous and happens inside one transaction of the backend. `Run` and `Thread` are working copies:
they are changed in place and handed back with `save_run` and `save_thread`; a backend may keep them between
transactions, and drops them when one is rolled back.
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
    IdempotencyClaim,
    Owner,
    RunRow,
    RunStatus,
    StoredDefinition,
    ThreadRow,
)


class Run(msgspec.Struct, kw_only=True):
    """A run's row. `last_seq` and `open_approvals` are known from other tables; `copied` is stored nowhere."""

    id: str
    thread: str
    principal: str
    accepted_no: int
    accepted_at: int
    agent: str | None = None
    version: str | None = None
    parent: str | None = None
    direct: bool = False  # a lone tool call: makes no messages
    has_input: bool = False  # seq 1 holds the user's message
    copied: int = 0  # while a fork is written: events 1 to this one repeat its parent's
    status: RunStatus = "queued"
    epoch: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    error_code: str | None = None
    error_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    key: str | None = None  # the API key whose quota it uses
    reserved: dict[str, Reservation] = {}  # call -> what is set aside for it
    last_seq: int = 0
    open_approvals: list[str] = []

    @property
    def open(self) -> bool:
        return self.status in OPEN

    def row(self) -> RunRow:
        return RunRow(**{name: getattr(self, name) for name in RunRow.__struct_fields__})


class Thread(msgspec.Struct, kw_only=True):
    """A thread's row. `next_no`, `queue` and `pending` are known from other tables, not stored with it."""

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
    pinned: list[int] = []  # numbers of its pinned messages
    summary: tuple[str, int] | None = None  # (stream, seq) of the last summary of its messages before `window_from`
    erasing: bool = False  # its erasure has begun and will be finished
    next_no: int = 1
    queue: list[str] = []  # runs that wait for the slot, in the order of acceptance
    pending: list[tuple[str, int]] = []  # messages (stream, seq) that get their numbers when the active run ends

    def row(self) -> ThreadRow:
        return ThreadRow(**{name: getattr(self, name) for name in ThreadRow.__struct_fields__})


class Tables(Protocol):
    """What the transactions need of a backend."""

    def run(self, id: str) -> Run | None: ...

    def save_run(self, run: Run) -> None: ...

    def accepted_no(self, id: str) -> int:
        """The place of a run, whose first event was appended just now, in the order of acceptance over all runs."""
        ...

    def open_runs(self) -> Sequence[Run]:
        """Runs not ended, oldest first."""
        ...

    def at_work(self, owner: Owner, name: str) -> int:
        """How many of its runs are queued or running; children count with their parent."""
        ...

    def spend(self, budget: str, day: int, tokens: int, cost_usd: float) -> None:
        """Add to what a budget was charged on a day. Days long gone may be dropped on the way."""
        ...

    def thread(self, key: str) -> Thread | None: ...

    def save_thread(self, thread: Thread) -> None: ...

    def last_seq(self, stream: str) -> int:
        """0: the stream has no events. Of a run, `Run.last_seq` is the same and cheaper."""
        ...

    def append(self, entry: Entry) -> None: ...

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]: ...

    def add_message(self, thread: str, no: int, stream: str, seq: int) -> None: ...

    def replace_message(self, thread: str, stream: str, seq: int, new_seq: int) -> None:
        """Point the message that event `seq` made, numbered or pending, to event `new_seq` of the same stream."""
        ...

    def add_pending(self, thread: str, stream: str, seq: int) -> None: ...

    def drop_pending(self, thread: str) -> None: ...

    def approval(self, id: str) -> ApprovalRow | None: ...

    def save_approval(self, row: ApprovalRow) -> None: ...

    def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None: ...

    def save_claim(self, claim: IdempotencyClaim, now: int) -> None:
        """Store or replace it; claims that expired before `now` may be dropped on the way."""
        ...

    def save_api_key(self, row: ApiKeyRow) -> None: ...

    def add_definition(self, definition: StoredDefinition) -> None:
        """Nothing happens if its version is stored already."""
        ...

    def global_context(self, principal: str) -> dict[str, JSON]: ...

    def save_global_context(self, principal: str, context: dict[str, JSON]) -> None: ...

    def erase_some(self, thread: str, limit: int) -> bool:
        """Delete about `limit` rows of a thread and of its runs, the thread's own row last. True: nothing is left."""
        ...
