"""A performer that asks nobody: each step waits until the record says that its outcome came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from journeyman.agents.decision import CallModel, CallTool, Summarize
from journeyman.clock import Clock
from journeyman.events.events import (
    ContextChanged,
    Event,
    Failure,
    HistorySummarized,
    ModelFailed,
    ModelReplied,
    Path,
    StepRemembered,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.llm.client import ModelRequest, TextDelta
from journeyman.llm.fake.replay import ReplayModel
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.performer import Performer
from journeyman.tools.spec import CallHost, CallRequest, ToolOutcome

T = TypeVar("T")
EXHAUSTED = "replay_exhausted"

ModelOutcome = ModelReplied | ModelFailed
Told = ToolCallStarted | ContextChanged | ToolOutcome  # what a tool call is told to do next


class _NoTools:
    """Nothing is executed."""

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        return ToolOutcome(failure=Failure(EXHAUSTED, f"The record has no result for {request.call}."), attempts=0)


class RecordedPerformer(Performer):
    """Steps under way are named by their call; `requests` keeps what each model call was asked with."""

    def __init__(self, events: Sequence[Event], clock: Clock, ids: Ids) -> None:
        super().__init__(ReplayModel(()), _NoTools(), clock, ids)
        self.requests: dict[str, ModelRequest] = {}
        self._partial = {
            event.call: event.message.text
            for event in events
            if isinstance(event, ModelReplied) and event.message.partial
        }
        self._remembered = {event.name: event.value for event in events if isinstance(event, StepRemembered)}
        self._replies: dict[str, asyncio.Future[ModelOutcome]] = {}
        self._results: dict[str, asyncio.Future[Told]] = {}
        self._summaries: dict[str, asyncio.Future[HistorySummarized]] = {}
        self._executing: dict[str, Path] = {}  # tool calls whose code would run now

    @property
    def under_way(self) -> tuple[str, ...]:
        return (*self._replies, *self._results, *self._summaries)

    @property
    def waiting(self) -> bool:
        return bool(self.under_way)

    # --- what the runtime asks

    async def call_model(
        self, action: CallModel, request: ModelRequest, live: LiveRun, stream: bool
    ) -> ModelReplied | ModelFailed:
        self.requests.setdefault(action.call, request)
        if action.call in self._partial:
            live.extend(live.begin(action.call, action.attempt), TextDelta(self._partial[action.call]))
        outcome = await _told(self._replies, action.call)
        return replace(outcome, attempt=action.attempt, path=action.path)

    async def summarize(self, action: Summarize) -> HistorySummarized:
        told = await _told(self._summaries, action.call)
        return replace(told, first_no=action.first_no, last_no=action.last_no)

    async def call_tool(self, action: CallTool, state: AgentState, host: CallHost) -> ToolOutcome:
        try:
            while True:
                told = await _told(self._results, action.call)
                match told:
                    case ToolOutcome():
                        return told
                    case ToolCallStarted(attempt=attempt):
                        await host.starting(attempt)
                        self._executing[action.call] = action.path
                    case ContextChanged(scope=scope, patch=patch):
                        await host.change_context(scope, patch)
        finally:
            self._executing.pop(action.call, None)

    async def compute(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        return self._remembered[name] if name in self._remembered else await super().compute(name, make)

    # --- what the record says; False: no step waits for it

    def model(self, outcome: ModelOutcome) -> bool:
        return _tell(self._replies, outcome.call, outcome)

    def summary(self, outcome: HistorySummarized) -> bool:
        """A run makes one at a time."""
        call = next(iter(self._summaries), "")
        return _tell(self._summaries, call, outcome)

    def tool(self, call: str, told: Told) -> bool:
        return _tell(self._results, call, told)

    def context(self, event: ContextChanged) -> bool:
        """Whose patch it was is not recorded; any call under way there can make it."""
        call = next(
            (call for call, path in self._executing.items() if path == event.path and call in self._results), None
        )
        return call is not None and self.tool(call, event)

    def exhaust(self) -> None:
        """The record ends here: every step that still waits is told so."""
        for call in list(self._replies):
            failure = Failure(EXHAUSTED, f"The record has no reply for {call}: the run takes another course.")
            self.model(ModelFailed(call=call, error=failure))
        for call in list(self._summaries):
            failure = Failure(EXHAUSTED, f"The record has no summary {call}: the run takes another course.")
            self.summary(HistorySummarized(first_no=1, last_no=0, text="", error=failure))
        for call in list(self._results):
            failure = Failure(EXHAUSTED, f"The record has no result for {call}: the run takes another course.")
            self.tool(call, ToolOutcome(failure=failure, attempts=0))


async def _told(waiting: dict[str, asyncio.Future[T]], call: str) -> T:
    future = waiting[call] = asyncio.get_running_loop().create_future()
    try:
        told: T = await future
        return told
    finally:
        if waiting.get(call) is future:
            del waiting[call]


def _tell(waiting: dict[str, asyncio.Future[T]], call: str, value: T) -> bool:
    future = waiting.pop(call, None)
    if future is None or future.done():
        return False
    future.set_result(value)
    return True
