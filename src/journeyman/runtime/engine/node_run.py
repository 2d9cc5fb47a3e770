"""Runs the code of a graph node once, as a step of its run."""

from __future__ import annotations

import asyncio
import logging

from journeyman.agents.decision import Agent, RunNode
from journeyman.errors import BaseError, StaleEpochError, StorageError, ToolExecutionError, ValidationError
from journeyman.events.events import ContextChanged, Event, Failure, NodeLeft
from journeyman.events.fold import replace
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.runtime.engine.context_limits import check_context
from journeyman.runtime.engine.end_events import close_call, close_model
from journeyman.runtime.engine.mailbox import Mailbox, StepEnded
from journeyman.runtime.engine.node_calls import NodeCalls
from journeyman.runtime.engine.node_context import Answer, NodeContext
from journeyman.runtime.engine.node_tasks import NodeTasks
from journeyman.runtime.engine.step_operations import StepOperations
from journeyman.tools.failures import detail_of, readable
from journeyman.tools.results import plain_json

log = logging.getLogger(__name__)


class NodeRun:
    """One run of a node's code. Made in the task of its step."""

    def __init__(self, action: RunNode, agent: Agent, operations: StepOperations, mailbox: Mailbox, ids: Ids) -> None:
        root = asyncio.current_task()
        assert root is not None
        self._action = action
        self._agent = agent
        self._operations = operations
        self._ids = ids
        self._tasks = NodeTasks(root)
        self._calls = NodeCalls(action, agent, operations, mailbox, self._tasks)

    async def run(self) -> StepEnded:
        """Run the code. Returns the events of its outcome: none if it was suspended, since it then runs again."""
        try:
            events = self._left_with(await self._run_code())
        except (StaleEpochError, StorageError):
            raise
        except asyncio.CancelledError:
            if self._tasks.cancelled_from_outside() or self._operations.state.cancel is not None:
                raise
            events = (self._left(failure=Failure("node_failed", "The node's code cancelled itself.")),)
        except BaseException as exc:  # noqa: BLE001 - code may raise anything; SystemExit would end the event loop
            events = (self._left(failure=self._failure(exc)),)
        await self._tasks.stop()
        call = self._action.call
        return StepEnded(call) if self._tasks.suspended else StepEnded(call, (*self._closed_calls(), *events))

    async def _run_code(self) -> JSON:
        """Run the code within the node's timeout. Raises what it raises, or ToolExecutionError (`node_timeout`)."""
        work = self._agent.node_work(self._action.path)
        state = self._operations.state.in_branch(self._action.path.branch)
        context = NodeContext(self._action.path, self._action.attempt, work.config, state, self._calls)
        seconds = self._action.timeout_seconds
        if seconds is None:
            return await work.function(context)
        expired = asyncio.timeout(seconds)
        try:
            async with expired:
                return await work.function(context)
        except TimeoutError as exc:
            if not expired.expired():
                raise
            raise ToolExecutionError(f"The node took longer than {seconds:g} seconds.", code="node_timeout") from exc

    def _closed_calls(self) -> tuple[Event, ...]:
        """Return the ends of calls that were open when the code ended, by a timeout or by an error beside them."""
        node = self._operations.state.walk.at(self._action.path.branch)
        assert node is not None, self._action.path
        models = (close_model(call, "") for call in node.model_calls)
        return (*models, *(close_call(call, self._operations.executing) for call in node.calls))

    def _left_with(self, result: JSON | Answer) -> tuple[Event, ...]:
        """Return the events of a node that returned `result`: a patch of the thread's context, or the run's answer."""
        if result is None:
            return (self._left(),)
        if isinstance(result, Answer):
            return (replace(self._left(), answer=result.text),)
        try:
            patch = plain_json(result)
            if not isinstance(patch, dict):
                raise ValidationError(f"It returned {type(result).__name__}, not a dictionary or None.")
            check_context(self._operations.state.thread_context, patch)
        except BaseError as exc:
            return (self._left(failure=self._failure(exc, "node_bad_result")),)
        changed = (ContextChanged(scope="thread", patch=patch, path=self._action.path),) if patch else ()
        return (*changed, self._left(result=patch))

    def _left(self, result: JSON = None, failure: Failure | None = None) -> NodeLeft:
        action = self._action
        return NodeLeft(call=action.call, attempt=action.attempt, result=result, error=failure, path=action.path)

    def _failure(self, exc: BaseException, code: str | None = None) -> Failure:
        """Return the failure of the node: an error of Journeyman keeps its code, all others are `node_failed`."""
        error = exc if isinstance(exc, BaseError) else ToolExecutionError(readable(exc), code="node_failed")
        failure = Failure(code or error.code, error.message, self._ids.new("err"), error.retry_after)
        extra = {
            "run_id": self._operations.state.run_id,
            "node": self._action.path.node,
            "error_id": failure.error_id,
        }
        if not self._tasks.suspended:
            log.warning("node failed: %s\n%s", failure.message, detail_of(exc), extra=extra)
        return failure
