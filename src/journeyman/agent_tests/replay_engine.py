"""The stage on which a recording is played again: the real runtime in memory, told what came from outside, in order.

Nothing in it waits for time or the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from journeyman.agent_tests.recorded_outside import RecordedBudgets, RecordedChildren
from journeyman.agent_tests.recorded_performer import RecordedPerformer
from journeyman.agent_tests.recording import Recording
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.agents.toolset import arguments_hash
from journeyman.clock import ManualClock
from journeyman.errors import BaseError
from journeyman.events.codec import Codec
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Ended,
    Event,
    Failure,
    HistorySummarized,
    LimitReached,
    MessageAdded,
    ModelFailed,
    ModelReplied,
    NodeLeft,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ThreadCreated,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import replace
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Append, ApprovalRow, Batch, principal_stream, thread_key, thread_stream
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.client import ModelRequest
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.runtime import build_runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.requests import HumanAnswer
from journeyman.tools.spec import ToolOutcome

RUN, THREAD = "run_1", "test"
QUIET_TURNS = 30  # of the event loop in which nothing moved: nothing will
MOST_TURNS = 100_000
EXHAUSTED_ROUNDS = 50  # steps that are told that the record has ended, one after the other

Build = Callable[[AgentSpec], BaseAgent]
Direct = Callable[[str, str | None], BaseAgent]


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the run did on the stage. `exhausted`: it asked for more than the record has."""

    events: tuple[Event, ...]
    requests: Mapping[str, ModelRequest]  # model call -> what it was asked with
    exhausted: bool


