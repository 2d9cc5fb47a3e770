"""The steps of one run that are in progress: one task for each, which ends with a message to the runner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from journeyman.agents.decision import Action, Agent, CallTool, RunNode, Summarize
from journeyman.egress.traceparent import propagate
from journeyman.errors import StaleEpochError, StorageError
from journeyman.events.events import Failure, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.trace import header, step_span
from journeyman.ids import Ids
from journeyman.runtime.engine.mailbox import Mailbox, RunnerMessage, StepEnded, StepFailed, StepRefused
from journeyman.runtime.engine.node_run import NodeRun
from journeyman.runtime.engine.step_operations import ModelStart, Shorten, StepOperations
from journeyman.tools.spec import ToolOutcome

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0  # how long a cancelled step may take to unwind before it is left behind


class Steps:
    """The tasks of one run's steps, by the name of the step's call."""

    def __init__(self, operations: StepOperations, mailbox: Mailbox, ids: Ids) -> None:
        self._operations = operations
        self._mailbox = mailbox
        self._ids = ids
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, action: Action) -> bool:
        """Return whether the action's step is in progress, even if it has recorded nothing yet."""
        return getattr(action, "call", None) in self._tasks

    # --- starting

    def call_model(self, start: ModelStart, shorten: Shorten) -> None:
        """Start a model call; `shorten` as for `StepOperations.ask_model`."""
        self._start(start.action.call, partial(self._model, start, shorten), start.action.attempt)

    def summarize(self, action: Summarize) -> None:
        """Start a summary of the messages that leave the context window."""
        self._start(action.call, partial(self._summary, action))

    def call_tool(self, action: CallTool, recorded: int) -> None:
        """Start a tool call; `recorded` as for `StepOperations.run_tool`."""
        self._start(action.call, partial(self._tool, action, recorded))

    def run_node(self, action: RunNode, agent: Agent) -> None:
        """Start the code of a graph node."""
        self._start(action.call, partial(self._node, action, agent), action.attempt if action.attempt > 1 else 0)

    def _start(self, call: str, work: Callable[[], Awaitable[StepEnded]], attempt: int = 0) -> None:
        self._tasks[call] = asyncio.create_task(self._run(call, work, attempt), name=call)

    # --- ending

    def ended(self, call: str) -> None:
        """Forget the step of this call, whose last message was read."""
        self._tasks.pop(call, None)

    async def stop(self) -> None:
        """Cancel all steps and wait for them to unwind, within a bound."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            if stuck:
                log.error("a cancelled step does not end", extra={"run_id": self._state.run_id})
        self._tasks.clear()

    # --- in the task of a step

    async def _run(self, call: str, work: Callable[[], Awaitable[StepEnded]], attempt: int) -> None:
        """Do the work of a step and report its end, unless the run has cancelled the step."""
        state = self._state
        if state.trace_id is not None:
            propagate(header(state.trace_id, step_span(state.run_id, call, attempt)))
        message: RunnerMessage
        try:
            message = await work()
        except (StaleEpochError, StorageError) as exc:
            message = StepRefused(call, exc)
        except asyncio.CancelledError:
            if self._is_cancelled():
                raise
            message = StepFailed(call, self._failure(call))
        except Exception:  # a fault of the server: the run fails, the server lives on
            log.exception("a step failed", extra={"run_id": state.run_id})
            message = StepFailed(call, self._failure(call))
        self._mailbox.put(message)

    @property
    def _state(self) -> AgentState:
        return self._operations.state

    def _failure(self, call: str) -> Failure:
        failure = Failure("internal_error", f"Step {call} failed inside the server.", self._ids.new("err"))
        log.error(failure.message, extra={"run_id": self._state.run_id, "error_id": failure.error_id})
        return failure

    def _is_cancelled(self) -> bool:
        """Return whether the run has cancelled this step: code that awaits a cancelled task raises the same error."""
        task = asyncio.current_task()
        return self._state.cancel is not None or (task is not None and task.cancelling() > 0)

    async def _model(self, start: ModelStart, shorten: Shorten) -> StepEnded:
        return StepEnded(start.action.call, (await self._operations.ask_model(*start, shorten=shorten, waits=True),))

    async def _summary(self, action: Summarize) -> StepEnded:
        return StepEnded(action.call, await self._operations.summarize(action))

    async def _tool(self, action: CallTool, recorded: int) -> StepEnded:
        try:
            ended = await self._operations.run_tool(action, recorded, waits=True)
        except asyncio.CancelledError:
            if self._is_cancelled():
                raise
            outcome = ToolOutcome(failure=Failure("tool_failed", "The tool cancelled itself."))
            ended = self._operations.after_tool(action, outcome)
        if isinstance(ended, ToolCallFinished):
            return StepEnded(action.call, (ended,))
        return StepEnded(action.call, action=ended)

    async def _node(self, action: RunNode, agent: Agent) -> StepEnded:
        return await NodeRun(action, agent, self._operations, self._mailbox, self._ids).run()
