"""The children of a run as its record knows them: nobody starts them, and their ends come when the record says."""

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

CHILD = "child"  # the id of every run that was not started

Step = tuple[str, int]  # call and attempt


class RecordedChildren(Children):
    """`waiting_for`: what humans are asked by the children, while all of these rest."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.waiting_for: tuple[str, ...] = ()
        self.open: set[Step] = set()
        self._refused: set[Step] = set()
        self._known: dict[Step, int] = {}  # and the order in which they were started
        self._ends: dict[Step, NodeLeft] = {}  # of the record
        self._told: dict[Step, NodeLeft] = {}  # that have come
        for event in events:
            if isinstance(event, NodeEntered) and event.agent is not None:
                self._known[event.call, event.attempt] = len(self._known)
                if event.child is None:
                    self._refused.add((event.call, event.attempt))
            elif isinstance(event, NodeLeft):
                self._ends[event.call, event.attempt] = event

    def is_end(self, event: Event) -> bool:
        """Is it the end of a child that was started?"""
        step = (event.call, event.attempt) if isinstance(event, NodeLeft) else None
        return step in self._known and step not in self._refused

    def may_come_together(self, first: Event, second: Event) -> bool:
        """Ends that are seen at one look stand in the order in which the children were started."""
        if not isinstance(first, NodeLeft) or not isinstance(second, NodeLeft):
            return True
        places = self._known
        return places.get((first.call, first.attempt), 0) < places.get((second.call, second.attempt), 0)

    def tell(self, event: NodeLeft) -> bool:
        """The child is over. False: nobody waits for it."""
        step = (event.call, event.attempt)
        if step not in self.open:
            return False
        self.open.discard(step)
        self._told[step] = event
        return True

    def exhaust(self) -> None:
        """The record ends here: who is still waited for never ends in it."""
        for call, attempt in list(self.open):
            failure = Failure(EXHAUSTED, f"The record has no end of the agent of {call}: the run takes another course.")
            self.tell(NodeLeft(call=call, attempt=attempt, error=failure))

    # --- what the runner asks

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
            return StartedChild((entered, replace(self._ends[step], path=action.path)))
        self.open.add(step)
        return StartedChild((entered,))

    def start(self, entries: Sequence[Entry]) -> None:
        return None

    async def status(self, state: AgentState) -> ChildrenStatus:
        ended = tuple(self._recorded_end(child) for child in state.open_children if _step(child) in self._told)
        waits = bool(self.waiting_for)
        return ChildrenStatus(
            ended, working=bool(self.open) and not waits, waiting_for=self.waiting_for if self.open else ()
        )

    def _recorded_end(self, child: ChildState) -> NodeLeft:
        return replace(self._told[_step(child)], path=child.path)

    async def has_news(self, state: AgentState) -> bool:
        if not state.open_children:
            return any(child.status == "orphaned" for child in state.children)
        look = await self.status(state)
        return look.working or bool(look.ended)

    async def cancel(self, state: AgentState) -> None:
        return None


def _step(child: ChildState) -> Step:
    return child.call, child.attempt


_NOTHING = Reservation((), 0, 0)


class RecordedBudgets(Budgets):
    """Without such a limit in the recording there are no budgets at all: quotas are not the run's own doing."""

    def __init__(self, events: Sequence[Event], journal: Journal, clock: Clock) -> None:
        super().__init__(journal, clock)
        places = [place for place, event in enumerate(events) if isinstance(event, LimitReached) and event.budget]
        self._reached = events[places[0]] if places else None
        before = events[: places[0]] if places else ()
        self._left = sum(isinstance(event, ModelCalled | HistorySummarized) for event in before)

    def scopes(self, principal: str, agent: str | None, of_agent: Quota) -> list[QuotaScope]:
        return [QuotaScope("principal", principal, Quota(tokens_per_day=0))] if self._reached is not None else []

    async def reserve(
        self, shares: Sequence[QuotaScope], tokens: int, cost_usd: float
    ) -> BudgetReservation | LimitReached:
        if self._left > 0 or not isinstance(self._reached, LimitReached):
            self._left -= 1
            return BudgetReservation((), _NOTHING, self._wake)
        return self._reached
