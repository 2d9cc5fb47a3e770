"""A performer that calls no models or tools: each step waits until the replay delivers its recorded outcome."""

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
    ModelCalled,
    ModelFailed,
    ModelReplied,
    Path,
    StepRemembered,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.llm.client import CONTEXT_LENGTH, ModelRequest, TextDelta
from journeyman.llm.fake.replay import ReplayModel
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.performer import MayRetry, Performer
from journeyman.tools.spec import CallHost, CallRequest, ToolOutcome

T = TypeVar("T")
EXHAUSTED = "replay_exhausted"

ModelOutcome = ModelReplied | ModelFailed
ToolStep = ToolCallStarted | ContextChanged | ToolOutcome  # what a tool call does next


class _NoTools:
    """A tool executor that runs nothing and fails every call."""

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        return ToolOutcome(failure=Failure(EXHAUSTED, f"The record has no result for {request.call}."), attempts=0)


class RecordedPerformer(Performer):
    """A performer whose outcomes come from a recording.

    The steps in progress are identified by their call. `requests` keeps the request of each model call.
    """

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
        self._attempts: dict[str, int] = {}  # the last attempt of each model call
        self._results: dict[str, asyncio.Future[ToolStep]] = {}
        self._summaries: dict[str, asyncio.Future[HistorySummarized]] = {}
        self._executing: dict[str, Path] = {}  # tool calls whose code would be running

    @property
    def under_way(self) -> tuple[str, ...]:
        """The calls that wait for an outcome."""
        return (*self._replies, *self._results, *self._summaries)

    @property
    def waiting(self) -> bool:
        """Whether any call waits for an outcome."""
        return bool(self.under_way)

    # --- the interface for the runtime

    async def call_model(
        self,
        action: CallModel,
        request: ModelRequest,
        live: LiveRun,
        stream: bool,
        principal: str,
        may_retry: MayRetry | None = None,
    ) -> ModelReplied | ModelFailed:
        self.requests.setdefault(action.call, request)
        self._attempts[action.call] = action.attempt
        if action.call in self._partial:
            live.extend(live.begin(action.call, action.attempt), TextDelta(self._partial[action.call]))
        outcome = await _delivered(self._replies, action.call)
        return replace(outcome, attempt=action.attempt, path=action.path)

    async def summarize(self, action: Summarize, may_retry: MayRetry | None = None) -> HistorySummarized:
        summary = await _delivered(self._summaries, action.call)
        return replace(summary, first_no=action.first_no, last_no=action.last_no)

    async def call_tool(self, action: CallTool, state: AgentState, host: CallHost) -> ToolOutcome:
        try:
            while True:
                step = await _delivered(self._results, action.call)
                match step:
                    case ToolOutcome():
                        return step
                    case ToolCallStarted(attempt=attempt):
                        await host.starting(attempt)
                        self._executing[action.call] = action.path
                    case ContextChanged(scope=scope, patch=patch):
                        await host.change_context(scope, patch)
        finally:
            self._executing.pop(action.call, None)

    async def compute(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        return self._remembered[name] if name in self._remembered else await super().compute(name, make)

    # --- delivery of recorded outcomes

    def deliver_reply(self, outcome: ModelOutcome) -> bool:
        """Deliver the outcome of a model call. Returns whether the call waited for it."""
        return _deliver(self._replies, outcome.call, outcome)

    def deliver_longer(self, called: ModelCalled) -> bool:
        """Let an attempt of a model call fail if the recording has a later one: its request was too long.

        Returns whether an earlier attempt waited.
        """
        if called.attempt <= self._attempts.get(called.call, called.attempt):
            return False
        return self.deliver_reply(ModelFailed(call=called.call, error=Failure(CONTEXT_LENGTH, "It was too long.")))

    def deliver_summary(self, outcome: HistorySummarized) -> bool:
        """Deliver a summary to the step that waits for one; a run makes one at a time. False: no step waits."""
        call = next(iter(self._summaries), "")
        return _deliver(self._summaries, call, outcome)

    def deliver_tool_step(self, call: str, step: ToolStep) -> bool:
        """Let a tool call do its next step. Returns whether the call waited for it."""
        return _deliver(self._results, call, step)

    def deliver_context(self, event: ContextChanged) -> bool:
        """Let a tool call in progress on the same path change the context. False: there is none.

        The recording does not say which call made the change, so the first one makes it.
        """
        call = next(
            (call for call, path in self._executing.items() if path == event.path and call in self._results), None
        )
        return call is not None and self.deliver_tool_step(call, event)

    def exhaust(self) -> None:
        """End every step that still waits with an error, since the recording has no outcome of it."""
        for call in list(self._replies):
            failure = Failure(EXHAUSTED, f"The record has no reply for {call}: the run takes another course.")
            self.deliver_reply(ModelFailed(call=call, error=failure))
        for call in list(self._summaries):
            failure = Failure(EXHAUSTED, f"The record has no summary {call}: the run takes another course.")
            self.deliver_summary(HistorySummarized(first_no=1, last_no=0, text="", error=failure))
        for call in list(self._results):
            failure = Failure(EXHAUSTED, f"The record has no result for {call}: the run takes another course.")
            self.deliver_tool_step(call, ToolOutcome(failure=failure, attempts=0))


async def _delivered(waiting: dict[str, asyncio.Future[T]], call: str) -> T:
    """Wait until something is delivered to a call, and return it."""
    future = waiting[call] = asyncio.get_running_loop().create_future()
    try:
        delivered: T = await future
        return delivered
    finally:
        if waiting.get(call) is future:
            del waiting[call]


def _deliver(waiting: dict[str, asyncio.Future[T]], call: str, value: T) -> bool:
    future = waiting.pop(call, None)
    if future is None or future.done():
        return False
    future.set_result(value)
    return True
