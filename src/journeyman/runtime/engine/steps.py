"""The steps of one run that are under way: a task each, started once per key, ended with a fact in the inbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from journeyman.agents.decision import Action, Agent, CallModel, CallTool, RunNode, Summarize
from journeyman.agents.tool_calls import question, unknown_outcome
from journeyman.egress.traceparent import propagate
from journeyman.errors import BaseError, StaleEpochError, StorageError
from journeyman.events.events import Event, Failure, LimitReached, ModelCalled
from journeyman.events.fold import replace
from journeyman.events.trace import header, step_span
from journeyman.ids import Ids
from journeyman.llm.client import ModelRequest
from journeyman.runtime.engine.action_events import tool_finished
from journeyman.runtime.engine.inbox import Mailbox, RunnerMessage
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.model_budget import BudgetMeter
from journeyman.runtime.engine.node_run import RunningNode
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.tool_call import ToolCallHost
from journeyman.tools.spec import ToolOutcome

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0  # how long a cancelled step may take to unwind before it is left behind


class Steps:
    """Owns the tasks of one run, one a call. `executing` names the calls whose code runs now and must not run twice."""

    def __init__(
        self, performer: Performer, recorder: Recorder, inbox: Mailbox, live: LiveRun, ids: Ids, payments: BudgetMeter
    ) -> None:
        self._performer = performer
        self._recorder = recorder
        self._inbox = inbox
        self._live = live
        self._ids = ids
        self._payments = payments
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.executing: set[str] = set()
        self.refused: BaseError | None = None  # the journal refused at a barrier: the run goes no further here

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, action: Action) -> bool:
        """Is the step that this action is about under way? It may wait for a slot while the state moves on."""
        return getattr(action, "call", None) in self._tasks

    def call_model(self, action: CallModel, request: ModelRequest, called: ModelCalled | None = None) -> None:
        """`called`: that it began, to be recorded when it is paid for; None: it stands in the journal already."""
        work = partial(self._model if called is None else partial(self._paid_model, called), action, request)
        self._spawn(action.call, work, action.attempt)

    def summarize(self, action: Summarize) -> None:
        self._spawn(action.call, partial(self._summary, action))

    def call_tool(self, action: CallTool, recorded: int) -> None:
        host = ToolCallHost(action, self._recorder, self._inbox, self._live, self.executing, recorded)
        self._spawn(action.call, partial(self._tool, action, host))

    def run_node(self, action: RunNode, agent: Agent) -> None:
        parts = (self._recorder, self._inbox, self._live, self._performer, self.executing, self._ids, self._payments)
        node = RunningNode(action, agent, *parts)
        self._spawn(action.call, node.run, action.attempt if action.attempt > 1 else 0)

    def ended(self, call: str) -> None:
        self._tasks.pop(call, None)

    async def stop(self) -> None:
        """Cancel what is under way and wait for it to unwind, within a bound."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            if stuck:
                log.error("a cancelled step does not end", extra={"run_id": self._recorder.state.run_id})
        self._tasks.clear()

    def _spawn(self, call: str, work: Callable[[], Awaitable[RunnerMessage]], attempt: int = 0) -> None:
        self._tasks[call] = asyncio.create_task(self._root(call, work, attempt), name=call)

    async def _root(self, call: str, work: Callable[[], Awaitable[RunnerMessage]], attempt: int) -> None:
        state = self._recorder.state
        if state.trace_id is not None:
            propagate(header(state.trace_id, step_span(state.run_id, call, attempt)))
        try:
            fact = await work()
        except (StaleEpochError, StorageError) as exc:
            self.refused = exc
            fact = RunnerMessage()
        except asyncio.CancelledError:
            if self._withdrawn():
                raise
            fact = RunnerMessage(fault=self._fault(call))
        except Exception:  # a fault of ours in a step: the run fails, the server lives
            log.exception("a step failed", extra={"run_id": self._recorder.state.run_id})
            fact = RunnerMessage(fault=self._fault(call))
        fact.ended = call
        self._inbox.put(fact)

    def _fault(self, call: str) -> Failure:
        failure = Failure("internal_error", f"Step {call} failed inside the server.", self._ids.new("err"))
        log.error(failure.message, extra={"run_id": self._recorder.state.run_id, "error_id": failure.error_id})
        return failure

    def _withdrawn(self) -> bool:
        """Did the run end this step? Code that awaits a task which it cancelled raises the same error."""
        task = asyncio.current_task()
        return self._recorder.state.cancel is not None or (task is not None and task.cancelling() > 0)

    async def _model(self, action: CallModel, request: ModelRequest) -> RunnerMessage:
        stream = self._recorder.state.stream
        return RunnerMessage((await self._performer.call_model(action, request, self._live, stream),))

    async def _paid_model(self, called: ModelCalled, action: CallModel, request: ModelRequest) -> RunnerMessage:
        """What is set aside is durable before the model is asked."""
        held = await self._payments.set_aside(request)
        if isinstance(held, LimitReached):
            return RunnerMessage((held,))
        with held:
            await self._record(*held.warnings, replace(called, reserved=held.reservation))
            await self._recorder.settle()
            event = await self._performer.call_model(action, request, self._live, self._recorder.state.stream)
            held.settle(event)
        return RunnerMessage((event,))

    async def _summary(self, action: Summarize) -> RunnerMessage:
        if not self._payments.shared:
            return RunnerMessage((await self._performer.summarize(action),))
        held = await self._payments.set_aside(action.request)
        if isinstance(held, LimitReached):
            return RunnerMessage((held,))
        with held:
            event = replace(await self._performer.summarize(action), reserved=held.reservation)
            held.settle(event)
        return RunnerMessage((*held.warnings, event))

    async def _record(self, *events: Event) -> None:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(RunnerMessage(events, recorded=recorded))
        await recorded

    async def _tool(self, action: CallTool, host: ToolCallHost) -> RunnerMessage:
        try:
            outcome = await self._performer.call_tool(action, self._recorder.state, host)
        except asyncio.CancelledError:
            if self._withdrawn():
                raise
            outcome = ToolOutcome(failure=Failure("tool_failed", "The tool cancelled itself."))
        self.executing.discard(action.call)
        if outcome.question is not None:
            return RunnerMessage(action=question(action, outcome.question))
        if outcome.unknown:
            return self._unknown(action, outcome)
        return RunnerMessage((tool_finished(action, outcome),))

    def _unknown(self, action: CallTool, outcome: ToolOutcome) -> RunnerMessage:
        """It may have happened: ask or tell, by the tool's policy."""
        call = next((call for call in self._recorder.state.all_calls if call.call == action.call), None)
        if call is None or action.spec.policy.on_unknown == "tell":
            failure = outcome.failure or Failure("outcome_unknown", "Whether it happened is unknown.")
            return RunnerMessage((tool_finished(action, ToolOutcome(failure=failure, attempts=outcome.attempts)),))
        return RunnerMessage(action=unknown_outcome(call, action.spec, action.arguments))
