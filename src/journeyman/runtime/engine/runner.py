"""The heart: decide, perform, record. One runner owns one run, under one epoch."""

from __future__ import annotations

import logging

from journeyman.agents.decision import Action, Agent, AwaitChild, CallModel, CallTool, Finish, RunNode, Summarize
from journeyman.agents.limits import effective_limits
from journeyman.clock import Clock, Timer
from journeyman.errors import BaseError
from journeyman.events.events import (
    Ended,
    Event,
    Failure,
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
from journeyman.ids import Ids
from journeyman.llm.client import ModelRequest
from journeyman.runtime.engine.action_events import instant_event, model_called, tool_started
from journeyman.runtime.engine.children import Children, ChildrenStatus
from journeyman.runtime.engine.end_events import closing
from journeyman.runtime.engine.inbox import Mailbox, RunnerMessage
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.model_budget import BudgetMeter
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.steps import Steps

log = logging.getLogger(__name__)

ROUNDS = 1000  # how often an agent may decide in a row without any work being done
CHILD_SECONDS = 30.0  # how long a run that ends waits for the ends of its children


class Runner:
    """Drives one run until it ends or rests (only waits are open). News of it arrive in `inbox`."""

    def __init__(
        self,
        agent: Agent,
        recorder: Recorder,
        performer: Performer,
        children: Children,
        live: LiveRun,
        clock: Clock,
        ids: Ids,
        payments: BudgetMeter,
    ) -> None:
        self.inbox = Mailbox()
        self.live = live
        self._agent = agent
        self._recorder = recorder
        self._children = children
        self._clock = clock
        self._ids = ids
        self._prompt: str | None = None
        self._requests: dict[str, tuple[ModelRequest, ModelCalled | None]] = {}
        self._payments = payments
        self._steps = Steps(performer, recorder, self.inbox, live, ids, payments)
        self._fault: Failure | None = None

    @property
    def state(self) -> AgentState:
        return self._recorder.state

    async def run(self, *first: Event) -> AgentState:
        """From `first` (facts not yet recorded) to the run's end or to rest; all of it is durable on return.

        Raises StaleEpochError and StorageError. A cancelled runner leaves the run to be resumed.
        """
        timer = self._limit_time()
        try:
            facts = [RunnerMessage(first), *await self._of_children()]
            while True:
                actions = self._decide(facts)
                if end := self._end(actions):
                    return await self._close(end)
                if self._rests(actions):
                    stirring = await self._rest()
                    if stirring is None:
                        return self.state
                    facts = [stirring]
                    continue
                await self._recorder.flush()
                self._release(facts)
                self._perform(actions)
                if self._recorder.beginning:
                    self._children.launch(await self._recorder.begun())
                facts = await self._news()
        finally:
            timer.cancel()
            await self._steps.stop()

    # --- decide

    def _decide(self, facts: list[RunnerMessage]) -> list[Action]:
        """Record the facts, then ask the agent until it has nothing more to add; the actions that want work."""
        for fact in facts:
            self._take(fact)
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
            if self.state is before:  # and so would be what it decides
                return list(actions.values())
        else:
            self._fault = self._internal(f"agent {self._agent.spec.name} decides without end")
        return []

    def _take(self, fact: RunnerMessage) -> None:
        if fact.ended is not None:
            self._steps.ended(fact.ended)
        self._fault = self._fault or fact.fault
        self._recorder.add(*map(self._veiled, fact.events))
        if fact.action is not None:
            self._announce(fact.action)

    def _veiled(self, event: Event) -> Event:
        """A reply says of its calls what people are not to be shown."""
        if type(event) is not ModelReplied or not event.message.tool_calls:
            return event
        message = self._agent.tools.mark_sensitive(event.message)
        return event if message is event.message else replace(event, message=message)

    def _ask_agent(self) -> tuple[Action, ...]:
        try:
            return self._agent.decide(self.state)
        except Exception:  # an agent type may be a user's code: its fault fails the run, not the server
            log.exception("decide failed", extra={"run_id": self.state.run_id})
            return (Finish(failure=self._internal(f"agent {self._agent.spec.name} could not decide")),)

    def _announce(self, action: Action) -> bool:
        """Record the action, or its start where that need not wait. True: there is nothing more to do for it."""
        match action:
            case CallModel():
                self._announce_model(action)
            case CallTool():
                if not action.spec.policy.may_wait:
                    self._recorder.add(tool_started(action, self.state, action.attempt))
            case Finish() | RunNode() | Summarize():
                pass
            case AwaitChild():
                self._begin_child(action)
                return True
            case _:
                self._recorder.add(instant_event(action, self._ids, self._clock.now))
                return True
        return False

    def _announce_model(self, action: CallModel) -> None:
        try:
            first_no, request = self._request(action)
        except BaseError as exc:
            self._fault = Failure(exc.code, exc.message, self._ids.new("err"))
            return
        except Exception:  # as in `_ask_agent`
            log.exception("request failed", extra={"run_id": self.state.run_id})
            self._fault = self._internal(f"agent {self._agent.spec.name} could not make a request")
            return
        model = action.model or self._agent.spec.model.name
        called = model_called(action, self.state.in_branch(action.path.branch), model, request, first_no)
        if not self._payments.shared:
            self._recorder.add(called)
        self._requests[action.key] = request, called if self._payments.shared else None

    def _request(self, action: CallModel) -> tuple[int, ModelRequest]:
        if action.path.node:
            return self._agent.node_request(action.path, self.state)
        if self._prompt is None:
            self._prompt = self._agent.prompt(self.state)
        return self._agent.request(self.state, self._prompt)

    def _begin_child(self, action: AwaitChild) -> None:
        beginning = self._children.begin(action, self.state, self._agent.spec.limits)
        self._recorder.add(*beginning.events)
        if beginning.append is not None:
            self._recorder.begin(beginning.append, beginning.definition)

    # --- perform

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case CallModel():
                    self._steps.call_model(action, *self._requests.pop(action.key))
                case CallTool():
                    recorded = action.attempt - 1 if action.spec.policy.may_wait else action.attempt
                    self._steps.call_tool(action, recorded)
                case Summarize():
                    self._steps.summarize(action)
                case RunNode():
                    self._steps.run_node(action, self._agent)

    def _release(self, facts: list[RunnerMessage]) -> None:
        """Their events are on the way to the journal: whoever handed them in may go on."""
        for fact in facts:
            if fact.recorded is not None and not fact.recorded.done():
                fact.recorded.set_result(None)

    async def _news(self) -> list[RunnerMessage]:
        facts = await self.inbox.next_batch()
        if self._steps.refused is not None:
            raise self._steps.refused
        if self.inbox.poked:
            self.inbox.poked = False
            await self._recorder.catch_up()
            facts += await self._of_children()
        return facts

    async def _of_children(self) -> list[RunnerMessage]:
        """The ends of children that the run does not know of yet."""
        if not self.state.open_children:
            return []
        look = await self._children.look(self.state)
        return [RunnerMessage(look.ended)]

    # --- rest and end

    def _rests(self, actions: list[Action]) -> bool:
        return not actions and not len(self._steps)

    async def _rest(self) -> RunnerMessage | None:
        """Only humans and children can let work go on: hold no task. While a child works the run is running, else it
        pauses. Not None: one of them was faster."""
        look = await self._look()
        if look.ended:
            return RunnerMessage(look.ended)
        if look.working:
            await self._recorder.settle()
            return RunnerMessage() if self._stirred() else None
        self._recorder.add(RunPaused(waiting_for=(*self.state.open_approvals, *look.waiting_for)))
        await self._recorder.flush()
        await self._recorder.settle()
        return RunnerMessage((RunResumed(epoch=self.state.epoch),)) if self._stirred() else None

    async def _look(self) -> ChildrenStatus:
        """How the children stand, those included that begin with what was decided just now."""
        if not self.state.open_children:
            return ChildrenStatus()
        await self._recorder.flush()
        if self._recorder.beginning:
            self._children.launch(await self._recorder.begun())
        return await self._children.look(self.state)

    def _stirred(self) -> bool:
        return self.state.answered or self.state.cancel is not None

    def _end(self, actions: list[Action]) -> Ended | None:
        """The event that ends the run now; None: it goes on."""
        if self.state.cancel is not None:
            return RunCancelled(by=self.state.cancel.by, reason=self.state.cancel.reason)
        if self._fault is not None:
            return RunFailed(error=self._fault)
        for action in actions:
            if type(action) is Finish:
                return self._finished(action)
        if self._rests(actions) and not self.state.open_approvals and not self.state.open_children:
            return RunFailed(
                error=self._internal(f"agent {self._agent.spec.name} decided nothing, and nothing is open")
            )
        return None

    def _finished(self, action: Finish) -> Ended:
        if action.failure is not None:
            return RunFailed(error=action.failure)
        return RunFinished(output=action.output or self._text(), stopped_by=action.stopped_by)

    async def _close(self, end: Ended) -> AgentState:
        """Stop what is under way, the children too, close every open call, end."""
        await self._steps.stop()
        for fact in self.inbox.take():
            self._take(fact)
        if self.state.open_children:
            await self._end_children()
        self._recorder.add(*closing(self.state, self._said, self._steps.executing, end))
        await self._recorder.flush()
        await self._recorder.settle()
        return self.state

    async def _end_children(self) -> None:
        """Cancel them, and wait within a bound for their ends."""
        self._recorder.add(*(await self._look()).ended)
        await self._children.cancel(self.state)
        until = self._clock.monotonic() + CHILD_SECONDS
        timer = self._clock.call_later(CHILD_SECONDS, self.inbox.poke)
        facts = await self._of_children()
        try:
            while True:
                for fact in facts:
                    self._take(fact)
                if not self.state.open_children or self._clock.monotonic() >= until:
                    return
                facts = await self._news()
        finally:
            timer.cancel()

    def _text(self) -> str:
        call = self.state.model_call
        return self._said(call.call) if call else ""

    def _said(self, call: str) -> str:
        """What an open model call has said so far."""
        text = self.live.texts.get(call)
        return text.text if text else ""

    def _limit_time(self) -> Timer:
        seconds = effective_limits(self._agent.spec.limits, self.state.bounds).seconds
        left = seconds - self.state.active_us / 1_000_000
        reached = RunnerMessage((LimitReached(limit="seconds", value=seconds),))
        return self._clock.call_later(max(0.0, left), lambda: self.inbox.put(reached))

    def _internal(self, reason: str) -> Failure:
        failure = Failure("internal_error", f"The run failed inside the server: {reason}.", self._ids.new("err"))
        log.error(failure.message, extra={"run_id": self.state.run_id, "error_id": failure.error_id})
        return failure
