"""Child runs: the runs of other agents that a run starts and waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.agents.decision import AwaitChild
from journeyman.agents.graph.routing import APPROVAL_DENIED, DENIED
from journeyman.agents.history_window import timed_input
from journeyman.agents.limits import remaining_limits
from journeyman.agents.spec import Limits
from journeyman.errors import BaseError, StateError
from journeyman.events.child_runs import ChildState
from journeyman.events.codec import Entry
from journeyman.events.events import (
    CancelRequested,
    Event,
    Failure,
    Lack,
    NodeEntered,
    NodeLeft,
    Parent,
    RunAccepted,
    RunPaused,
    Spent,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import user
from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import Append, Batch, RunRow, StoredDefinition
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import read_all

DEPTH_CAP = 5  # how many runs may wait for one another


class ChildHost(Protocol):
    """What drives the child runs. Implemented by RunScheduler, which documents the methods."""

    def start(self, run_id: str, entries: Sequence[Entry] = ()) -> None: ...

    def notify(self, run_id: str, *, urgent: bool = False) -> None: ...

    async def commit_and_notify(self, batch: Batch, *, urgent: bool = False) -> None: ...


class StartedChild(msgspec.Struct, frozen=True):
    """The records of a child's start: events of its parent and, unless the start is refused, its own first events."""

    events: tuple[Event, ...]
    append: Append | None = None
    definition: StoredDefinition | None = None


class ChildrenStatus(msgspec.Struct, frozen=True):
    """The status of a run's open children.

    `ended` are the ends to record, `working` says whether a child works, and `waiting_for` are the approvals for which
    the others are paused. `lacks` is what one of them lacks; None: none lacks anything.
    """

    ended: tuple[NodeLeft, ...] = ()
    working: bool = False
    waiting_for: tuple[str, ...] = ()
    lacks: Lack | None = None


