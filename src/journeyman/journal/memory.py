"""The journal in memory: same transactions and rows as on disk. For tests, and for runs that need not be kept."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec

from journeyman.errors import BaseError, StorageError
from journeyman.events.charging import with_reserved
from journeyman.events.codec import Entry
from journeyman.events.events import START_TYPES, ToolCallStarted
from journeyman.events.messages import JSON
from journeyman.events.streams import event_key_range, thread_stream, visible_key_range
from journeyman.events.transcript import stored_message
from journeyman.journal.journal import (
    MOST_FAILURES,
    ApiKeyRow,
    ApprovalRow,
    Batch,
    Committed,
    FailureRow,
    FileRow,
    IdempotencyClaim,
    Idle,
    MessageRow,
    Owner,
    RunFilter,
    RunPage,
    RunRow,
    Size,
    StoredDefinition,
    Suspect,
    ThreadRow,
    ToolOutputRow,
)
from journeyman.journal.subscriptions import StreamNotifier
from journeyman.journal.tables import Run, Thread
from journeyman.journal.transactions import Transactions

# Fields of RunFilter that are compared with the run's field of the same name.
_EQUAL = ("principal", "thread", "status", "agent", "parent", "error_code", "error_id", "request_id", "trace_id")


class MemoryTables:
    """Tables as dictionaries. The working copies are the rows themselves."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.threads: dict[str, Thread] = {}
        self.events: dict[str, list[Entry]] = {}
        self.messages: dict[str, list[tuple[str, int]]] = {}  # thread -> events of its messages 1, 2, 3…
        self.approvals: dict[str, ApprovalRow] = {}
        self.claims: dict[tuple[str, str, str], IdempotencyClaim] = {}
        self.definitions: dict[str, StoredDefinition] = {}
        self.contexts: dict[str, dict[str, JSON]] = {}
        self.api_keys: dict[str, ApiKeyRow] = {}
        self.budgets: dict[tuple[int, str], tuple[int, float]] = {}  # (day, budget) -> charged tokens and dollars
        self.files: dict[str, FileRow] = {}
        self.outputs: dict[tuple[str, str], ToolOutputRow] = {}
        self.file_references: set[tuple[str, str]] = set()  # (thread, file)
        self.crashes: dict[str, Suspect] = {}
        self.alone: tuple[str | None, int] = None, 0  # the run that is driven alone, and the epoch
        self._clean_epoch = 0
        self._accepted = 0

    def run(self, id: str) -> Run | None:
        return self.runs.get(id)

    def save_run(self, run: Run) -> None:
        self.runs[run.id] = run

    def accepted_no(self, id: str) -> int:
        self._accepted += 1
        return self._accepted

    def open_runs(self) -> Sequence[Run]:
        return [run for run in self.runs.values() if run.open]

    def since_last_start(self, run: Run) -> Sequence[Entry]:
        entries = self.events.get(run.id, [])
        starts = [place for place, entry in enumerate(entries) if entry.type in START_TYPES]
        return entries[starts[-1] :] if starts else ()

    def clean_epoch(self) -> int:
        return self._clean_epoch

    def save_clean_epoch(self, epoch: int) -> None:
        self._clean_epoch = epoch

    def count_crash(self, run: Run) -> None:
        before = self.crashes.get(run.id, Suspect(run.id, 0, False))
        self.crashes[run.id] = Suspect(run.id, before.crashes + 1, self.alone == (run.id, run.epoch))

    def suspects(self) -> Sequence[Suspect]:
        found = [each for each in self.crashes.values() if self.runs[each.run_id].status == "running"]
        return sorted(found, key=lambda each: (-each.crashes, -self.runs[each.run_id].accepted_no))

    def save_alone(self, run_id: str | None, epoch: int) -> None:
        self.alone = run_id, epoch

    def drop_crash_counts(self, ended_only: bool) -> None:
        self.crashes = {id: each for id, each in self.crashes.items() if ended_only and self.runs[id].open}

    def last_started(self, thread: str) -> str | None:
        started = [run for run in self.runs.values() if run.thread == thread and run.started_at is not None]
        return max(started, key=lambda run: run.accepted_no).id if started else None

    def at_work(self, owner: Owner, name: str) -> int:
        runs = (run for run in self.runs.values() if _is_at_work(run) and run.parent is None)
        return sum(getattr(run, owner) == name for run in runs)

    def spend(self, budget: str, day: int, tokens: int, cost_usd: float) -> None:
        before = self.budgets.get((day, budget), (0, 0.0))
        self.budgets[day, budget] = before[0] + tokens, before[1] + cost_usd

    def thread(self, key: str) -> Thread | None:
        return self.threads.get(key)

    def save_thread(self, thread: Thread) -> None:
        self.threads[thread.key] = thread

    def last_seq(self, stream: str) -> int:
        return len(self.events.get(stream, ()))

    def append(self, entry: Entry) -> None:
        self.events.setdefault(entry.stream, []).append(entry)

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        return self.events.get(stream, [])[max(after, 0) : max(after, 0) + limit]

    def add_message(self, thread: str, no: int, stream: str, seq: int) -> None:
        messages = self.messages.setdefault(thread, [])
        assert no == len(messages) + 1
        messages.append((stream, seq))

    def replace_message(self, thread: str, stream: str, seq: int, new_seq: int) -> None:
        messages = self.messages.get(thread, [])
        for index, message in enumerate(messages):
            if message == (stream, seq):
                messages[index] = (stream, new_seq)

    def add_pending(self, thread: str, stream: str, seq: int) -> None:
        pass  # the working copy `Thread.pending` is the row

    def drop_pending(self, thread: str) -> None:
        pass

    def approval(self, id: str) -> ApprovalRow | None:
        return self.approvals.get(id)

    def save_approval(self, row: ApprovalRow) -> None:
        self.approvals[row.id] = row

    def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return self.claims.get((principal, route, key))

    def save_claim(self, claim: IdempotencyClaim, now: int) -> None:
        self.claims[claim.principal, claim.route, claim.key] = claim

    def save_api_key(self, row: ApiKeyRow) -> None:
        self.api_keys[row.id] = row

    def add_definition(self, definition: StoredDefinition) -> None:
        self.definitions.setdefault(definition.version, definition)

    def global_context(self, principal: str) -> dict[str, JSON]:
        return self.contexts.get(principal, {})

    def save_global_context(self, principal: str, context: dict[str, JSON]) -> None:
        self.contexts[principal] = context

    def file(self, id: str) -> FileRow | None:
        return self.files.get(id)

    def file_with(self, principal: str, sha256: str) -> FileRow | None:
        return next((row for row in self.files.values() if (row.principal, row.sha256) == (principal, sha256)), None)

    def file_bytes(self, principal: str) -> int:
        return sum(row.charged for row in self.files.values() if row.principal == principal)

    def add_file(self, row: FileRow) -> None:
        self.files[row.id] = row

    def set_unused(self, file: str, since: int) -> None:
        self._change_use(file, since)

    def refer_file(self, thread: str, file: str) -> None:
        self.file_references.add((thread, file))
        self._change_use(file, None)

    def _change_use(self, file: str, unused_since: int | None) -> None:
        if (row := self.files.get(file)) is not None:
            self.files[file] = msgspec.structs.replace(row, unused_since=unused_since)

    def collect_files(self, before: int, limit: int) -> Sequence[str]:
        due = (row for row in self.files.values() if row.unused_since is not None and row.unused_since < before)
        collected = [row.id for row in sorted(due, key=lambda row: (row.unused_since or 0, row.id))[:limit]]
        for id in collected:
            del self.files[id]
        return collected

    def _drop_references(self, thread: str) -> None:
        dropped = {file for owner, file in self.file_references if owner == thread}
        self.file_references = {each for each in self.file_references if each[0] != thread}
        kept = {file for _, file in self.file_references}
        for id in dropped - kept:
            if (row := self.files.get(id)) is not None and row.unused_since is None:
                self._change_use(id, 0)

    def save_output(self, row: ToolOutputRow) -> None:
        self.outputs[row.run, row.call] = row

    def erase_some(self, thread: str, limit: int) -> bool:
        self._drop_references(thread)
        erased = {run.id for run in self.runs.values() if run.thread == thread}
        for stream in (*erased, thread_stream(thread)):
            self.events.pop(stream, None)
            self.runs.pop(stream, None)
            self.crashes.pop(stream, None)
        self.approvals = {id: row for id, row in self.approvals.items() if row.run not in erased}
        self.outputs = {key: row for key, row in self.outputs.items() if row.run not in erased}
        self.claims = {key: claim for key, claim in self.claims.items() if not _is_made_by(claim, thread, erased)}
        self.messages.pop(thread, None)
        self.threads.pop(thread, None)
        return True


