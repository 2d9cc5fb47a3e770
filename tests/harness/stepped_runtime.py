"""A runtime that a test drives step by step: no time, no disk, no network; each wait ends when the test says so.

`SimulatedDisk` commits when told to, and forgets what it was not told to commit when the process dies. Models and
tools wait at gates. Nothing here depends on timing, so one list of choices gives one history.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journeyman.agents.agent import BaseAgent
from journeyman.agents.react import DirectAgent, ReactAgent
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.agents.toolset import Toolset
from journeyman.clock import ManualClock
from journeyman.errors import BaseError, ServiceUnavailableError, StorageError, ToolError
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    Failure,
    ModelReplied,
    Multitask,
    RunAccepted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.holds import is_hold_of
from journeyman.events.messages import JSON, Message, TextPart, ToolCall, user
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Batch, Committed
from journeyman.journal.memory import MemoryJournal, SettledBatch
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.suspect_runs import CrashPolicy
from journeyman.runtime.runtime import build_runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.lacks import lack_of_row
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.held_runs import HeldRuns
from journeyman.runtime.use_cases.requests import HumanAnswer, StartRun
from journeyman.tools.spec import CallHost, CallRequest, Question, StoredTool, ToolOutcome, ToolSpec, Unanswered

THREAD = "t"


class PendingBatch:
    """A batch on its way to the disk."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._settled: SettledBatch | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def __await__(self) -> Generator[Any, None, Committed]:
        while self._settled is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter
        return (yield from self._settled.__await__())

    def done(self) -> bool:
        return self._settled is not None

    def settle(self, outcome: SettledBatch) -> None:
        self._settled = outcome
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class SimulatedDisk(MemoryJournal):
    """Commits batch by batch, when told; `held` is what a crash would lose."""

    def __init__(self) -> None:
        super().__init__()
        self.held: deque[PendingBatch] = deque()
        self.dead = False
        self.sound = True

    @property
    def healthy(self) -> bool:
        return self.sound

    def submit(self, batch: Batch) -> PendingBatch:  # type: ignore[override]
        ticket = PendingBatch(batch)
        if not self.dead:
            self.held.append(ticket)
        return ticket

    async def commit(self, batch: Batch) -> Committed:
        return await self.submit(batch)

    def write(self, error: BaseError | None = None) -> None:
        """Commit the oldest batch, or fail it."""
        ticket = self.held.popleft()
        ticket.settle(SettledBatch(error) if error else super().submit(ticket.batch))


@dataclass
class Gate:
    name: str
    future: asyncio.Future[str]


def spec_of(name: str, **changes: Any) -> ToolSpec:
    return StoredTool(name=name, description=name, parameters={"type": "object"}, code_hash="v1", **changes).spec()


SPECS = (
    spec_of("look", effects="none"),
    spec_of("look_asked", effects="none", approval="always"),
    spec_of("look_apart", effects="none", isolation="process"),
    spec_of("put", effects="idempotent"),
    spec_of("put_apart", effects="idempotent", isolation="process", approval="always"),
    spec_of("pay", effects="once", on_unknown="ask"),
    spec_of("pay_asked", effects="once", on_unknown="ask", approval="always"),
    spec_of("pay_apart", effects="once", on_unknown="ask", isolation="process", approval="context.thread.touched"),
    spec_of("tell", effects="once", on_unknown="tell"),
    spec_of("touch", effects="idempotent"),
)
NAMES = (*(spec.name for spec in SPECS), "nope", "look:bad")


class ContextTouched:
    """The approval condition of `pay_apart`: a call of `touch` changed the thread's context before."""

    def holds(self, values: Mapping[str, JSON]) -> bool:
        return bool(values["context"]["thread"].get("touched"))


def check(name: str, arguments: str | dict[str, JSON]) -> dict[str, JSON]:
    if arguments in ("bad", {"bad": True}):
        raise ToolError("These arguments do not fit.", code="invalid_arguments")
    return arguments if isinstance(arguments, dict) else {"raw": arguments}


