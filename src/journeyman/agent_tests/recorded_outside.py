"""Replays what surrounds a recorded run: the ends of its child runs, and the limit of a shared budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from journeyman.agent_tests.recorded_performer import EXHAUSTED
from journeyman.agents.decision import AwaitChild
from journeyman.agents.spec import Limits
from journeyman.clock import Clock
from journeyman.events.child_runs import ChildState
from journeyman.events.codec import Entry
from journeyman.events.events import Event, Failure, HistorySummarized, LimitReached, ModelCalled, NodeEntered, NodeLeft
from journeyman.events.fold import AgentState, replace
from journeyman.events.quota import Quota, Reservation
from journeyman.journal.journal import Journal
from journeyman.runtime.engine.budgets import BudgetReservation, Budgets, QuotaScope
from journeyman.runtime.engine.children import Children, ChildrenStatus, StartedChild

CHILD = "child"  # the run id of every child in a replay
_NOTHING = Reservation((), 0, 0)

Step = tuple[str, int]  # call and attempt


class RecordedChildren(Children):
    """Child runs that are not started in a replay; they end when the recording says so.

    `open` has the children that have not ended. `waiting_for` has the approvals that they wait for while all are idle.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.waiting_for: tuple[str, ...] = ()
        self.open: set[Step] = set()
        self._refused: set[Step] = set()
        self._order: dict[Step, int] = {}  # all recorded children, in the order of their start
        self._recorded: dict[Step, NodeLeft] = {}  # the ends in the recording
        self._ended: dict[Step, NodeLeft] = {}  # the ends so far
        for event in events:
            if isinstance(event, NodeEntered) and event.agent is not None:
                self._order[event.call, event.attempt] = len(self._order)
                if event.child is None:
                    self._refused.add((event.call, event.attempt))
            elif isinstance(event, NodeLeft):
                self._recorded[event.call, event.attempt] = event

    def is_end(self, event: Event) -> bool:
        """Return whether the event is the end of a child that was started."""
        step = (event.call, event.attempt) if isinstance(event, NodeLeft) else None
        return step in self._order and step not in self._refused

    def may_come_together(self, first: Event, second: Event) -> bool:
        """Return whether two recorded events can have been noticed at the same time.

        Ends that are noticed together are recorded in the order in which the children were started.
        """
        if not isinstance(first, NodeLeft) or not isinstance(second, NodeLeft):
            return True
        order = self._order
        return order.get((first.call, first.attempt), 0) < order.get((second.call, second.attempt), 0)

    def wait_for(self, approvals: tuple[str, ...]) -> bool:
        """Set the approvals that the children wait for. Returns whether they changed."""
        changed = approvals != self.waiting_for
        self.waiting_for = approvals
        return changed

    def end(self, event: NodeLeft) -> bool:
        """End a child. False: no such child is open."""
        step = (event.call, event.attempt)
        if step not in self.open:
            return False
        self.open.discard(step)
        self._ended[step] = event
        return True

    def exhaust(self) -> None:
        """End every open child with an error, since the recording has no end of it."""
        for call, attempt in list(self.open):
            failure = Failure(EXHAUSTED, f"The record has no end of the agent of {call}: the run takes another course.")
            self.end(NodeLeft(call=call, attempt=attempt, error=failure))

    # --- the interface for the runner

    def begin(self, action: AwaitChild, state: AgentState, limits: Limits) -> StartedChild:
        step = (action.call, action.attempt)
        refused = step in self._refused
        entered = NodeEntered(
            call=action.call,
            attempt=action.attempt,
            agent=action.agent,
            child=None if refused else CHILD,
            path=action.path,
        )
        if refused:
            return StartedChild((entered, replace(self._recorded[step], path=action.path)))
        self.open.add(step)
        return StartedChild((entered,))

    def start(self, entries: Sequence[Entry]) -> None:
        return None

    async def status(self, state: AgentState) -> ChildrenStatus:
        ended = tuple(self._recorded_end(child) for child in state.open_children if _step(child) in self._ended)
        waits = bool(self.waiting_for)
        return ChildrenStatus(
            ended, working=bool(self.open) and not waits, waiting_for=self.waiting_for if self.open else ()
        )

    def _recorded_end(self, child: ChildState) -> NodeLeft:
        return replace(self._ended[_step(child)], path=child.path)

    async def cancel(self, state: AgentState) -> None:
        return None


def _step(child: ChildState) -> Step:
    return child.call, child.attempt


class RecordedBudgets(Budgets):
    """Shared budgets that end the run where the recorded run reached one; without such an event there are none."""

    def __init__(self, events: Sequence[Event], journal: Journal, clock: Clock) -> None:
        super().__init__(journal, clock)
        found = [index for index, event in enumerate(events) if isinstance(event, LimitReached) and event.budget]
        self._reached = events[found[0]] if found else None
        before = events[: found[0]] if found else ()
        self._left = sum(isinstance(event, ModelCalled | HistorySummarized) for event in before)

    def scopes(self, principal: str, agent: str | None, of_agent: Quota) -> list[QuotaScope]:
        return [QuotaScope("principal", principal, Quota(tokens_per_day=0))] if self._reached is not None else []

    async def reserve(
        self, scopes: Sequence[QuotaScope], tokens: int, cost_usd: float
    ) -> BudgetReservation | LimitReached:
        if self._left > 0 or not isinstance(self._reached, LimitReached):
            self._left -= 1
            return BudgetReservation((), _NOTHING, self._wake)
        return self._reached
