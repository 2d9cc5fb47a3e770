"""The operations that all steps of a run share: record events, ask a model, run a tool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from journeyman.agents.decision import Action, CallModel, CallTool, Summarize
from journeyman.agents.tool_calls import after_change, question, unknown_outcome
from journeyman.events.events import (
    Event,
    Failure,
    HistorySummarized,
    Lack,
    LimitReached,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    ToolCallFinished,
)
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import JSON
from journeyman.events.model_request import ModelRequest
from journeyman.events.open_calls import CallState
from journeyman.llm.client import CONTEXT_LENGTH
from journeyman.runtime.engine.action_events import tool_finished
from journeyman.runtime.engine.gateway_patience import CallPatience
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.model_budget import BudgetMeter
from journeyman.runtime.engine.performer import MayRetry, Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.script_turns import TurnsOfRun, has_turns
from journeyman.runtime.engine.tool_call import ToolCallHost
from journeyman.tools.spec import ToolOutcome

ModelEnd = ModelReplied | ModelFailed
Perform = Callable[[Awaitable[ModelEnd]], Awaitable[ModelEnd]]


class ModelStart(NamedTuple):
    """A model call that is about to start: the action, its request, and the event of its start.

    `called` is None if the event is recorded already, and no budget has to be reserved.
    """

    action: CallModel
    request: ModelRequest
    called: ModelCalled | None


Shorten = Callable[[], ModelStart | None]  # the call with a smaller window; None: nothing can be left out


def _unshortened() -> None:
    return None


def _never_waits(tool: str) -> Lack | None:
    return None


def _is_not_here(outcome: ToolOutcome) -> bool:
    """Return whether there was no code to run."""
    return outcome.failure is not None and outcome.failure.code == "tool_not_found" and outcome.attempts == 0


async def _await_end(asking: Awaitable[ModelEnd]) -> ModelEnd:
    return await asking


class StepOperations:
    """The operations of one run's steps, used by the steps of its agent and by the code of graph nodes alike.

    `executing` holds the tool calls whose code is running and must not run twice. Their outcome is unknown if the run
    ends now. `patience` decides what follows a failure of a gateway; None: the call fails. `lack_of_tool` returns what
    a run lacks if a tool's code is not here, or None if the call fails then.
    """

    def __init__(
        self,
        recorder: Recorder,
        mailbox: Mailbox,
        live: LiveRun,
        performer: Performer,
        meter: BudgetMeter,
        patience: CallPatience | None = None,
        lack_of_tool: Callable[[str], Lack | None] = _never_waits,
    ) -> None:
        self._recorder = recorder
        self._mailbox = mailbox
        self._live = live
        self._performer = performer
        self._meter = meter
        self._turns = performer.turns_of(recorder.state.run_id)
        self._patience = patience
        self._lack_of_tool = lack_of_tool
        self.executing: set[str] = set()

    @property
    def state(self) -> AgentState:
        """The state of the run as it is now."""
        return self._recorder.state

    # --- recording

    async def record(self, *events: Event) -> None:
        """Record events of a step. Returns once they are submitted to the journal."""
        await self._mailbox.record(*events)

    async def record_durably(self, *events: Event) -> None:
        """Record events of a step. Returns once they are durable; raises as `Recorder.wait_durable`."""
        await self.record(*events)
        await self._recorder.wait_durable()

    def report(self, call: str, value: str | float) -> None:
        """Show progress of a call to those who watch the run."""
        self._live.report(call, value)

    # --- models

    async def ask_model(
        self,
        action: CallModel,
        request: ModelRequest,
        called: ModelCalled | None,
        perform: Perform = _await_end,
        shorten: Shorten = _unshortened,
        waits: bool = False,
    ) -> ModelEnd | LimitReached:
        """Ask the model: reserve the cost, record the start, wait at the barrier, ask, settle the cost.

        `called` is the start to record; None: it is recorded already, and nothing is reserved. `perform` awaits the
        call, for a caller that must know when it is performed. If the request is too long for the model, it is sent
        once more as `shorten` makes it. With `waits`, the call waits for a gateway that is away. Returns LimitReached
        if a shared budget is used up.
        """
        if called is not None and self._meter.shared:
            return await self._ask_reserved(ModelStart(action, request, called), perform, shorten, waits)
        if called is not None:
            await self.record(called)
        return await perform(self._ask(action, request, shorten, waits))

    async def _ask_reserved(
        self, start: ModelStart, perform: Perform, shorten: Shorten, waits: bool
    ) -> ModelEnd | LimitReached:
        action, request, called = start
        assert called is not None, action
        reservation = await self._meter.reserve(request)
        if isinstance(reservation, LimitReached):
            return reservation
        with reservation:
            await self.record_durably(*reservation.warnings, replace(called, reserved=reservation.reservation))
            try:
                event = await perform(self._ask(action, request, shorten, waits))
            except asyncio.CancelledError:
                lack = self._patience.waiting.get(action.call) if self._patience is not None else None
                if lack is not None and not lack.billed:
                    reservation.release()
                raise
            reservation.settle(event)
        return event

    async def _ask(self, action: CallModel, request: ModelRequest, shorten: Shorten, waits: bool) -> ModelEnd:
        event = await self._call(action, request, waits)
        if not isinstance(event, ModelFailed) or event.error.code != CONTEXT_LENGTH or (again := shorten()) is None:
            return event
        if again.called is not None:
            await self.record(again.called)
        return await self._call(again.action, again.request, waits)

    def _call(self, action: CallModel, request: ModelRequest, waits: bool) -> Awaitable[ModelEnd]:
        if self._turns is not None and has_turns(request):
            return self._call_scripted(self._turns, action, request)
        state = self.state
        if state.billed:
            request = replace(request, again=True)
        may_retry = None if self._patience is None else partial(self._patience.may_retry, action, request, waits)
        return self._performer.call_model(action, request, self._live, state.stream, state.principal, may_retry)

    async def _call_scripted(self, turns: TurnsOfRun, action: CallModel, request: ModelRequest) -> ModelEnd:
        """Call a script, which never lacks its turn: a failure that it plays is final."""
        request, state = await turns.with_turn(request), self.state
        return await self._performer.call_model(action, request, self._live, state.stream, state.principal)

    async def summarize(self, action: Summarize) -> tuple[Event, ...]:
        """Ask the model for a summary, its cost reserved as for any model call. Returns the events to record."""
        if self._turns is not None and has_turns(action.request):
            action = replace(action, request=await self._turns.with_turn(action.request))
        if not self._meter.shared:
            return (await self._performer.summarize(action, self._may_retry_summary(action)),)
        reservation = await self._meter.reserve(action.request)
        if isinstance(reservation, LimitReached):
            return (reservation,)
        with reservation:
            event: HistorySummarized = await self._performer.summarize(action, self._may_retry_summary(action))
            event = replace(event, reserved=reservation.reservation)
            reservation.settle(event)
        return (*reservation.warnings, event)

    def _may_retry_summary(self, action: Summarize) -> MayRetry | None:
        """Return what decides whether a summary is asked for again: a run does not wait for one."""
        if self._patience is None or has_turns(action.request):
            return None
        return partial(self._patience.may_retry, CallModel(call=action.call), action.request, False)

    # --- tools

    async def run_tool(self, action: CallTool, recorded: int, waits: bool = False) -> ToolCallFinished | Action:
        """Run a tool. `recorded` is the last attempt whose start is recorded already (0: none).

        With `waits`, the run waits for a tool whose code is not here. Returns the event of the call's end, or the
        action that must come first: a question to a human.
        """
        host = ToolCallHost(action, self._recorder, self._mailbox, self._live, self.executing, recorded)
        outcome = await self._performer.call_tool(action, self.state, host)
        while waits and (lack := self._lack_after(action, outcome)) is not None:
            await self._mailbox.wait_for(action.call, lack)
            await self._performer.pause_before_retry()
            outcome = await self._performer.call_tool(action, self.state, host)
        return self.after_tool(action, outcome)

    def _lack_after(self, action: CallTool, outcome: ToolOutcome) -> Lack | None:
        """Return what the run lacks if the call could not be made: the tool's code or server. None: it was made."""
        if outcome.away:
            return Lack("tool", action.spec.name)
        return self._lack_of_tool(action.spec.name) if _is_not_here(outcome) else None

    def after_tool(self, action: CallTool, outcome: ToolOutcome) -> ToolCallFinished | Action:
        """Return what follows from a tool's outcome, as `run_tool` does."""
        self.executing.discard(action.call)
        if outcome.question is not None:
            return question(action, outcome.question)
        if outcome.unknown:
            return self._after_unknown(action, outcome)
        if outcome.changed_to is not None and (call := self._call_of(action)) is not None:
            return after_change(call, action, outcome.changed_to)
        return tool_finished(action, outcome)

    def _call_of(self, action: CallTool) -> CallState | None:
        return next((call for call in self.state.all_calls if call.call == action.call), None)

    def _after_unknown(self, action: CallTool, outcome: ToolOutcome) -> ToolCallFinished | Action:
        """Ask a human whether the call happened, or tell the model that this is unknown, by the tool's policy."""
        call = self._call_of(action)
        if call is None or action.spec.policy.on_unknown == "tell":
            failure = outcome.failure or Failure("outcome_unknown", "Whether it happened is unknown.")
            return tool_finished(action, ToolOutcome(failure=failure, attempts=outcome.attempts))
        return unknown_outcome(call, action.spec, action.arguments)

    # --- values

    async def compute(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        """Return the value of `make`, which a node's code wants to remember by this name."""
        return await self._performer.compute(name, make)