@dataclass
class SteppedRuntime:
    """`plans`: for each run's text, the tools that each reply asks for; after the last, the model answers."""

    plans: dict[str, Sequence[Sequence[str]]]
    limits: Limits = field(default_factory=Limits)
    specs: tuple[ToolSpec, ...] = SPECS
    slots: int = 512
    patient: bool = False  # whether runs wait for a gateway that is away
    away: bool = False  # whether the gateway is
    remote: tuple[str, ...] = ()  # tools of an MCP server
    server_away: bool = False  # whether that server is
    crashed: CrashPolicy = "hold"
    disk: SimulatedDisk = field(default_factory=SimulatedDisk)
    clock: ManualClock = field(default_factory=ManualClock)
    ids: SequentialIds = field(default_factory=SequentialIds)
    gates: list[Gate] = field(default_factory=list)
    executed: Counter[tuple[str, str]] = field(default_factory=Counter)  # (run, call) -> how often its code ran
    requests: list[ModelRequest] = field(default_factory=list)
    rested: list[AgentState] = field(default_factory=list)  # states that waiters were given
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    errors: list[BaseException] = field(default_factory=list)  # of outside callers
    wrong: list[str] = field(default_factory=list)  # promises broken while it ran

    async def boot(self) -> None:
        """A process starts on this journal and takes over what was under way."""
        await self.disk.open()
        catalog = self.catalog()
        self.definitions = VersionResolver(self.disk, catalog, self.build, self.direct, servers=self.is_connected)
        performer = Performer(self, _Tools(self), self.clock, self.ids)
        parts = RunParts(
            self.disk,
            Codec(),
            self.clock,
            self.ids,
            self.definitions,
            FileStore(self.disk, MemoryBlobs(), self.clock, self.ids),
        )
        patience = GatewayPatience(clock=self.clock, rng=random.Random(1)) if self.patient else None
        runtime = build_runtime(
            parts,
            catalog,
            performer,
            slots=self.slots,
            observe=self._observe,
            patience=patience,
            is_here=self.is_here,
            crashed=self.crashed,
        )
        self.worker, self.runs = runtime.scheduler, runtime.runs
        self.forks, self.threads, self.lacking = runtime.forks, runtime.threads, runtime.lacking
        await self._recover()

    async def _recover(self) -> None:
        """Take over. What that writes, such as that a run is held, is written at once."""
        recovering = asyncio.create_task(self.worker.recover())
        while not recovering.done():
            await asyncio.sleep(0)
            if self.disk.held and not recovering.done():
                self.disk.write()
        await recovering

    @property
    def holds(self) -> HeldRuns:
        """Return what an operator holds and releases runs with."""
        return HeldRuns(self.disk, Codec(), self.clock, self.worker.notify)

    async def release_held(self) -> None:
        """Release all held runs, as an operator does who has killed the server himself."""
        for row in await self.disk.lacking():
            if is_hold_of(lack_of_row(row.lacks or ""), row.id):
                self.spawn(self.holds.release, row.id)

    def _observe(self, run: AgentState, drafts: Any) -> None:
        self.lacking.observe(run, drafts)

    async def is_here(self, name: str) -> bool:
        """Answer the probe of a gateway."""
        return not self.away

    def is_connected(self, tool: str) -> bool | None:
        """Return whether the server of a tool is here. None: the tool has no server."""
        return not self.server_away if tool in self.remote else None

    def catalog(self) -> AgentRegistry:
        return AgentRegistry({"test": self.agent()})

    def agent(self) -> BaseAgent:
        spec = AgentSpec(
            type="react_agent", name="test", model=ModelSettings(name="m"), tools=self.specs, limits=self.limits
        )
        return self.build(spec)

    def build(self, spec: AgentSpec) -> BaseAgent:
        return ReactAgent(spec, Toolset(self.specs, check, {"pay_apart": ContextTouched()}), lambda state: "Be brief.")

    def direct(self, tool: str, agent: str | None) -> DirectAgent:
        spec = AgentSpec(type="direct", name="direct", model=ModelSettings(name=""))
        return DirectAgent(spec, Toolset(self.specs, check), lambda state: "")

    async def crash(self) -> None:
        """As by kill -9: nothing more is written, and no task goes on."""
        self.disk.dead = True
        self.worker.stopping = True
        self.disk.held.clear()
        me = asyncio.current_task()
        while others := asyncio.all_tasks() - {me}:
            for task in others:
                task.cancel()
            await asyncio.sleep(0)
        self.disk.held.clear()
        self.disk.dead = False
        self.tasks.clear()

    # --- what the test does

    def spawn(self, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        """A caller from outside; what it is refused with is kept in `errors`."""

        async def caller() -> None:
            try:
                await work(*arguments)
            except BaseError as exc:
                self.errors.append(exc)

        task = asyncio.create_task(caller())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def say(self, text: str, thread: str = THREAD, multitask: Multitask = "queue") -> None:
        started = await self.runs.start("me", StartRun(input=user(text), thread_id=thread, multitask=multitask))
        await self.follow(started.run_id, thread)

    async def follow(self, run_id: str, thread: str = THREAD) -> None:
        async def idle() -> bool:
            return False

        state = await self.worker.wait(run_id, f"me/{thread}", 1e9, idle)
        if state is not None:
            self.rested.append(state)

    async def answer(self, approval: str, decision: str, arguments: dict[str, JSON] | None = None) -> None:
        row = await self.disk.approval(approval)
        assert row is not None
        result = "as a human said" if decision == "done" else None
        answer = HumanAnswer(approval=approval, decision=decision, arguments=arguments, result=result)  # type: ignore[arg-type]
        await self.runs.answer("me", row.run, [answer])

    def open_gate(self, index: int, how: str = "ok") -> None:
        gate = self.gates.pop(index)
        if not gate.future.done():
            gate.future.set_result(how)

    async def settle(self, rounds: int = 30) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def let_go(self, how: str = "ok", decision: Callable[[Any], str | None] = lambda row: None) -> None:
        """Everything goes on until nothing can: commits, gates, answers by `decision` (None: leave it open)."""
        quiet = 0
        for _ in range(2000):
            await self.settle(8)
            if self.disk.held:
                self.disk.write()
            elif self.gates:
                self.open_gate(0, how)
            elif not await self._answer_one(decision):
                quiet += 1
                if quiet == 4:
                    return
                self.clock.advance(3)
                continue
            quiet = 0
        raise AssertionError("the runtime does not become idle")

    async def _answer_one(self, decision: Callable[[Any], str | None]) -> bool:
        for row in await self.disk.approvals(None):
            if wanted := decision(row):
                self.spawn(self.answer, row.id, wanted)
                return True
        return False

    # --- what happened

    def entries(self, run_id: str) -> list[Entry]:
        return list(self.disk.tables.events.get(run_id, ()))

    def types(self, run_id: str) -> list[str]:
        return [entry.type for entry in self.entries(run_id)]

    def events(self, run_id: str, kind: type[Any]) -> list[Any]:
        return [event for entry in self.entries(run_id) if isinstance(event := entry.event, kind)]

    def retries(self, run_id: str, call: str) -> int:
        """How often a human's `retry` of this call is on the disk; who said it may have died before it was told."""
        asked = {event.approval for event in self.events(run_id, ApprovalRequested) if event.call == call}
        given = self.events(run_id, ApprovalGiven)
        return sum(event.approval in asked and event.decision == "retry" for event in given)

    def state(self, run_id: str) -> AgentState:
        return fold(run_id, ((entry.seq, entry.at, entry.event) for entry in self.entries(run_id)))

    @property
    def run_ids(self) -> list[str]:
        return [run.id for run in sorted(self.disk.tables.runs.values(), key=lambda run: run.accepted_no)]

    def run_of(self, text: str) -> str:
        for run_id in self.run_ids:
            accepted = self.entries(run_id)[0].event
            if isinstance(accepted, RunAccepted) and accepted.input and accepted.input.text == text:
                return run_id
        raise AssertionError(f"no run says {text}")

    # --- the model

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        self.requests.append(request)
        check_transcript(request.messages)
        place = max(index for index, message in enumerate(request.messages) if message.role == "user")
        text = request.messages[place].text
        number = sum(message.role == "assistant" for message in request.messages[place:])
        run_id = self.run_of(text)
        if len(self.events(run_id, ModelReplied)) > number:
            self.wrong.append(f"{run_id}: model call {number} was answered and committed, and is made again")
        while (how := await self.gate(f"model {run_id}")).startswith("say:"):
            if on_delta is not None:
                on_delta(TextDelta(how.removeprefix("say:")))
        if self.away:
            raise ServiceUnavailableError("The gateway is away.", code="gateway_unreachable")
        if how == "error":
            raise BaseError("The gateway failed.", code="gateway_error")
        return ModelReply(message=self._reply(text, number), model="m")

    def _reply(self, text: str, number: int) -> Message:
        plan = self.plans[text]
        if number >= len(plan):
            return Message(role="assistant", content=(TextPart(f"answer to {text}"),))
        calls = enumerate(plan[number])
        asked = tuple(ToolCall(f"{text}-{number}-{at}", name.partition(":")[0], _arguments(name)) for at, name in calls)
        return Message(role="assistant", tool_calls=asked)

    async def aclose(self) -> None:
        pass

    async def gate(self, name: str) -> str:
        gate = Gate(name, asyncio.get_running_loop().create_future())
        self.gates.append(gate)
        try:
            return await gate.future
        finally:
            if gate in self.gates:
                self.gates.remove(gate)


def _arguments(name: str) -> str:
    return "bad" if name.endswith(":bad") else name


class _Tools:
    """Executes: each call's code stops at a gate; how that is opened says how the call ends."""

    def __init__(self, runtime: SteppedRuntime) -> None:
        self._runtime = runtime

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        if request.spec.policy.isolation == "process":
            await self._runtime.gate(f"slot {request.spec.name}")
        if request.approved and self._runtime.is_connected(request.spec.name) is False:
            return ToolOutcome(failure=Failure("tool_unavailable", "away"), attempts=0, away=True)
        attempt = request.attempt
        while True:
            await host.starting(attempt)
            self._ran(request, attempt)
            how = await self._runtime.gate(f"tool {request.spec.name}")
            if how != "again" or request.spec.policy.effects == "once":
                break
            attempt += 1
        attempts = attempt - request.attempt + 1
        if how == "unknown" and request.spec.policy.effects == "once":
            return ToolOutcome(failure=Failure("outcome_unknown", "late"), unknown=True, attempts=attempts)
        if how == "ask" and request.spec.policy.effects != "once":
            try:
                await host.ask(Question(text="Which?"))
            except Unanswered:
                return ToolOutcome(question=Question(text="Which?"), attempts=attempts)
        if how == "fail":
            return ToolOutcome(failure=Failure("tool_failed", "no"), attempts=attempts)
        if request.spec.name == "touch":
            await host.change_context("thread", {"touched": True})
        return ToolOutcome(result=f"{request.spec.name} done", attempts=attempts)

    def _ran(self, request: CallRequest, attempt: int) -> None:
        runtime, name = self._runtime, f"{request.run_id} {request.call}#{attempt}"
        runtime.executed[request.run_id, request.call] += 1
        finished = runtime.events(request.run_id, ToolCallFinished)
        if any(event.call == request.call for event in finished):
            runtime.wrong.append(f"{name} is over and committed, and runs again")
        times = runtime.executed[request.run_id, request.call]
        if request.spec.policy.effects == "once" and times > 1 + runtime.retries(request.run_id, request.call):
            runtime.wrong.append(f"{name} runs again, and nobody said retry")
        started = {(event.call, event.attempt) for event in runtime.events(request.run_id, ToolCallStarted)}
        if request.spec.policy.effects != "none" and (request.call, attempt) not in started:
            runtime.wrong.append(f"{name} runs before its start is durable")


def check_transcript(messages: Sequence[Message]) -> None:
    """As a gateway would: each assistant's calls are answered, once each, in their order, before anything else."""
    expected: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert expected, f"an answer to nothing: {message}"
            assert message.tool_call_id == expected.pop(0), messages
            continue
        assert not expected, f"{expected} is not answered before {message}"
        expected = [call.id for call in message.tool_calls]
    assert not expected, f"{expected} is never answered"


STORAGE_FULL = StorageError("The disk is full.", code="storage_full")


async def commits(runtime: SteppedRuntime, most: int, decision: str = "approve") -> bool:
    """Continue for this many commits. Returns whether the run ended before that. Approvals get this decision."""
    written = quiet = 0
    while quiet < 6:
        await runtime.settle(8)
        if runtime.disk.held and written == most:
            return False
        quiet = 0 if runtime.disk.held or runtime.gates else quiet + 1
        if runtime.disk.held:
            runtime.disk.write()
            written += 1
        elif runtime.gates:
            runtime.open_gate(0)
        elif rows := await runtime.disk.approvals(None):
            runtime.spawn(runtime.answer, rows[0].id, decision)
            await asyncio.sleep(0)
    return True