class SettledBatch:
    """A batch whose outcome is known at once: the port's `Pending`."""

    def __init__(self, outcome: Committed | BaseError) -> None:
        self._outcome = outcome

    def __await__(self) -> Generator[Any, None, Committed]:
        yield from ()  # makes this a generator, as `__await__` has to be
        if isinstance(self._outcome, BaseError):
            raise self._outcome
        return self._outcome

    def done(self) -> bool:
        return True


class MemoryJournal:
    """A journal that ends with its process. Closed and opened again, it has a higher epoch, as after a restart."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self._transactions = Transactions(self.tables)
        self.notifier = StreamNotifier()
        self._epoch = 0
        self._commits = 0

    async def open(self) -> None:
        self._epoch += 1

    async def close(self) -> None:
        pass

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def healthy(self) -> bool:
        return True

    @property
    def trouble(self) -> StorageError | None:
        return None

    async def commit(self, batch: Batch) -> Committed:
        committed = self._transactions.commit(batch)
        self._commits += 1
        self.notifier.committed(committed.entries)
        return committed

    def submit(self, batch: Batch) -> SettledBatch:
        try:
            committed = self._transactions.commit(batch)
        except BaseError as exc:
            return SettledBatch(exc)
        self._commits += 1
        self.notifier.committed(committed.entries)
        return SettledBatch(committed)

    async def take_over(self) -> Sequence[RunRow]:
        return self._transactions.take_over(self._epoch)

    async def suspects(self) -> Sequence[Suspect]:
        return self.tables.suspects()

    async def note_alone(self, run_id: str | None) -> None:
        self.tables.save_alone(run_id, self._epoch)

    async def drop_crash_counts(self) -> None:
        self.tables.drop_crash_counts(ended_only=False)

    async def note_clean_end(self) -> None:
        self.tables.save_clean_epoch(self._epoch)

    async def lacking(self, after: int = 0, limit: int = 500) -> Sequence[RunRow]:
        found = [run for run in self.tables.runs.values() if run.lacks is not None and run.accepted_no > after]
        return [run.row() for run in sorted(found, key=_accepted)[:limit]]

    async def note_lack(self, run_id: str, lacks: str | None) -> None:
        self._transactions.note_lack(run_id, lacks)

    async def erase_thread(self, key: str, at: int, by: str) -> bool:
        tombstone = self._transactions.begin_erasure(key, at, by)
        if tombstone is None:
            return False
        self._transactions.erase_some(key)
        self.notifier.committed((tombstone,))
        return True

    async def idle_threads(self, limit: int, prefix: str = "") -> Sequence[Idle]:
        rows = (row for row in self.tables.threads.values() if row.thread_id.startswith(prefix))
        idle = (row for row in rows if row.active_run is None and not row.queue)
        oldest = sorted(idle, key=lambda row: (row.updated_at, row.key))[:limit]
        return [Idle(row.key, row.updated_at) for row in oldest]

    async def size(self) -> Size:
        stored = sum(len(entry.data) for entries in self.tables.events.values() for entry in entries)
        return Size(len(self.tables.threads), stored + sum(row.charged for row in self.tables.files.values()))

    async def read(self, stream: str, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        return self.tables.entries(stream, after, limit)

    async def run(self, id: str) -> RunRow | None:
        run = self.tables.run(id)
        return run.row() if run is not None else None

    async def runs(self, where: RunFilter, cursor: int | None = None, limit: int = 50) -> RunPage:
        newest_first = sorted(self.tables.runs.values(), key=lambda run: -run.accepted_no)
        found = [run for run in newest_first if (cursor is None or run.accepted_no < cursor) and _matches(run, where)]
        if where.tool is not None:
            found = [run for run in found if self._used_tool(run.id, where.tool)]
        return RunPage(run.row() for run in found[:limit])

    def _used_tool(self, run_id: str, tool: str) -> bool:
        started = [entry.event for entry in self.tables.events[run_id] if entry.type == "tool_call_started"]
        return any(isinstance(event, ToolCallStarted) and event.tool == tool for event in started)

    async def failures(self, principal: str | None, limit: int = 50) -> Sequence[FailureRow]:
        failed = [run for run in self.tables.runs.values() if run.error_code and principal in (None, run.principal)]
        groups: dict[tuple[str | None, str | None], list[Run]] = {}
        for run in sorted(failed, key=lambda run: -(run.ended_at or 0))[:MOST_FAILURES]:
            groups.setdefault((run.error_code, run.agent), []).append(run)
        return sorted(map(_failure_row, groups.values()), key=lambda row: (-row.last_at, row.code, row.agent or ""))[
            :limit
        ]

    async def thread(self, key: str) -> ThreadRow | None:
        thread = self.tables.thread(key)
        return thread.row() if thread is not None else None

    async def threads(self, principal: str, cursor: str | None = None, limit: int = 50) -> Sequence[ThreadRow]:
        owned = [thread for thread in self.tables.threads.values() if thread.principal == principal]
        after = sorted((thread for thread in owned if cursor is None or thread.key > cursor), key=lambda row: row.key)
        return [thread.row() for thread in after[:limit]]

    async def newest_threads(
        self, principal: str, cursor: tuple[int, str] | None = None, limit: int = 50, prefix: str = ""
    ) -> Sequence[ThreadRow]:
        first, end = visible_key_range(principal, prefix)
        owned = [row for row in self.tables.threads.values() if row.principal == principal and first <= row.key < end]
        owned.sort(key=lambda row: (row.updated_at, row.key), reverse=True)
        return [row.row() for row in owned if cursor is None or (row.updated_at, row.key) < cursor][:limit]

    async def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        first_no = max(first_no, 1)
        found = self.tables.messages.get(thread, [])[first_no - 1 : max(last_no, 0)]
        return [self._message(no, stream, seq) for no, (stream, seq) in enumerate(found, first_no)]

    def _message(self, no: int, stream: str, seq: int) -> MessageRow:
        entry = self.tables.events[stream][seq - 1]
        message = stored_message(entry.event)
        assert message is not None, entry
        return MessageRow(no=no, stream=stream, seq=seq, at=entry.at, message=message)

    async def tool_outputs(self, run: str) -> Sequence[ToolOutputRow]:
        return sorted((row for row in self.tables.outputs.values() if row.run == run), key=lambda row: row.at)

    async def global_context(self, principal: str) -> dict[str, JSON]:
        return self.tables.global_context(principal)

    async def approval(self, id: str) -> ApprovalRow | None:
        return self.tables.approval(id)

    async def approvals(
        self, principal: str | None, cursor: str | None = None, limit: int = 50, run: str | None = None
    ) -> Sequence[ApprovalRow]:
        found = (
            row
            for row in self.tables.approvals.values()
            if row.answer is None
            and (principal is None or row.principal == principal)
            and (run is None or row.run == run)
            and (cursor is None or row.id > cursor)
        )
        return sorted(found, key=lambda row: row.id)[:limit]

    async def answered_approvals(
        self, principal: str | None, before: str | None = None, limit: int = 50
    ) -> Sequence[ApprovalRow]:
        found = (
            row
            for row in self.tables.approvals.values()
            if row.answer is not None
            and (principal is None or row.principal == principal)
            and (before is None or row.id < before)
        )
        return sorted(found, key=lambda row: row.id, reverse=True)[:limit]

    async def due_approvals(self, limit: int = 50) -> Sequence[ApprovalRow]:
        waiting = (row for row in self.tables.approvals.values() if row.answer is None and row.deadline is not None)
        return sorted(waiting, key=lambda row: (row.deadline or 0, row.id))[:limit]

    async def definition(self, version: str) -> StoredDefinition | None:
        return self.tables.definitions.get(version)

    async def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return self.tables.claim(principal, route, key)

    async def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        messages = self.tables.messages.get(thread, [])
        return messages.index((stream, seq)) + 1 if (stream, seq) in messages else None

    async def api_key(self, id: str) -> ApiKeyRow | None:
        return self.tables.api_keys.get(id)

    async def api_keys(self) -> Sequence[ApiKeyRow]:
        return sorted(self.tables.api_keys.values(), key=lambda row: row.id)

    async def file(self, id: str) -> FileRow | None:
        return self.tables.file(id)

    async def file_with(self, principal: str, sha256: str) -> FileRow | None:
        return self.tables.file_with(principal, sha256)

    async def file_bytes(self, principal: str) -> int:
        return self.tables.file_bytes(principal)

    async def collect_files(self, before: int, limit: int) -> Sequence[str]:
        return self._transactions.collect_files(before, limit)

    async def used(self, budget: str, day: int) -> tuple[int, float]:
        reserved = (each for run in self.tables.runs.values() for each in run.reserved.values())
        return with_reserved(self.tables.budgets.get((day, budget), (0, 0.0)), reserved, budget, day)

    def stats(self) -> Mapping[str, float]:
        return {"queue_depth": 0, "commits": self._commits, "batches": self._commits, "commit_seconds": 0.0}


def _accepted(run: Run) -> int:
    return run.accepted_no


def _is_at_work(run: Run) -> bool:
    return run.status in ("queued", "running") or (run.status == "paused" and run.lacks is not None)


def _is_made_by(claim: IdempotencyClaim, thread: str, runs: set[str]) -> bool:
    """Return whether the record names one of the runs or an event in the thread's stream."""
    first, end = event_key_range(thread_stream(thread))
    return claim.made in runs or first <= claim.made < end


def _failure_row(runs: Sequence[Run]) -> FailureRow:
    latest, times = max(runs, key=lambda run: run.accepted_no), [run.ended_at or 0 for run in runs]
    return FailureRow(
        code=latest.error_code or "",
        agent=latest.agent,
        count=len(runs),
        first_at=min(times),
        last_at=max(times),
        latest_run=latest.id,
        error_id=latest.error_id,
        last_seq=latest.last_seq,
    )


def _matches(run: Run, where: RunFilter) -> bool:
    wanted = ((getattr(where, name), getattr(run, name)) for name in _EQUAL)
    if any(value is not None and value != found for value, found in wanted) or not run.id.startswith(where.id or ""):
        return False
    since, until = where.since or 0, where.until
    return run.accepted_at >= since and (until is None or run.accepted_at <= until)
