"""Replays a recording: it runs the real runtime in memory and feeds it the recorded external events in their order.

A replay waits neither for time nor for anything outside the process.
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
from journeyman.events.attachments import attached_files
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
    Lack,
    LimitReached,
    MessageAdded,
    ModelCalled,
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
from journeyman.events.streams import ThreadRef, principal_stream
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Append, ApprovalRow, Batch, FileRow
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
IDLE_TURNS = 30  # turns of the event loop without a change, after which none will come
MAX_TURNS = 100_000
MOST_BYTES = 1 << 62  # of the files that a recording names: they have no bytes here
EXHAUSTED_ROUNDS = 50  # times that steps beyond the end of the recording are ended with an error
_UNKNOWN = Failure("outcome_unknown", "Whether it happened is unknown.")
_CHANGED = "changed"  # instead of the hash of the code that a server listed

Build = Callable[[AgentSpec], BaseAgent]
Direct = Callable[[str, str | None], BaseAgent]


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a replay. `exhausted` means that the run requested more than the recording has."""

    events: tuple[Event, ...]
    requests: Mapping[str, ModelRequest]  # by model call
    exhausted: bool


class ReplayEngine:
    """A replay of one recording with one agent, which is used once."""

    def __init__(self, recording: Recording, agent: BaseAgent | None, build: Build, direct: Direct) -> None:
        """Prepare a replay. `agent` is None for a run of a single tool call, whose agent `direct` creates."""
        self._recording = recording
        self._agent = agent
        self._journal = MemoryJournal()
        self._codec = Codec()
        self._clock = ManualClock(recording.started_at)
        self._ids = SequentialIds()
        self._files = FileStore(self._journal, MemoryBlobs(), self._clock, self._ids)
        self._performer = RecordedPerformer(recording.events, self._clock, self._ids)
        self._children = RecordedChildren(recording.events)
        self._budgets = RecordedBudgets(recording.events, self._journal, self._clock)
        self._agents = AgentRegistry({agent.name: agent} if agent else {})
        remote = _tools_of_servers(recording.events)
        servers = dict.fromkeys(remote, True).get
        versions = VersionResolver(self._journal, self._agents, build, direct, servers=servers)
        self._parts = RunParts(self._journal, self._codec, self._clock, self._ids, versions, self._files)
        self._principal = recording.accepted.principal
        make = ThreadRef if agent else ThreadRef.hidden
        self._thread = make(self._principal, THREAD)
        self._asked = {event.approval: event for event in recording.events if isinstance(event, ApprovalRequested)}

    async def play(self) -> ReplayResult:
        """Replay the whole recording and return the result."""
        await self._open()
        try:
            await self._begin()
            for group in self._groups(self._recording.events[max(self._recording.prefix_length, 1) :]):
                await self._apply(group)
            exhausted = await self._finish()
        finally:
            await self._scheduler.stop(0)
        entries = await read_all(self._journal, RUN)
        return ReplayResult(
            events=tuple(entry.event for entry in entries), requests=self._performer.requests, exhausted=exhausted
        )

    async def _open(self) -> None:
        """Build a runtime on the journal, as a process does when it starts."""
        await self._journal.open()
        runtime = build_runtime(
            self._parts, self._agents, self._performer, budgets=self._budgets, children=self._children
        )
        self._scheduler, self._runs = runtime.scheduler, runtime.runs

    # --- start

    async def _begin(self) -> None:
        if rows := self._file_rows():
            await self._journal.commit(Batch(at=self._clock.now(), appends=(), files=rows, most_file_bytes=MOST_BYTES))
        committed = await self._journal.commit(
            Batch(at=self._clock.now(), appends=tuple(self._first_appends()), epoch=self._journal.epoch)
        )
        self._scheduler.start_accepted(RUN, committed)
        await self._settle()

    def _file_rows(self) -> tuple[FileRow, ...]:
        """Return a row for each file that the recording names. A replay sends none, so it needs no bytes."""
        said = (MessageAdded(message=message) for message in self._recording.history)
        ids = {id for event in (*self._recording.events, *said) for id in attached_files(event)}
        return tuple(
            FileRow(
                id=id,
                principal=self._principal,
                sha256=id,
                size=0,
                media_type="",
                name="",
                added_at=0,
                unused_since=self._clock.now(),
            )
            for id in sorted(ids)
        )

    def _first_appends(self) -> Iterator[Append]:
        recording, started = self._recording, self._recording.started
        if self._agent is not None:
            yield self._append(self._thread.stream, list(self._thread_events()))
        if started.global_context:
            patch = ContextChanged(scope="global", patch=started.global_context)
            yield self._append(principal_stream(self._principal), [patch])
        accepted = replace(
            recording.accepted,
            thread=self._thread.key,
            version=self._agent.version if self._agent else None,
            parent=None,
            multitask="queue",
            retries=None,  # its copies are replayed as those of a fork, on a new thread
        )
        prefix = [self._prefix_event(event) for event in recording.events[1 : recording.prefix_length]]
        times = (self._clock.now(),) * (1 + len(prefix)) if prefix else ()
        yield Append(stream=RUN, drafts=tuple(map(self._codec.draft, (accepted, *prefix))), times=times)

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

    def _prefix_event(self, event: Event) -> Event:
        """Return a copied event of a fork, with the hashes of today's tools."""
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
        """Return the start of a fork, with the position that its summary has in this replay."""
        if not self._recording.summary:
            return replace(started, summary=None, summary_stream="")
        return replace(started, summary=2 + bool(started.thread_context), summary_stream=self._thread.stream)

    # --- external events in their order

    async def _apply(self, group: tuple[Event, ...]) -> None:
        first = group[0]
        match first:
            case ApprovalGiven():
                await self._answer(group)
            case CancelRequested():
                await self._attempt(self._runs.cancel(self._principal, RUN, first.reason))
            case LimitReached(limit="seconds", value=seconds):
                self._clock.advance(seconds)
            case RunPaused(lacks=Lack()):
                pass
            case RunResumed(reason="taken_over" | "found"):
                await self._restart()
            case RunPaused() | RunResumed():
                self._update_waiting_children(first)
            case _:
                late = [event for event in group if not self._deliver(event)]
                if 0 < len(late) < len(group):
                    await self._settle()
                    for event in late:
                        self._deliver(event)
        await self._settle()

    def _deliver(self, event: Event) -> bool:
        """Deliver an outcome to the step that waits for it. Returns whether there was one.

        Events of the same types are also created by the run itself; no step waits for those.
        """
        performer = self._performer
        match event:
            case ModelReplied() | ModelFailed():
                return performer.deliver_reply(event)
            case ModelCalled():
                return performer.deliver_longer(event)
            case HistorySummarized():
                return performer.deliver_summary(event)
            case ToolCallStarted():
                return performer.deliver_tool_step(event.call, event)
            case ToolCallFinished():
                return performer.deliver_tool_step(event.call, _outcome(event))
            case ContextChanged():
                return performer.deliver_context(event)
            case NodeLeft():
                ended = self._children.is_end(event) and self._children.end(event)
                if ended:
                    self._scheduler.notify(RUN)
                return ended
            case ApprovalRequested(kind="tool", live=True):
                return performer.deliver_tool_step(event.call, ToolOutcome(changed_to=_CHANGED, attempts=0))
            case ApprovalRequested(kind="unknown_outcome"):
                return performer.deliver_tool_step(event.call, ToolOutcome(failure=_UNKNOWN, unknown=True))
            case _:
                return False

    def _update_waiting_children(self, event: RunPaused | RunResumed) -> None:
        """Notify the run if its children have begun to wait for approvals, or have stopped waiting."""
        waiting_for = event.waiting_for if isinstance(event, RunPaused) else ()
        if self._children.wait_for(tuple(approval for approval in waiting_for if approval not in self._asked)):
            self._scheduler.notify(RUN)

    async def _answer(self, events: Sequence[Event]) -> None:
        rows = await self._journal.approvals(None, run=RUN)
        answers = [self._answer_of(event, rows) for event in events if isinstance(event, ApprovalGiven)]
        known = [answer for answer in answers if answer is not None]
        if known:
            await self._attempt(self._runs.answer(self._principal, RUN, known))

    def _answer_of(self, event: ApprovalGiven, rows: Sequence[ApprovalRow]) -> HumanAnswer | None:
        """Return the recorded answer for the same question of today. None: there is no such question."""
        asked = self._asked.get(event.approval)
        subject = (asked.kind, asked.call, asked.tool) if asked else None
        row = next((row for row in rows if (row.kind, row.call, row.tool) == subject), None)
        if row is None:
            return None
        return HumanAnswer(approval=row.id, decision=event.decision, arguments=event.arguments, result=event.result)

    async def _attempt(self, work: object) -> None:
        """Await an operation and ignore a refusal, which the comparison will show."""
        try:
            await work  # type: ignore[misc]
        except BaseError:
            return

    async def _restart(self) -> None:
        """Stop the runtime and recover the run in a new one, as after a crash."""
        await self._scheduler.stop(0)
        await self._open()
        await self._scheduler.recover()

    # --- end

    async def _finish(self) -> bool:
        """End what still waits after the last recorded event. Returns whether anything did."""
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
        """Group consecutive outcomes and answers that came together, or between which nothing happened."""
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
        """Wait until nothing changes any more, since in a replay only the event loop can cause changes."""
        last: object = None
        idle = 0
        for _ in range(MAX_TURNS):
            await asyncio.sleep(0)
            now = (self._journal.tables.last_seq(RUN), self._scheduler.running, self._performer.under_way)
            idle, last = (idle + 1 if now == last else 0), now
            if idle == IDLE_TURNS:
                return


def _outcome(event: ToolCallFinished) -> ToolOutcome:
    return ToolOutcome(
        result=event.result,
        failure=event.error,
        unknown=event.error is not None and event.error.code == "outcome_unknown",
        duration_ms=event.duration_ms,
        attempts=event.attempts,
        cached=event.cached,
        parts=event.files,
    )


def prompts_of(requests: Mapping[str, ModelRequest]) -> dict[str, str]:
    """Return the system prompt of each model call that has another one than the call before."""
    prompts: dict[str, str] = {}
    last: str | None = None
    for call, request in requests.items():
        first = request.messages[0] if request.messages else None
        prompt = first.text if first is not None and first.role == "system" else ""
        if prompt != last:
            prompts[call] = last = prompt
    return prompts


def _tools_of_servers(events: Sequence[Event]) -> frozenset[str]:
    """Return the tools for whose server the run waited, or that had changed there: their calls start late."""
    lacks = {event.lacks.name for event in events if isinstance(event, RunPaused) and event.lacks is not None}
    asked = {event.tool for event in events if isinstance(event, ApprovalRequested) and event.live}
    return frozenset(lacks | asked)
