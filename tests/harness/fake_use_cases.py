"""The use cases behind the API as a small double in memory: an agent that answers "echo: " and what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import Action
from journeyman.agents.spec import AgentSpec, GraphSpec, ModelSettings
from journeyman.agents.toolset import Toolset
from journeyman.api.dependencies import ApiDependencies, RequestLimits
from journeyman.clock import Clock, ManualClock
from journeyman.errors import (
    IdempotencyError,
    NotFoundError,
    StateError,
    ThreadBusyError,
    ToolNotFoundError,
    ToolValidationError,
    ValidationError,
)
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import Event, Failure, RunAccepted, RunCancelled, RunFinished, RunPaused, RunStarted
from journeyman.events.fold import AgentState, fold
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import Message, Usage, user
from journeyman.events.streams import ThreadRef
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import (
    ApprovalRow,
    FailureRow,
    MessageRow,
    RunFilter,
    RunPage,
    RunRow,
    ThreadRow,
    ToolOutputRow,
)
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.engine.frames import Frame
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.use_cases.answered_approvals import ApprovalHistory
from journeyman.runtime.use_cases.conversations import ConversationPlace, Conversations
from journeyman.runtime.use_cases.explanations import Explanations, explain
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.held_runs import HeldRuns
from journeyman.runtime.use_cases.requests import (
    ApprovalOutcome,
    ForkRun,
    HumanAnswer,
    IdempotencyKey,
    RetryRun,
    RunResult,
    StartCall,
    Started,
    StartRun,
)
from journeyman.runtime.use_cases.run_digests import RunDigest
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.threads import Threads
from journeyman.runtime.use_cases.waiting_runs import WaitingFilter, WaitingRuns
from journeyman.telemetry.metrics.history import FigureHistory, Reading
from journeyman.tools.lint.checks import LintFinding
from journeyman.tools.spec import ToolSpec

AT = 1_700_000_000_000_000


class FakeRuns(Runs):
    """What the input says decides how the run ends: `fail:CODE`, `pause`, `hang`, `crash`; anything else is echoed."""

    def __init__(self) -> None:
        self.results: dict[str, RunResult] = {}
        self.rows: dict[str, RunRow] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.inputs: dict[str, StartRun | StartCall] = {}
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}
        self.cancelled: list[tuple[str, str]] = []
        self.live: dict[str, asyncio.Queue[Frame | None]] = {}
        self.watchers = 0
        self.approvals_open: list[ApprovalRow] = []
        self.asked: list[RunFilter] = []
        self.stopped_at: int | None = None
        self.principals: list[str] = []  # of runs that were started
        self.failed: list[tuple[FailureRow, str]] = []

    def emit(self, run_id: str, event: Event) -> Entry:
        draft = Codec().draft(event)
        stream = self.entries.setdefault(run_id, [])
        entry = Entry(run_id, len(stream) + 1, draft.type, draft.v, AT + len(stream), draft.data)
        stream.append(entry)
        return entry

    async def start(self, principal: str, request: StartRun) -> Started:
        self.principals.append(principal)
        text = request.input.text
        if text == "crash":
            raise RuntimeError("a secret in /etc/passwd")
        if text == "busy":
            raise ThreadBusyError("The thread has a run.")
        if request.agent not in (None, "support"):
            raise NotFoundError(f"There is no agent {request.agent!r}.")
        earlier = self._replayed(request.key)
        if earlier is not None:
            return Started(run_id=earlier, thread_id=self.results[earlier].thread_id, replayed=True)
        run_id = self._add(request, request.thread_id or "made", "support")
        self.emit(run_id, RunAccepted(thread=ThreadRef(principal, "t").key, principal=principal, input=request.input))
        self.emit(run_id, RunStarted(epoch=1))
        self._end(run_id, text)
        return Started(run_id=run_id, thread_id=request.thread_id or "made")

    def _replayed(self, key: Any) -> str | None:
        if key is None:
            return None
        known = self.keys.get((key.route, key.key))
        if known is None:
            self.keys[key.route, key.key] = (f"run_{len(self.results) + 1}", key.body_hash)
            return None
        if known[1] != key.body_hash:
            raise IdempotencyError("The Idempotency-Key was used with another body.")
        return known[0]

    def _add(self, request: StartRun | StartCall, thread_id: str, agent: str | None) -> str:
        run_id = f"run_{len(self.results) + 1}"
        self.inputs[run_id] = request
        self.results[run_id] = RunResult(
            run_id=run_id, thread_id=thread_id, agent=agent, version="v1", status="running", model="offline"
        )
        self.rows[run_id] = RunRow(
            id=run_id,
            thread=ThreadRef("local", thread_id).key,
            principal="local",
            agent=agent,
            version="v1",
            parent=None,
            status="running",
            epoch=1,
            accepted_no=len(self.results),
            last_seq=2,
            accepted_at=AT,
        )
        return run_id

    def _end(self, run_id: str, text: str) -> None:
        if text.startswith("fail:"):
            self._set(run_id, status="failed", error=Failure(text[5:], "it failed", "err_run"))
        elif text == "pause":
            approval = ApprovalRow(
                id="apr_1",
                run=run_id,
                principal="local",
                seq=3,
                kind="tool",
                call="m1.0",
                tool="refund",
                arguments={"amount": 60},
                message="",
                args_hash="h",
                decisions=("approve", "deny"),
                deadline=None,
                requested_at=AT,
            )
            self.approvals_open.append(approval)
            self.emit(run_id, RunPaused(waiting_for=("apr_1",)))
            self._set(run_id, status="paused", waiting_for="approval", approvals=(approval,))
        elif text == "hang":
            self.live[run_id] = asyncio.Queue(1)
        else:
            self.emit(run_id, RunFinished(output=f"echo: {text}"))
            self._set(run_id, status="finished", response=f"echo: {text}", usage=Usage(3, 4))

    def _set(self, run_id: str, **changes: Any) -> None:
        self.results[run_id] = msgspec.structs.replace(self.results[run_id], **changes)
        self.rows[run_id] = msgspec.structs.replace(
            self.rows[run_id], status=self.results[run_id].status, last_seq=len(self.entries.get(run_id, ()))
        )

    async def call(self, principal: str, request: StartCall) -> Started:
        if request.tool != "get_username":
            raise ToolNotFoundError(f"There is no tool {request.tool!r}.")
        if request.arguments and "fail" not in request.arguments:
            raise ToolValidationError("user: not an argument", code="invalid_arguments")
        earlier = self._replayed(request.key)
        if earlier is not None:
            return Started(run_id=earlier, thread_id="hidden", replayed=True)
        run_id = self._add(request, "hidden", None)
        error = Failure("tool_failed", "it broke") if request.arguments else None
        self._set(run_id, status="finished", response="" if error else "alice", tool=request.tool, error=error)
        return Started(run_id=run_id, thread_id="hidden")

    async def wait(self, run_id: str, seconds: float) -> RunResult:
        if seconds and run_id in self.live:
            await asyncio.sleep(seconds)
        return self.results[run_id]

    async def watch(
        self, principal: str, run_id: str, after: int = 0, *, until_pause: bool = False
    ) -> AsyncIterator[Frame]:
        self.watchers += 1
        try:
            for entry in self.entries[run_id][after:]:
                yield entry
            while run_id in self.live and (frame := await self.live[run_id].get()) is not None:
                yield frame
        finally:
            self.watchers -= 1

    async def cancel(
        self, principal: str, run_id: str, reason: str = "requested", *, key: IdempotencyKey | None = None
    ) -> RunResult:
        result = await self.result(principal, run_id)
        if result.status == "finished":
            raise StateError("The run has ended.", code="run_ended")
        self.cancelled.append((run_id, reason))
        self.emit(run_id, RunCancelled(by=principal, reason=reason))
        self._set(run_id, status="cancelled")
        return self.results[run_id]

    async def answer(
        self,
        principal: str,
        run_id: str,
        answers: Sequence[HumanAnswer],
        *,
        anyone: bool = False,
        key: IdempotencyKey | None = None,
        credential: str | None = None,
    ) -> RunResult:
        await self.get(principal, run_id)
        for answer in answers:
            row = next((row for row in self.approvals_open if row.id == answer.approval), None)
            if row is None:
                raise StateError("The approval was answered.", code="approval_closed")
            if answer.decision not in row.decisions:
                raise ValidationError("Not among the decisions.")
            self.approvals_open.remove(row)
        self._set(run_id, status="running", approvals=(), waiting_for=None)
        return self.results[run_id]

    async def outcome(
        self, principal: str, approval_id: str, *, anyone: bool = False, seconds: float = 0.0
    ) -> ApprovalOutcome:
        row = next((row for row in self.approvals_open if row.id == approval_id), None)
        if row is None:
            raise NotFoundError(f"There is no approval {approval_id!r}.")
        return ApprovalOutcome(approval=row, status=self.results[row.run].status)

    async def tell(self, principal: str, run_id: str, text: str, *, credential: str | None = None) -> RunResult:
        await self.get(principal, run_id)
        raise StateError("The run asks no question now.", code="nothing_asked")

    async def result(self, principal: str, run_id: str) -> RunResult:
        await self.get(principal, run_id)
        return self.results[run_id]

    async def get(self, principal: str, run_id: str) -> RunRow:
        if run_id not in self.rows:
            raise NotFoundError(f"There is no run {run_id!r}.")
        return self.rows[run_id]

    async def list(self, principal: str, where: RunFilter, cursor: int | None, limit: int) -> RunPage:
        self.asked.append(where)
        rows = [row for row in reversed(self.rows.values()) if cursor is None or row.accepted_no < cursor]
        return RunPage([row for row in rows if where.status in (None, row.status)][:limit], self.stopped_at)

    async def digests(self, rows: Sequence[RunRow]) -> Mapping[str, RunDigest]:
        return {row.id: RunDigest("hi", self.results[row.id].usage) for row in rows}

    async def explanations(self, principal: str, run_id: str) -> Explanations:
        await self.get(principal, run_id)
        return explain((entry.seq, entry.at, entry.event) for entry in self.entries.get(run_id, []))

    async def tool_outputs(self, principal: str, run_id: str) -> Sequence[ToolOutputRow]:
        await self.get(principal, run_id)
        return [ToolOutputRow(run=run_id, call="m1.0", tool="pay", at=AT, text="paid\n")]

    async def failures(self, principal: str, limit: int) -> Sequence[tuple[FailureRow, str]]:
        return self.failed[:limit]

    async def events(self, principal: str, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        await self.get(principal, run_id)
        return self.entries.get(run_id, [])[after : after + limit]

    async def state(self, principal: str, run_id: str, at: int | None = None) -> AgentState:
        await self.get(principal, run_id)
        entries = self.entries.get(run_id, [])
        if at is not None and at > len(entries):
            raise NotFoundError(f"The run has no event {at}.")
        return fold(run_id, [(entry.seq, entry.at, entry.event) for entry in entries[:at]])

    async def approvals(self, principal: str | None, cursor: str | None, limit: int) -> Sequence[ApprovalRow]:
        return [row for row in self.approvals_open if cursor is None or row.id > cursor][:limit]


class FakeForks(Forks):
    """Forks become runs that answer with what they were asked."""

    def __init__(self, runs: FakeRuns) -> None:
        self.runs = runs
        self.asked: list[ForkRun] = []
        self.retried: list[RetryRun] = []

    async def fork(self, principal: str, request: ForkRun) -> Started:
        await self.runs.get(principal, request.run_id)
        earlier = self.runs._replayed(request.key)
        if earlier is not None:
            return Started(run_id=earlier, thread_id="fork", replayed=True)
        self.asked.append(request)
        run_id = self.runs._add(StartRun(input=user(f"at {request.at}")), "fork", "support")
        return Started(run_id=run_id, thread_id="fork")

    async def retry(self, principal: str, request: RetryRun) -> Started:
        row = await self.runs.get(principal, request.run_id)
        thread = ThreadRef.parse(row.thread).id
        earlier = self.runs._replayed(request.key)
        if earlier is not None:
            return Started(run_id=earlier, thread_id=thread, replayed=True)
        self.retried.append(request)
        return Started(run_id=self.runs._add(StartRun(input=user("again")), thread, "support"), thread_id=thread)


class FakeConversations(Conversations):
    """Finds by what was remembered; a run that is paused waits."""

    def __init__(self, runs: FakeRuns) -> None:
        self.runs = runs
        self.remembered: dict[str, str] = {}

    async def find(self, principal: str, said: str, thread_id: str | None = None) -> ConversationPlace:
        run_id = self.remembered.get(said)
        if run_id is None:
            return ConversationPlace(thread_id=thread_id, hidden=thread_id is None)
        result = self.runs.results[run_id]
        waiting = result if result.status == "paused" else None
        return ConversationPlace(thread_id=result.thread_id, known=True, waiting=waiting)

    async def remember(self, principal: str, said: str, run_id: str) -> None:
        self.remembered[said] = run_id


class FakeWaitingRuns(WaitingRuns):
    """No run waits."""

    def __init__(self) -> None:
        pass

    async def cancel(self, by: str, where: WaitingFilter) -> list[str]:
        return ["run_w"] if where.agent != "other" else []


class FakeHeldRuns(HeldRuns):
    """Only the run `run_h` is held."""

    def __init__(self) -> None:
        pass

    async def release(self, run_id: str) -> None:
        if run_id != "run_h":
            raise StateError("The run is not held.", code="not_held")


class FakeThreads(Threads):
    def __init__(self) -> None:
        self.rows: dict[str, ThreadRow] = {}
        self.stored: dict[str, list[MessageRow]] = {}
        self.shared: dict[str, Any] = {}

    async def create(
        self,
        principal: str,
        thread_id: str | None,
        title: str = "",
        meta: dict[str, Any] | None = None,
        *,
        key: IdempotencyKey | None = None,
    ) -> ThreadRow:
        thread_id = thread_id or f"t{len(self.rows) + 1}"
        if thread_id in self.rows:
            raise StateError("There is such a thread.", code="thread_exists")
        self.rows[thread_id] = ThreadRow(
            key=ThreadRef(principal, thread_id).key,
            principal=principal,
            thread_id=thread_id,
            active_run=None,
            next_no=1,
            window_from=1,
            context={},
            title=title,
            meta=meta or {},
            created_at=AT,
            updated_at=AT,
        )
        return self.rows[thread_id]

    async def get(self, principal: str, thread_id: str) -> ThreadRow:
        if thread_id not in self.rows:
            raise NotFoundError("There is no such thread.")
        return self.rows[thread_id]

    async def list(self, principal: str, cursor: str | None, limit: int) -> Sequence[ThreadRow]:
        rows = sorted(self.rows.values(), key=lambda row: row.key)
        return [row for row in rows if cursor is None or row.key > cursor][:limit]

    async def previews(self, rows: Sequence[ThreadRow]) -> Mapping[str, str]:
        return {row.key: "Where is it?" if row.next_no > 1 else "" for row in rows}

    async def search(
        self, principal: str, text: str, cursor: tuple[int, str] | None, limit: int
    ) -> tuple[Sequence[ThreadRow], tuple[int, str] | None]:
        rows = await self.newest(principal, cursor, limit)
        return [row for row in rows if text in row.thread_id], None

    async def newest(
        self, principal: str, cursor: tuple[int, str] | None, limit: int, prefix: str = ""
    ) -> Sequence[ThreadRow]:
        rows = sorted(self.rows.values(), key=lambda row: (row.updated_at, row.key), reverse=True)
        after = [row for row in rows if cursor is None or (row.updated_at, row.key) < cursor]
        return [row for row in after if row.thread_id.startswith(prefix)][:limit]

    async def rename(self, principal: str, thread_id: str, title: str) -> ThreadRow:
        self.rows[thread_id] = msgspec.structs.replace(await self.get(principal, thread_id), title=title)
        return self.rows[thread_id]

    async def erase(self, principal: str, thread_id: str) -> None:
        await self.get(principal, thread_id)
        del self.rows[thread_id]

    async def messages(self, principal: str, thread_id: str, after: int, limit: int) -> Sequence[MessageRow]:
        await self.get(principal, thread_id)
        return [row for row in self.stored.get(thread_id, []) if row.no > after][:limit]

    async def add_message(
        self, principal: str, thread_id: str, message: Message, *, key: IdempotencyKey | None = None
    ) -> int | None:
        await self.get(principal, thread_id)
        rows = self.stored.setdefault(thread_id, [])
        no = len(rows) + 1
        rows.append(MessageRow(no=no, stream=f"thread:local/{thread_id}", seq=no, at=AT, message=message))
        return no

    async def patch_context(self, principal: str, thread_id: str, patch: dict[str, Any]) -> dict[str, Any]:
        row = await self.get(principal, thread_id)
        context = merge_patch(row.context, patch)
        self.rows[thread_id] = msgspec.structs.replace(row, context=context)
        return context

    async def global_context(self, principal: str) -> dict[str, Any]:
        return self.shared

    async def patch_global_context(self, principal: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.shared = merge_patch(self.shared, patch)
        return self.shared


class FakeTool(msgspec.Struct):
    spec: ToolSpec
    findings: tuple[LintFinding, ...] = ()


class FakeRegistry:
    def __init__(self, *specs: ToolSpec) -> None:
        self.tools = {spec.name: FakeTool(spec) for spec in specs}

    def get_metrics(self) -> Mapping[str, Mapping[str, Any]]:
        return {"get_username": {"calls": 2}}


class FakeAgent(BaseAgent):
    type = "react_agent"

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        return ()


TOOL = ToolSpec(name="get_username", description="Who it is", parameters={"type": "object"}, source="tools/user.py:3")


def fake_agent(name: str = "support", type: str = "react_agent", graph: GraphSpec | None = None) -> FakeAgent:
    spec = AgentSpec(
        type=type,
        name=name,
        model=ModelSettings(name="offline", extra={"key": "hidden"}),
        prompt="Hi",
        tools=(TOOL,),
        graph=graph,
    )
    return FakeAgent(spec, Toolset((TOOL,), lambda name, arguments: {}), lambda state: "")


def make_ports(clock: Clock | None = None, limits: RequestLimits | None = None, **changes: Any) -> ApiDependencies:
    """Ports over doubles; the catalog has one agent, `support`."""
    runs = FakeRuns()
    given: dict[str, Any] = {
        "runs": runs,
        "forks": FakeForks(runs),
        "conversations": FakeConversations(runs),
        "threads": FakeThreads(),
        "files": FileStore(MemoryJournal(), MemoryBlobs(), clock or ManualClock(), SequentialIds()),
        "waiting": FakeWaitingRuns(),
        "held": FakeHeldRuns(),
        "figures": FigureHistory(clock or ManualClock(), lambda: Reading(gauges={}, counters={}, distributions={})),
        "approval_history": ApprovalHistory(MemoryJournal()),
        "agent_registry": AgentRegistry({"support": fake_agent()}),
        "tool_registry": FakeRegistry(TOOL),
        "clock": clock or ManualClock(),
        "ids": SequentialIds(),
        "limits": limits or RequestLimits(),
        "under_test": True,
        **changes,
    }
    return ApiDependencies(**given)