class ReplayEngine:
    """Plays one recording with one agent; used once."""

    def __init__(self, recording: Recording, agent: BaseAgent | None, build: Build, direct: Direct) -> None:
        """`agent` is None for a run that is one tool call: `direct` makes its stand-in."""
        self._recording = recording
        self._agent = agent
        self._journal = MemoryJournal()
        self._codec = Codec()
        self._clock = ManualClock(recording.started_at)
        self._ids = SequentialIds()
        self._performer = RecordedPerformer(recording.events, self._clock, self._ids)
        self._children = RecordedChildren(recording.events)
        self._budgets = RecordedBudgets(recording.events, self._journal, self._clock)
        self._agents = AgentRegistry({agent.name: agent} if agent else {})
        versions = VersionResolver(self._journal, self._agents, build, direct)
        self._parts = RunParts(self._journal, self._codec, self._clock, self._ids, versions)
        self._direct = direct
        self._principal = recording.accepted.principal
        self._thread = thread_key(self._principal, THREAD if agent else "!test")
        self._asked = {event.approval: event for event in recording.events if isinstance(event, ApprovalRequested)}

    async def play(self) -> ReplayResult:
        await self._open()
        try:
            await self._begin()
            for group in self._groups(self._recording.events[max(self._recording.given, 1) :]):
                await self._perform(group)
            exhausted = await self._finish()
        finally:
            await self._scheduler.stop(0)
        entries = await read_all(self._journal, RUN)
        return ReplayResult(
            events=tuple(entry.event for entry in entries), requests=self._performer.requests, exhausted=exhausted
        )

    async def _open(self) -> None:
        """A process starts on this journal."""
        await self._journal.open()
        runtime = build_runtime(
            self._parts, self._agents, self._performer, budgets=self._budgets, children=self._children
        )
        self._scheduler, self._runs = runtime.scheduler, runtime.runs

    # --- the beginning

    async def _begin(self) -> None:
        committed = await self._journal.commit(
            Batch(at=self._clock.now(), appends=tuple(self._first_appends()), epoch=self._journal.epoch)
        )
        self._scheduler.start_accepted(RUN, committed)
        await self._settle()

    def _first_appends(self) -> Iterator[Append]:
        recording, started = self._recording, self._recording.started
        if self._agent is not None:
            yield self._append(thread_stream(self._thread), list(self._thread_events()))
        if started.global_context:
            patch = ContextChanged(scope="global", patch=started.global_context)
            yield self._append(principal_stream(self._principal), [patch])
        accepted = replace(
            recording.accepted,
            thread=self._thread,
            version=self._agent.version if self._agent else None,
            parent=None,
            multitask="queue",
        )
        given = [self._given(event) for event in recording.events[1 : recording.given]]
        times = (self._clock.now(),) * (1 + len(given)) if given else ()
        yield Append(stream=RUN, drafts=tuple(map(self._codec.draft, (accepted, *given))), times=times)

    def _thread_events(self) -> Iterator[Event]:
        yield ThreadCreated(thread_id=THREAD, principal=self._principal)
        if self._recording.started.thread_context:
            yield ContextChanged(scope="thread", patch=self._recording.started.thread_context)
        if self._recording.summary:
            yield HistorySummarized(first_no=1, last_no=0, text=self._recording.summary)
        for message in self._recording.history:
            yield MessageAdded(message=message, by=self._principal)

    def _append(self, stream: str, events: Sequence[Event]) -> Append:
        return Append(stream=stream, drafts=tuple(map(self._codec.draft, events)))

    def _given(self, event: Event) -> Event:
        """A copied event of a fork, as if today's code of the tools had been at work."""
        if isinstance(event, RunForked):
            return replace(event, epoch=self._journal.epoch)
        if isinstance(event, RunStarted):
            return self._with_summary(event)
        if not isinstance(event, ToolCallStarted | ApprovalRequested) or self._agent is None:
            return event
        spec = self._agent.tools.get(event.tool)
        if spec is None:
            return event
        if isinstance(event, ToolCallStarted):
            return replace(event, code_hash=spec.code_hash)
        return replace(event, args_hash=arguments_hash(spec, event.arguments))

    def _with_summary(self, started: RunStarted) -> RunStarted:
        """The start of a fork, with its summary where it stands on this stage."""
        if not self._recording.summary:
            return replace(started, summary=None, summary_stream="")
        return replace(started, summary=2 + bool(started.thread_context), summary_stream=thread_stream(self._thread))

    # --- what came from outside, in its order

    async def _perform(self, group: tuple[Event, ...]) -> None:
        first = group[0]
        match first:
            case ApprovalGiven():
                await self._answer(group)
            case CancelRequested():
                await self._tolerant(self._runs.cancel(self._principal, RUN, first.reason))
            case LimitReached(limit="seconds", value=seconds):
                self._clock.advance(seconds)
            case RunResumed(reason="taken_over"):
                await self._restart()
            case RunPaused() | RunResumed():
                self._rest_of_children(first)
            case _:
                late = [event for event in group if not self._deliver(event)]
                if 0 < len(late) < len(group):
                    await self._settle()
                    for event in late:
                        self._deliver(event)
        await self._settle()

    def _deliver(self, event: Event) -> bool:
        """Tell the step that waits for this; False: none does, since the run itself makes such events too."""
        deliveries = self._performer
        match event:
            case ModelReplied() | ModelFailed():
                return deliveries.model(event)
            case HistorySummarized():
                return deliveries.summary(event)
            case ToolCallStarted():
                return deliveries.tool(event.call, event)
            case ToolCallFinished():
                return deliveries.tool(event.call, _outcome(event))
            case ContextChanged():
                return deliveries.context(event)
            case NodeLeft():
                told = self._children.is_end(event) and self._children.tell(event)
                if told:
                    self._scheduler.notify(RUN)
                return told
            case ApprovalRequested(kind="unknown_outcome"):
                return deliveries.tool(event.call, ToolOutcome(failure=_UNKNOWN, unknown=True))
            case _:
                return False

    def _rest_of_children(self, event: RunPaused | RunResumed) -> None:
        """Children ask humans, or go on: the run hears of it as it would from them."""
        asked = event.waiting_for if isinstance(event, RunPaused) else ()
        below = tuple(approval for approval in asked if approval not in self._asked)
        if below != self._children.waiting_for:
            self._children.waiting_for = below
            self._scheduler.notify(RUN)

    async def _answer(self, given: Sequence[Event]) -> None:
        rows = await self._journal.approvals(None, run=RUN)
        answers = [self._answer_of(event, rows) for event in given if isinstance(event, ApprovalGiven)]
        known = [answer for answer in answers if answer is not None]
        if known:
            await self._tolerant(self._runs.answer(self._principal, RUN, known))

    def _answer_of(self, event: ApprovalGiven, rows: Sequence[ApprovalRow]) -> HumanAnswer | None:
        """The answer to the question that is the same today."""
        asked = self._asked.get(event.approval)
        about = (asked.kind, asked.call, asked.tool) if asked else None
        row = next((row for row in rows if (row.kind, row.call, row.tool) == about), None)
        if row is None:
            return None
        return HumanAnswer(approval=row.id, decision=event.decision, arguments=event.arguments, result=event.result)

    async def _tolerant(self, work: object) -> None:
        """What is refused today does not happen: the comparison will say so."""
        try:
            await work  # type: ignore[misc]
        except BaseError:
            return

    async def _restart(self) -> None:
        """The process died, and another takes over."""
        await self._scheduler.stop(0)
        await self._open()
        await self._scheduler.recover()

    # --- the end

    async def _finish(self) -> bool:
        """Where the record has ended and the run goes on, it is told so. True: it was."""
        await self._settle()
        if not isinstance(self._recording.events[-1], Ended):
            return False
        for rounds in range(EXHAUSTED_ROUNDS):
            if not self._performer.waiting and not self._children.open:
                return rounds > 0
            self._performer.exhaust()
            if self._children.open:
                self._children.exhaust()
                self._scheduler.notify(RUN)
            await self._settle()
        return True

    def _groups(self, events: Sequence[Event]) -> Iterator[tuple[Event, ...]]:
        """Outcomes and answers that stand together came together, or made no difference in between."""
        group: list[Event] = []
        for event in events:
            if group and not self._came_together(group[-1], event):
                yield tuple(group)
                group = []
            group.append(event)
        if group:
            yield tuple(group)

    def _came_together(self, first: Event, second: Event) -> bool:
        kind = self._kind(second)
        return kind != "" and kind == self._kind(first) and self._children.may_come_together(first, second)

    def _kind(self, event: Event) -> str:
        if isinstance(event, ModelReplied):
            return "" if event.message.partial else "outcome"
        if isinstance(event, ModelFailed | ToolCallFinished | HistorySummarized) or self._children.is_end(event):
            return "outcome"
        return "answer" if isinstance(event, ApprovalGiven) else ""

    async def _settle(self) -> None:
        """Until nothing moves any more: nothing here waits for anything but the loop and the record."""
        seen: object = None
        quiet = 0
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            now = (self._journal.tables.last_seq(RUN), self._scheduler.running, self._performer.under_way)
            quiet, seen = (quiet + 1 if now == seen else 0), now
            if quiet == QUIET_TURNS:
                return


_UNKNOWN = Failure("outcome_unknown", "Whether it happened is unknown.")


def _outcome(event: ToolCallFinished) -> ToolOutcome:
    return ToolOutcome(
        result=event.result,
        failure=event.error,
        unknown=event.error is not None and event.error.code == "outcome_unknown",
        duration_ms=event.duration_ms,
        attempts=event.attempts,
        cached=event.cached,
    )


def prompts_of(requests: Mapping[str, ModelRequest]) -> dict[str, str]:
    """Each model call's system prompt, where it is another than that of the call before."""
    prompts: dict[str, str] = {}
    last: str | None = None
    for call, request in requests.items():
        first = request.messages[0] if request.messages else None
        prompt = first.text if first is not None and first.role == "system" else ""
        if prompt != last:
            prompts[call] = last = prompt
    return prompts