class Children:
    """Starts, checks and cancels the children of any run. Keeps no state: their state is in the journal."""

    def __init__(self, parts: RunParts, host: ChildHost) -> None:
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids
        self._agents = parts.agents
        self._host = host

    # --- starting

    def begin(self, action: AwaitChild, state: AgentState, limits: Limits) -> StartedChild:
        """Return the records of a child's start.

        The start is refused, by a failed NodeLeft, if there is no such agent or too many runs wait for one another.
        """
        try:
            return self._begin(action, state, limits)
        except BaseError as exc:
            failure = Failure(exc.code, exc.message, self._ids.new("err"))
            return StartedChild((_entered(action, None), _left(action, error=failure)))

    def _begin(self, action: AwaitChild, state: AgentState, limits: Limits) -> StartedChild:
        depth = state.parent.depth if state.parent else 0
        if depth >= DEPTH_CAP:
            raise StateError(
                f"Agent {action.agent!r} was not started: {DEPTH_CAP} agents wait for one another already. Does one of"
                " them start itself?",
                code="too_deep",
            )
        agent = self._agents.current(action.agent)
        run_id = self._ids.new("run")
        accepted = RunAccepted(
            thread=ThreadRef.hidden(state.principal, self._ids.new("child")).key,
            principal=state.principal,
            agent=agent.name,
            version=agent.version,
            input=timed_input(user(action.input), agent.spec.history, self._clock.now()),
            parent=Parent(state.run_id, action.call, depth + 1),
            bounds=remaining_limits(state, limits),
            stream=state.stream,
        )
        accepted = state.origin.for_child().recorded_in(accepted)
        append = Append(stream=run_id, drafts=(self._codec.draft(accepted),))
        return StartedChild((_entered(action, run_id),), append, self._agents.to_store(agent))

    def start(self, entries: Sequence[Entry]) -> None:
        """Start the child runs of these entries, which are the first events of the runs and durable."""
        own: dict[str, list[Entry]] = {}
        for entry in entries:
            own.setdefault(entry.stream, []).append(entry)
        for run_id, first in own.items():
            event = first[0].event
            if isinstance(event, RunAccepted):
                self._agents.stored(event.version)
                self._host.start(run_id, first)

    # --- checking

    async def status(self, state: AgentState) -> ChildrenStatus:
        """Return the status of the run's open children, as the journal has it now."""
        ended, waiting, working = list[NodeLeft](), list[str](), False
        lacks: Lack | None = None
        for child in state.open_children:
            row = await self._journal.run(child.run_id or "")
            if row is None or row.ended_at is not None:
                ended.append(await self._end(child, row))
            elif (paused := await self._pause_of(row)) is not None:
                waiting += paused.waiting_for
                lacks = lacks or paused.lacks
            else:
                working = True
        return ChildrenStatus(tuple(ended), working, tuple(waiting), lacks)

    def has_news(self, state: AgentState, status: ChildrenStatus) -> bool:
        """Return whether a paused run must go on: a child has ended or works, or must start anew after a fork.

        `status` is that of its open children.
        """
        if not state.open_children:
            return any(child.status == "orphaned" for child in state.children)
        return status.working or bool(status.ended)

    def notify(self, run_id: str) -> None:
        """Let the run that waits for a child look at its children again."""
        self._host.notify(run_id)

    async def _pause_of(self, row: RunRow) -> RunPaused | None:
        """Return the pause in which the child waits for answers or lacks something. None: it works."""
        if row.status != "paused":
            return None
        last = await self._journal.read(row.id, row.last_seq - 1, 1)
        event = last[0].event if last else None
        return event if isinstance(event, RunPaused) and (event.waiting_for or event.lacks) else None

    async def _end(self, child: ChildState, row: RunRow | None) -> NodeLeft:
        """Return the event that ends the child for its parent: its run has ended, or was erased if `row` is None."""
        if row is None:
            failure = Failure("not_found", f"The run {child.run_id} of agent {child.agent!r} was erased.")
            return _left(child, error=failure)
        entries = await read_all(self._journal, row.id)
        state = fold(row.id, ((entry.seq, entry.at, entry.event) for entry in entries))
        spent = Spent(state.usage, state.model_calls + state.child_steps, state.tool_calls)
        if state.stopped_by == DENIED:  # the parent reacts to it as to its own approvals
            return _left(child, error=Failure(APPROVAL_DENIED, state.output), spent=spent)
        if state.status == "finished":
            return _left(child, result=state.output, spent=spent)
        cancelled = Failure("child_cancelled", f"The run {row.id} of agent {child.agent!r} was cancelled.")
        return _left(child, error=state.error or cancelled, spent=spent)

    # --- ending

    async def cancel(self, state: AgentState) -> None:
        """Cancel the open children; that is durable on return. A child that is cancelled already is only notified."""
        for child in state.open_children:
            run_id = child.run_id or ""
            if await self._journal.run(run_id) is None:
                continue
            if await self._is_cancelled(run_id):
                self._host.notify(run_id, urgent=True)
            else:
                await self._cancel(run_id, state.principal)

    async def _cancel(self, run_id: str, by: str) -> None:
        draft = self._codec.draft(CancelRequested(by=by, reason="parent_ended"))
        batch = Batch(at=self._clock.now(), appends=(Append(stream=run_id, drafts=(draft,)),))
        try:
            await self._host.commit_and_notify(batch, urgent=True)
        except StateError as exc:
            if exc.code != "run_ended":
                raise

    async def _is_cancelled(self, run_id: str) -> bool:
        return any(entry.type == "cancel_requested" for entry in await read_all(self._journal, run_id))


def _entered(action: AwaitChild, run_id: str | None) -> NodeEntered:
    return NodeEntered(call=action.call, attempt=action.attempt, agent=action.agent, child=run_id, path=action.path)


def _left(
    step: AwaitChild | ChildState, result: str | None = None, error: Failure | None = None, spent: Spent | None = None
) -> NodeLeft:
    return NodeLeft(call=step.call, attempt=step.attempt, result=result, error=error, spent=spent, path=step.path)
