"""A node's own code under way: what it does is recorded, and not done again when it runs again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NoReturn

import msgspec

from journeyman.agents.decision import Action, Agent, CallModel, CallTool, ReachLimit, RunNode, Settle
from journeyman.agents.limits import exceeded
from journeyman.agents.tool_calls import next_action, question
from journeyman.agents.tool_calls import unknown_outcome as unknown_outcome
from journeyman.errors import (
    BaseError,
    ServiceError,
    StaleEpochError,
    StorageError,
    ToolExecutionError,
    ValidationError,
)
from journeyman.events.events import (
    ContextChanged,
    Event,
    Failure,
    LimitReached,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeLeft,
    StepRemembered,
    ToolCallFinished,
)
from journeyman.events.fold import replace
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import JSON, Message, system, user
from journeyman.events.open_calls import CallState
from journeyman.ids import Ids
from journeyman.llm.client import ModelRequest
from journeyman.runtime.engine.action_events import closed_without_running, model_called, tool_finished
from journeyman.runtime.engine.context_limits import check_context
from journeyman.runtime.engine.end_events import close_call, close_model
from journeyman.runtime.engine.inbox import Mailbox, RunnerMessage
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.model_budget import BudgetMeter
from journeyman.runtime.engine.node_context import NodeContext
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.tool_call import ToolCallHost
from journeyman.tools.failures import detail_of, readable
from journeyman.tools.results import plain_json
from journeyman.tools.spec import ToolOutcome

log = logging.getLogger(__name__)

REMEMBERED_CAP = 64 * 1024  # bytes of JSON, of one value
STOP_SECONDS = 5.0  # how long tasks of the code may take to unwind


class RunningNode:
    """Runs the code once. It ends with NodeLeft, or without a word where it waits for a human: it then runs again.

    Its calls are named by their order (`score#1.t1`), what it remembers by name (`score#1/dice`).
    """

    def __init__(
        self,
        action: RunNode,
        agent: Agent,
        recorder: Recorder,
        inbox: Mailbox,
        live: LiveRun,
        performer: Performer,
        executing: set[str],
        ids: Ids,
        payments: BudgetMeter,
    ) -> None:
        self._action = action
        self._agent = agent
        self._recorder = recorder
        self._inbox = inbox
        self._live = live
        self._performer = performer
        self._executing = executing
        self._ids = ids
        self._payments = payments
        self._counts = {"t": 0, "m": 0, "p": 0}
        self._root: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # of the code's own making that called here
        self._under_way = 0  # calls that are performed now
        self._parked = False  # it waits for a human, or a limit is reached: what the code still says does not count

    async def run(self) -> RunnerMessage:
        self._root = asyncio.current_task()
        try:
            events = self._done(await self._work())
        except (StaleEpochError, StorageError):
            raise
        except asyncio.CancelledError:
            if self._withdrawn():
                raise
            events = (self._left(failure=Failure("node_failed", "The node's code cancelled itself.")),)
        except BaseException as exc:  # noqa: BLE001 - code may raise anything; SystemExit would end the event loop
            events = (self._left(failure=self._failure(exc)),)
        await self._stop_tasks()
        return RunnerMessage() if self._parked else RunnerMessage((*self._closed(), *events))

    def _withdrawn(self) -> bool:
        """Did the run end this node? Parking ends it too, and code may do so to itself."""
        assert self._root is not None
        if self._parked:
            self._root.uncancel()
        return self._root.cancelling() > 0 or self._recorder.state.cancel is not None

    async def _stop_tasks(self) -> None:
        """Tasks that the code has left behind end with it, and so do their calls."""
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    def _closed(self) -> tuple[Event, ...]:
        """Ends of the calls that were under way when the code ended, by time-out or by a fault beside them."""
        node = self._node
        if not node.calls and not node.model_calls:
            return ()
        models = (close_model(call, "") for call in node.model_calls)
        return (*models, *(close_call(call, self._executing) for call in node.calls))

    async def _work(self) -> JSON:
        work = self._agent.node_work(self._action.path)
        state = self._recorder.state.in_branch(self._action.path.branch)
        context = NodeContext(self._action.path, self._action.attempt, work.config, state, self)
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

    def _done(self, result: JSON) -> tuple[Event, ...]:
        """What it gave is a patch of the thread's context."""
        state, action = self._recorder.state, self._action
        if result is None:
            return (self._left(),)
        try:
            patch = plain_json(result)
            if not isinstance(patch, dict):
                raise ValidationError(f"It returned {type(result).__name__}, not a dictionary or None.")
            check_context(state.thread_context, patch)
        except BaseError as exc:
            return (self._left(failure=self._failure(exc, "node_bad_result")),)
        changed = (ContextChanged(scope="thread", patch=patch, path=action.path),) if patch else ()
        return (*changed, self._left(result=patch))

    def _left(self, result: JSON = None, failure: Failure | None = None) -> NodeLeft:
        action = self._action
        return NodeLeft(call=action.call, attempt=action.attempt, result=result, error=failure, path=action.path)

    def _failure(self, exc: BaseException, code: str | None = None) -> Failure:
        """Errors of ours keep their code; whatever else the code raises is `node_failed`."""
        error = exc if isinstance(exc, BaseError) else ToolExecutionError(readable(exc), code="node_failed")
        failure = Failure(code or error.code, error.message, self._ids.new("err"), error.retry_after)
        extra = {"run_id": self._recorder.state.run_id, "node": self._action.path.node, "error_id": failure.error_id}
        if not self._parked:
            log.warning("node failed: %s\n%s", failure.message, detail_of(exc), extra=extra)
        return failure

    # --- what the code asks for

    async def call_model(self, text: str | Sequence[Message], prompt: str) -> Message:
        call = self._name("m")
        if isinstance(done := self._node.outcomes.get(call), Message):
            return done
        await self._within_limits(None)
        request = self._request(text, prompt)
        known = next((held for held in self._node.model_calls if held.call == call), None)
        action = CallModel(call=call, attempt=known.attempt + 1 if known else 1, path=self._action.path)
        state = replace(self._recorder.state, messages=request.messages)  # of its own: the hash is of these
        called = model_called(action, state, self._agent.spec.model.name, request, state.first_no)
        event = await (self._ask_paid if self._payments.shared else self._ask)(action, request, called)
        if isinstance(event, ModelFailed):
            raise ServiceError(event.error.message, code=event.error.code, retry_after=event.error.retry_after)
        return event.message

    async def _ask(self, action: CallModel, request: ModelRequest, called: ModelCalled) -> ModelReplied | ModelFailed:
        await self._record(called)
        if called.reserved is not None:
            await self._recorder.settle()
        with self._performing():
            event = await self._performer.call_model(action, request, self._live, self._recorder.state.stream)
            await self._record(event)
        return event

    async def _ask_paid(
        self, action: CallModel, request: ModelRequest, called: ModelCalled
    ) -> ModelReplied | ModelFailed:
        held = await self._payments.set_aside(request)
        if isinstance(held, LimitReached):
            await self._park(ReachLimit(limit=held.limit, value=held.value, budget=held.budget))
        with held:
            await self._record(*held.warnings)
            event = await self._ask(action, request, replace(called, reserved=held.reservation))
            held.settle(event)
        return event

    def _request(self, text: str | Sequence[Message], prompt: str) -> ModelRequest:
        model = self._agent.spec.model
        messages = (user(text),) if isinstance(text, str) else tuple(text)
        return ModelRequest(
            model=self._agent.model,
            messages=(system(prompt), *messages) if prompt else messages,
            temperature=model.temperature,
            max_tokens=model.max_tokens,
            extra=model.extra,
            timeout_seconds=model.timeout_seconds,
            fallbacks=model.fallbacks,
        )

    async def call_tool(self, name: str, arguments: dict[str, JSON]) -> str:
        call = self._name("t")
        done = self._node.outcomes.get(call)
        if not isinstance(done, ToolCallFinished):
            known = next((held for held in self._node.calls if held.call == call), None)
            if known is None:
                asked = plain_json(arguments)
                known = CallState(call=call, call_id=call, tool=name, arguments=asked, path=self._action.path)
                await self._within_limits(known)
            done = await self._finish(known)
        if done.error is not None:
            raise ToolExecutionError(done.error.message, code=done.error.code)
        return done.result or ""

    async def _finish(self, call: CallState) -> ToolCallFinished:
        """By the one policy of all calls: refuse it, ask a human, or run it."""
        action = next_action(call, self._recorder.state, self._agent.tools)
        match action:
            case CallTool():
                return await self._execute(action, call)
            case Settle():
                return await self._settle(action)
            case _:
                return await self._park(action)

    async def _execute(self, action: CallTool, call: CallState) -> ToolCallFinished:
        host = ToolCallHost(action, self._recorder, self._inbox, self._live, self._executing, action.attempt - 1)
        with self._performing():
            outcome = await self._performer.call_tool(action, self._recorder.state, host)
            self._executing.discard(action.call)
            if not outcome.unknown and outcome.question is None:
                return await self._finished(tool_finished(action, outcome))
        if outcome.question is not None:
            await self._park(question(action, outcome.question))
        if action.spec.policy.on_unknown == "ask":
            await self._park(unknown_outcome(call, action.spec, action.arguments))
        failure = outcome.failure or Failure("outcome_unknown", "Whether it happened is unknown.")
        return await self._finished(tool_finished(action, ToolOutcome(failure=failure, attempts=outcome.attempts)))

    async def _settle(self, action: Settle) -> ToolCallFinished:
        return await self._finished(closed_without_running(action))

    async def _finished(self, event: ToolCallFinished) -> ToolCallFinished:
        await self._record(event)
        return event

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        key = f"{self._action.call}/{name}"
        if key in self._recorder.state.remembered:
            return self._recorder.state.remembered[key]
        value = plain_json(await self._performer.make(key, make))
        if len(msgspec.json.encode(value)) > REMEMBERED_CAP:
            raise ValidationError(f"A remembered value has at most {REMEMBERED_CAP // 1024} KiB: keep it outside.")
        await self._record(StepRemembered(name=key, value=value, path=self._action.path))
        await self._recorder.settle()
        return value

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Raises ValidationError when the context would hold too much. A change that was made is not made again."""
        self._counts["p"] += 1
        key = f"{self._action.call}.p{self._counts['p']}"
        state = self._recorder.state
        if key in state.remembered:
            return
        check_context(state.thread_context if scope == "thread" else state.global_context, patch)
        path = self._action.path
        changed = ContextChanged(scope=scope, patch=patch, path=path)
        await self._record(changed, StepRemembered(name=key, value=True, path=path))

    def progress(self, value: str | float) -> None:
        self._live.report(self._action.call, value)

    # --- names, limits, records

    @property
    def _node(self) -> NodeState:
        node = self._recorder.state.walk.at(self._action.path.branch)
        assert node is not None, self._action.path
        return node

    def _name(self, kind: str) -> str:
        """The next call's name. One that failed in an earlier attempt is another call in this one."""
        self._counts[kind] += 1
        first = f"{self._action.call}.{kind}{self._counts[kind]}"
        node = self._node
        names = [first, *(f"{first}.{number}" for number in range(1, node.failures + 1))]
        open_calls = {held.call for held in node.calls} | {held.call for held in node.model_calls}
        return next((name for name in names if name in node.outcomes or name in open_calls), names[-1])

    async def _within_limits(self, call: CallState | None) -> None:
        """Of the next model call, or of this call of a tool."""
        state = self._recorder.state
        calls = () if call is None else (call,)
        counted = replace(state, tool_calls=state.tool_calls + len(calls), calls=calls)
        if limit := exceeded(counted, self._agent.spec.limits):
            await self._park(limit)

    async def _park(self, action: Action | None) -> NoReturn:
        """Nothing more can be done here now: the code is unwound once its other calls are over."""
        self._parked = True
        self._adopt()
        if action is not None:
            self._inbox.put(RunnerMessage(action=action))
        self._unwind_if_idle()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a parked call goes on")

    def _unwind_if_idle(self) -> None:
        if self._parked and not self._under_way and self._root is not None:
            self._root.cancel()

    def _adopt(self) -> None:
        """A task that the code has made calls here: it may not outlive the node."""
        task = asyncio.current_task()
        if task is not None and task is not self._root and task not in self._tasks:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @contextmanager
    def _performing(self) -> Iterator[None]:
        self._adopt()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._unwind_if_idle()

    async def _record(self, *events: Event) -> None:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(RunnerMessage(events, recorded=recorded))
        await recorded
