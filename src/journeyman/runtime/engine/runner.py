"""The heart of the engine: decide, perform, record. One runner drives one run, under one epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from journeyman.agents.decision import (
    Action,
    Agent,
    AskHuman,
    AwaitChild,
    CallModel,
    CallTool,
    Finish,
    RunNode,
    Summarize,
)
from journeyman.agents.history_window import trimmed_request
from journeyman.agents.last_answer import has_open_work, text_at_limit, unrun_failure
from journeyman.agents.limits import effective_limits, most_calls
from journeyman.agents.raised_limits import actions_at_question, is_answered
from journeyman.clock import Timer
from journeyman.errors import BaseError
from journeyman.events.events import (
    Ended,
    Event,
    Failure,
    Lack,
    LimitReached,
    ModelCalled,
    ModelReplied,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
)
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import with_most_calls
from journeyman.events.model_request import ModelRequest
from journeyman.runtime.engine.action_events import instant_event, model_called, tool_started
from journeyman.runtime.engine.children import Children, ChildrenStatus
from journeyman.runtime.engine.end_events import closing_events, ends_of_open_work
from journeyman.runtime.engine.gateway_patience import CallPatience, GatewayPatience
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import (
    ActionRequested,
    EventsReported,
    Mailbox,
    RunnerMessage,
    StepEnded,
    StepFailed,
    StepLacking,
    StepRefused,
)
from journeyman.runtime.engine.model_budget import BudgetMeter
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.step_operations import ModelStart, Shorten, StepOperations
from journeyman.runtime.engine.steps import Steps

log = logging.getLogger(__name__)

ROUNDS = 1000  # how often an agent may decide in a row without any work being done
CHILD_SECONDS = 30.0  # how long a run that ends waits for the ends of its children


def _is_never_attended(run_id: str) -> bool:
    return False


def _is_taken_over(event: Event) -> bool:
    return isinstance(event, RunResumed) and event.reason == "taken_over"


class Runner:
    """Drives one run until it ends or is idle: only questions, child runs and what it lacks are open.

    Its steps, and those that append events to its run from outside, reach it by `mailbox`.
    """

    def __init__(
        self,
        parts: RunParts,
        agent: Agent,
        recorder: Recorder,
        mailbox: Mailbox,
        live: LiveRun,
        performer: Performer,
        children: Children,
        meter: BudgetMeter,
        patience: GatewayPatience | None = None,
        is_attended: Callable[[str], bool] = _is_never_attended,
    ) -> None:
        """`patience`: with gateways that are away; None: model calls fail then. `is_attended` as in CallPatience."""
        self._clock = parts.clock
        self._ids = parts.ids
        self._agent = agent
        self._recorder = recorder
        self._mailbox = mailbox
        self._live = live
        self._children = children
        self._meter = meter
        self._patience = CallPatience(patience, mailbox, recorder, is_attended, agent.spec) if patience else None
        self._is_remote = parts.agents.is_remote
        self._unstarted: set[str] = set()  # approved calls whose start is recorded once their server is found unchanged
        lack_of_tool = partial(parts.agents.lack_of_tool, agent.spec.name)
        self._operations = StepOperations(recorder, mailbox, live, performer, meter, self._patience, lack_of_tool)
        self._steps = Steps(self._operations, mailbox, parts.ids)
        self._prompt: str | None = None
        self._model_starts: dict[str, tuple[ModelStart, Shorten]] = {}
        self._lacking: dict[str, StepLacking] = {}  # steps that wait for what they lack, by call
        self._fault: Failure | None = None

    @property
    def state(self) -> AgentState:
        """The state of the run as it is now."""
        return self._recorder.state

    async def run(self, *first: Event) -> AgentState:
        """Record `first`, then drive the run until it ends or is idle. All of it is durable on return.

        Raises StaleEpochError and StorageError. If the runner is cancelled, the run is resumed by the next start.
        """
        timer = self._limit_time()
        if self._patience is not None and any(_is_taken_over(event) for event in first):
            self._patience.note_take_over()
        try:
            messages: list[RunnerMessage] = [EventsReported(first), *await self._child_ends()]
            while True:
                actions = self._decide(messages)
                if self._must_close_work():
                    await self._close_work()
                    messages = []
                    continue
                if end := self._end(actions):
                    return await self._close(end)
                if self._is_idle(actions):
                    news = await self._become_idle()
                    if news is None:
                        return self.state
                    messages = [news]
                    continue
                await self._recorder.submit()
                self._confirm(messages)
                self._perform(actions)
                await self._start_children()
                self._retry_lacking()
                messages = await self._next_messages()
        finally:
            timer.cancel()
            await self._steps.stop()

    # --- decide

    def _decide(self, messages: Sequence[RunnerMessage]) -> list[Action]:
        """Take the messages, then ask the agent until it has nothing to add. Returns the actions to perform."""
        for message in messages:
            self._take(message)
        actions: dict[str, Action] = {}
        for _ in range(ROUNDS):
            if self.state.cancel or self._fault:
                break
            before = self.state
            decided = (action for action in self._ask_agent() if action not in self._steps)
            for action in [action for action in decided if action.key not in actions]:
                if type(action) is Finish:
                    return [action]
                if not self._announce(action):
                    actions[action.key] = action
            if self.state is before:  # the agent would decide the same again
                return list(actions.values())
        else:
            self._fault = self._internal(f"agent {self._agent.spec.name} decides without end")
        return []

    def _take(self, message: RunnerMessage) -> None:
        match message:
            case EventsReported(events):
                self._add(events)
            case ActionRequested(action):
                self._announce(action)
            case StepLacking(call):
                self._lacking[call] = message
            case StepEnded(call, events, action):
                self._steps.ended(call)
                self._add(events)
                if action is not None:
                    self._announce(action)
            case StepFailed(call, failure):
                self._steps.ended(call)
                self._fault = self._fault or failure
            case StepRefused(_, error):
                raise error

    def _add(self, events: Sequence[Event]) -> None:
        self._recorder.add(*map(self._with_marks, events))

    def _with_marks(self, event: Event) -> Event:
        """Mark the sensitive arguments of the calls in a model's reply, and drop calls far beyond the limit."""
        if type(event) is not ModelReplied or not event.message.tool_calls:
            return event
        most = most_calls(self.state, self._agent.spec.limits)
        message = self._agent.tools.mark_sensitive(with_most_calls(event.message, most))
        return event if message is event.message else replace(event, message=message)

    def _ask_agent(self) -> tuple[Action, ...]:
        held = actions_at_question(self.state)
        if held is not None:
            return held
        try:
            return self._agent.decide(self.state)
        except Exception:  # an agent type may be a user's code: its fault fails the run, not the server
            log.exception("decide failed", extra={"run_id": self.state.run_id})
            return (Finish(failure=self._internal(f"agent {self._agent.spec.name} could not decide")),)

    def _announce(self, action: Action) -> bool:
        """Record the action, or its start unless that must wait. Returns whether nothing is left to perform."""
        match action:
            case CallModel():
                self._announce_model(action)
            case CallTool():
                if action.approved and self._is_remote(action.spec.name):
                    self._unstarted.add(action.key)
                elif not action.spec.policy.may_wait:
                    self._recorder.add(tool_started(action, self.state, action.attempt))
            case Finish() | RunNode() | Summarize():
                pass
            case AwaitChild():
                self._begin_child(action)
                return True
            case AskHuman(limit=asked) if asked is not None and is_answered(asked, self.state):
                return True
            case _:
                self._recorder.add(instant_event(action, self._ids, self._clock.now))
                return True
        return False

    def _announce_model(self, action: CallModel) -> None:
        """Make the request of a model call and record its start, which under a shared budget the step records."""
        try:
            first_no, request = self._request(action)
        except BaseError as exc:
            self._fault = Failure(exc.code, exc.message, self._ids.new("err"))
            return
        except Exception:  # as in `_ask_agent`
            log.exception("request failed", extra={"run_id": self.state.run_id})
            self._fault = self._internal(f"agent {self._agent.spec.name} could not make a request")
            return
        view = self.state.in_branch(action.path.branch)
        called = self._model_called(action, view, request, first_no)
        if not self._meter.shared:
            self._recorder.add(called)
        start = ModelStart(action, request, called if self._meter.shared else None)
        self._model_starts[action.key] = start, partial(self._shortened, action, view, request)

    def _model_called(self, action: CallModel, view: AgentState, request: ModelRequest, first_no: int) -> ModelCalled:
        return model_called(action, view, action.model or self._agent.spec.model.name, request, first_no)

    def _shortened(self, action: CallModel, view: AgentState, request: ModelRequest) -> ModelStart | None:
        """Return the next attempt of a model call, with half of its window. None: no turn can be left out."""
        trimmed = trimmed_request(request, view, self._agent.spec.history)
        if trimmed is None:
            return None
        first_no, shorter = trimmed
        again = replace(action, attempt=action.attempt + 1)
        return ModelStart(again, shorter, self._model_called(again, view, shorter, first_no))

    def _request(self, action: CallModel) -> tuple[int, ModelRequest]:
        if action.path.node:
            return self._agent.node_request(action.path, self.state)
        if self._prompt is None:
            self._prompt = self._agent.prompt(self.state)
        return self._agent.request(self.state, self._prompt)

    def _begin_child(self, action: AwaitChild) -> None:
        child = self._children.begin(action, self.state, self._agent.spec.limits)
        self._recorder.add(*child.events)
        if child.append is not None:
            self._recorder.add_child(child.append, child.definition)

    # --- perform

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case CallModel():
                    self._steps.call_model(*self._model_starts.pop(action.key))
                case CallTool():
                    unstarted = action.spec.policy.may_wait or action.key in self._unstarted
                    self._unstarted.discard(action.key)
                    self._steps.call_tool(action, action.attempt - 1 if unstarted else action.attempt)
                case Summarize():
                    self._steps.summarize(action)
                case RunNode():
                    self._steps.run_node(action, self._agent)

    def _confirm(self, messages: Sequence[RunnerMessage]) -> None:
        """Let the steps continue that wait for their events to be submitted."""
        for message in messages:
            if type(message) is EventsReported and message.recorded is not None and not message.recorded.done():
                message.recorded.set_result(None)

    async def _start_children(self) -> None:
        """Start the child runs that the submitted batch has begun, once it is durable."""
        if self._recorder.has_new_children:
            self._children.start(await self._recorder.new_children())

    async def _next_messages(self) -> list[RunnerMessage]:
        """Wait for messages, or for news of the run in the journal, which are applied."""
        messages = await self._mailbox.next_batch()
        if self._mailbox.take_notification():
            await self._recorder.catch_up()
            messages += await self._child_ends()
        return messages

    async def _child_ends(self) -> list[RunnerMessage]:
        """Return the ends of child runs that are not recorded yet, as one message."""
        if not self.state.open_children:
            return []
        status = await self._children.status(self.state)
        return [EventsReported(status.ended)]

    # --- idle and end

    def _is_idle(self, actions: Sequence[Action]) -> bool:
        return not actions and len(self._steps) == len(self._lacking)

    async def _become_idle(self) -> RunnerMessage | None:
        """Stop driving the run: it pauses, or stays running while a child works.

        Returns None if it is idle now, or the message to continue with if an answer, a cancel or a child was faster.
        """
        asked = self.state.open_approvals
        status = await self._child_status()
        if status.ended:
            return EventsReported(status.ended)
        if status.working:
            await self._recorder.wait_durable()
            return EventsReported() if self._has_news(asked) or self._retry_lacking() else None
        lack = await self._stop_lacking() or status.lacks
        self._recorder.add(RunPaused(waiting_for=(*self.state.open_approvals, *status.waiting_for), lacks=lack))
        await self._recorder.submit()
        await self._recorder.wait_durable()
        return EventsReported((RunResumed(epoch=self.state.epoch),)) if self._has_news(asked) else None

    def _retry_lacking(self) -> bool:
        """Let the steps try again that lack something, since the run goes on beside them. Returns whether there are."""
        if not self._lacking:
            return False
        lacking, self._lacking = self._lacking, {}
        for step in lacking.values():
            if not step.retry.done():
                step.retry.set_result(None)
        return True

    async def _stop_lacking(self) -> Lack | None:
        """Stop the steps that lack something, so that the run waits without tasks. Returns what the first lacks."""
        lacking, self._lacking = self._lacking, {}
        if lacking:
            await self._steps.stop()
        return next((step.lack for step in lacking.values()), None)

    async def _child_status(self) -> ChildrenStatus:
        """Return the status of the open children, after starting those that were decided on last."""
        if not self.state.open_children:
            return ChildrenStatus()
        await self._recorder.submit()
        await self._start_children()
        return await self._children.status(self.state)

    def _has_news(self, asked: tuple[str, ...]) -> bool:
        """Return whether one of the open approvals `asked` was answered, or the run was cancelled.

        An answer from before does not count: the agent had nothing to add to it (a node's code runs again only when
        all its questions are answered).
        """
        return self.state.open_approvals != asked or self.state.cancel is not None

    def _end(self, actions: Sequence[Action]) -> Ended | None:
        """Return the event that ends the run now, or None if it continues."""
        if self.state.cancel is not None:
            return RunCancelled(by=self.state.cancel.by, reason=self.state.cancel.reason)
        if self._fault is not None:
            return RunFailed(error=self._fault)
        for action in actions:
            if type(action) is Finish:
                return self._finished(action)
        waits = self.state.open_approvals or self.state.open_children or self._lacking
        if self._is_idle(actions) and not waits:
            reason = f"agent {self._agent.spec.name} decided nothing, and nothing is open"
            return RunFailed(error=self._internal(reason))
        return None

    def _finished(self, action: Finish) -> Ended:
        if action.failure is not None:
            return RunFailed(error=action.failure)
        partial = self._partial_reply()
        output = (partial or action.output) if self.state.answering else (action.output or partial)
        if not output and action.stopped_by and self._agent.spec.limits.on_reached is not None:
            output = text_at_limit(self.state, action.stopped_by)
        return RunFinished(output=output, stopped_by=action.stopped_by)

    def _must_close_work(self) -> bool:
        """Return whether open work has to be closed, since the model is asked for the last time at a limit."""
        return has_open_work(self.state) and self.state.cancel is None and self._fault is None

    async def _close_work(self) -> None:
        """Stop the steps and the children, and close every open call and node, without ending the run."""
        await self._stop_work()
        unrun = unrun_failure(self.state)
        ends = ends_of_open_work(self.state, self._live.text_of, self._operations.executing, unrun)
        self._recorder.add(*ends)
        if has_open_work(self.state):  # closing it again would change nothing
            self._fault = self._internal("work stays open at a limit")

    async def _close(self, end: Ended) -> AgentState:
        """End the run: stop its steps and its children, close every open call, record the end."""
        await self._stop_work()
        if self.state.cancel is not None:  # it may have come while the work was stopped
            end = RunCancelled(by=self.state.cancel.by, reason=self.state.cancel.reason)
        events = closing_events(self.state, self._live.text_of, self._operations.executing, end)
        await self._recorder.record_end(*events)
        return self.state

    async def _stop_work(self) -> None:
        await self._steps.stop()
        self._lacking.clear()
        for message in self._mailbox.take():
            if type(message) not in (StepRefused, StepLacking):  # if the journal still refuses, the next submit raises
                self._take(message)
        if self.state.open_children:
            await self._end_children()

    async def _end_children(self) -> None:
        """Cancel the open children and wait, within a bound, for their ends."""
        self._recorder.add(*(await self._child_status()).ended)
        await self._children.cancel(self.state)
        deadline = self._clock.monotonic() + CHILD_SECONDS
        timer = self._clock.call_later(CHILD_SECONDS, self._mailbox.notify)
        messages = await self._child_ends()
        try:
            while True:
                for message in messages:
                    self._take(message)
                if not self.state.open_children or self._clock.monotonic() >= deadline:
                    return
                messages = await self._next_messages()
        finally:
            timer.cancel()

    def _partial_reply(self) -> str:
        call = self.state.model_call
        return self._live.text_of(call.call) if call else ""

    def _limit_time(self) -> Timer:
        """Start the timer of `limits.seconds`. Time that the run used before counts."""
        limits = effective_limits(self._agent.spec.limits, self.state)
        left = limits.seconds - self.state.active_us / 1_000_000
        then = limits.on_reached.seconds if limits.on_reached else "stop"
        reached = EventsReported((LimitReached(limit="seconds", value=limits.seconds, then=then),))
        return self._clock.call_later(max(0.0, left), lambda: self._mailbox.put(reached))

    def _internal(self, reason: str) -> Failure:
        failure = Failure("internal_error", f"The run failed inside the server: {reason}.", self._ids.new("err"))
        log.error(failure.message, extra={"run_id": self.state.run_id, "error_id": failure.error_id})
        return failure
