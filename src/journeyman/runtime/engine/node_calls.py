"""What the code of a graph node asks of its run by NodeContext: calls, remembered values and context changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NoReturn

import msgspec

from journeyman.agents.decision import Action, Agent, CallModel, CallTool, ReachLimit, RunNode, Settle
from journeyman.agents.limits import exceeded
from journeyman.agents.model_request import model_request
from journeyman.agents.tool_calls import next_action
from journeyman.errors import ServiceError, ToolExecutionError, ValidationError
from journeyman.events.events import (
    ContextChanged,
    LimitReached,
    ModelCalled,
    ModelFailed,
    StepRemembered,
    ToolCallFinished,
)
from journeyman.events.fold import replace
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import JSON, Message, user
from journeyman.events.model_request import ModelRequest
from journeyman.events.open_calls import CallState
from journeyman.runtime.engine.action_events import closed_without_running, model_called
from journeyman.runtime.engine.context_limits import check_context_of_code
from journeyman.runtime.engine.mailbox import ActionRequested, Mailbox
from journeyman.runtime.engine.node_tasks import NodeTasks
from journeyman.runtime.engine.step_operations import ModelEnd, StepOperations
from journeyman.tools.results import plain_json

REMEMBERED_CAP = 64 * 1024  # bytes of JSON, of one value


class NodeCalls:
    """The `NodeHost` of a running node: records what its code does, so that a repeated run of the code repeats nothing.

    Calls are named by their order (`score#1.t1`), remembered values by their name (`score#1/dice`).
    """

    def __init__(
        self, action: RunNode, agent: Agent, operations: StepOperations, mailbox: Mailbox, tasks: NodeTasks
    ) -> None:
        self._action = action
        self._agent = agent
        self._operations = operations
        self._mailbox = mailbox
        self._tasks = tasks
        self._counts = {"t": 0, "m": 0, "p": 0}

    # --- models

    async def call_model(self, text: str | Sequence[Message], prompt: str) -> Message:
        """Ask the agent's model, or return the reply that an earlier run of the code got. Raises ServiceError."""
        call = self._name("m")
        if isinstance(done := self._node.outcomes.get(call), Message):
            return done
        await self._check_limits(None)
        messages = (user(text),) if isinstance(text, str) else text
        request = model_request(self._agent.spec.model, self._agent.model, prompt, messages)
        known = next((each for each in self._node.model_calls if each.call == call), None)
        action = CallModel(call=call, attempt=known.attempt + 1 if known else 1, path=self._action.path)
        event = await self._operations.ask_model(action, request, self._called(action, request), self._perform_model)
        if isinstance(event, LimitReached):
            await self._suspend(ReachLimit(limit=event.limit, value=event.value, budget=event.budget))
        if isinstance(event, ModelFailed):
            raise ServiceError(event.error.message, code=event.error.code, retry_after=event.error.retry_after)
        return event.message

    def _called(self, action: CallModel, request: ModelRequest) -> ModelCalled:
        """Return the event of the call's start. Its hash is of the request's own messages."""
        state = replace(self._operations.state, messages=request.messages)
        return model_called(action, state, self._agent.spec.model.name, request, state.first_no)

    async def _perform_model(self, asking: Awaitable[ModelEnd]) -> ModelEnd:
        with self._tasks.performing():
            event = await asking
            await self._operations.record(event)
        return event

    # --- tools

    async def call_tool(self, name: str, arguments: dict[str, JSON]) -> str:
        """Call a tool by its policy, or return the result that an earlier run of the code got.

        Raises ToolExecutionError with the code of the call's failure.
        """
        call = self._name("t")
        done = self._node.outcomes.get(call)
        if not isinstance(done, ToolCallFinished):
            known = next((each for each in self._node.calls if each.call == call), None)
            if known is None:
                plain = plain_json(arguments)
                known = CallState(call=call, call_id=call, tool=name, arguments=plain, path=self._action.path)
                await self._check_limits(known)
            done = await self._finish(known)
        if done.error is not None:
            raise ToolExecutionError(done.error.message, code=done.error.code)
        return done.result or ""

    async def _finish(self, call: CallState) -> ToolCallFinished:
        """Reject the call, ask a human or run the tool, as for the calls that a model asks for."""
        action = next_action(call, self._operations.state, self._agent.tools)
        match action:
            case CallTool():
                return await self._run_tool(action)
            case Settle():
                return await self._finished(closed_without_running(action))
            case _:
                return await self._suspend(action)

    async def _run_tool(self, action: CallTool) -> ToolCallFinished:
        with self._tasks.performing():
            ended = await self._operations.run_tool(action, action.attempt - 1)
            if isinstance(ended, ToolCallFinished):
                return await self._finished(ended)
        return await self._suspend(ended)

    async def _finished(self, event: ToolCallFinished) -> ToolCallFinished:
        await self._operations.record(event)
        return event

    # --- values and contexts

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        """Return the value that `make` gave first; it is durable. Raises ValidationError if it is too large."""
        key = f"{self._action.call}/{name}"
        if key in self._operations.state.remembered:
            return self._operations.state.remembered[key]
        value = plain_json(await self._operations.compute(key, make))
        if len(msgspec.json.encode(value)) > REMEMBERED_CAP:
            raise ValidationError(f"A remembered value has at most {REMEMBERED_CAP // 1024} KiB: keep it outside.")
        await self._operations.record_durably(StepRemembered(name=key, value=value, path=self._action.path))
        return value

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a change of a context, unless an earlier run of the code has made it.

        Raises ValidationError if the context would be too large.
        """
        self._counts["p"] += 1
        key = f"{self._action.call}.p{self._counts['p']}"
        state, path = self._operations.state, self._action.path
        if key in state.remembered:
            return
        check_context_of_code(state.thread_context if scope == "thread" else state.global_context, patch)
        changed = ContextChanged(scope=scope, patch=patch, path=path)
        await self._operations.record(changed, StepRemembered(name=key, value=True, path=path))

    def progress(self, value: str | float) -> None:
        """Show progress of the node to those who watch the run."""
        self._operations.report(self._action.call, value)

    # --- names and limits

    @property
    def _node(self) -> NodeState:
        node = self._operations.state.walk.at(self._action.path.branch)
        assert node is not None, self._action.path
        return node

    def _name(self, kind: str) -> str:
        """Return the name of the code's next call. A call that failed in an earlier attempt gets another name now."""
        self._counts[kind] += 1
        first = f"{self._action.call}.{kind}{self._counts[kind]}"
        node = self._node
        names = [first, *(f"{first}.{number}" for number in range(1, node.failures + 1))]
        open_calls = {each.call for each in node.calls} | {each.call for each in node.model_calls}
        return next((name for name in names if name in node.outcomes or name in open_calls), names[-1])

    async def _check_limits(self, call: CallState | None) -> None:
        """Suspend the code if a limit of the agent allows no more calls: this tool call, or a model call if None."""
        state = self._operations.state
        calls = () if call is None else (call,)
        counted = replace(state, tool_calls=state.tool_calls + len(calls), calls=calls)
        if limit := exceeded(counted, self._agent.spec.limits):
            await self._suspend(limit)

    async def _suspend(self, action: Action | None) -> NoReturn:
        """Suspend the code until the run has taken this action; None: until a human answers a question that is open."""
        if action is not None:
            self._mailbox.put(ActionRequested(action))
        await self._tasks.suspend()
