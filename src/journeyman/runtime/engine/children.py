"""Sub-agents: the runs that a run starts and waits for, as its runner sees them. T4, and what their ends mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.agents.decision import AwaitChild
from journeyman.agents.limits import remaining_limits
from journeyman.agents.spec import Limits
from journeyman.errors import BaseError, StateError
from journeyman.events.child_runs import ChildState
from journeyman.events.codec import Entry
from journeyman.events.events import (
    CancelRequested,
    Event,
    Failure,
    NodeEntered,
    NodeLeft,
    Parent,
    RunAccepted,
    RunPaused,
    Spent,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch, RunRow, StoredDefinition, thread_key
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import read_all

DEPTH_CAP = 5  # how many runs may stand above one


class ChildHost(Protocol):
    """Drives runs: the worker."""

    def launch(self, run_id: str, entries: Sequence[Entry] = ()) -> None: ...

    def poke(self, run_id: str, *, urgent: bool = False) -> None: ...

    async def inform(self, batch: Batch, *, urgent: bool = False) -> None: ...


class StartedChild(msgspec.Struct, frozen=True):
    """What records a child's start: events of its parent and, unless it is refused, its own first one."""

    events: tuple[Event, ...]
    append: Append | None = None
    definition: StoredDefinition | None = None


class ChildrenStatus(msgspec.Struct, frozen=True):
    """How a run's open children stand: how those ended that are over, whether any works, what the others ask humans."""

    ended: tuple[NodeLeft, ...] = ()
    working: bool = False
    waiting_for: tuple[str, ...] = ()


class Children:
    """Starts, looks at and cancels the children of any run. Holds nothing: what is known of them is in the journal."""

    def __init__(self, parts: RunParts, host: ChildHost) -> None:
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids
        self._definitions = parts.agents
        self._host = host

    # --- starting

    def begin(self, action: AwaitChild, state: AgentState, limits: Limits) -> StartedChild:
        """The child's start. It is refused, as NodeLeft says, if there is no such agent or too many runs above it."""
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
        agent = self._definitions.current(action.agent)
        run_id = self._ids.new("run")
        accepted = RunAccepted(
            thread=thread_key(state.principal, f"!{self._ids.new('child')}"),  # no caller can name it
            principal=state.principal,
            agent=agent.name,
            version=agent.version,
            input=user(action.input),
            parent=Parent(state.run_id, action.call, depth + 1),
            bounds=remaining_limits(state, limits),
            stream=state.stream,
            request_id=state.request_id,
            trace_id=state.trace_id,
            key=state.key,
        )
        append = Append(stream=run_id, drafts=(self._codec.draft(accepted),))
        return StartedChild((_entered(action, run_id),), append, self._definitions.to_store(agent))

    def launch(self, entries: Sequence[Entry]) -> None:
        """Drive the runs whose start these entries are: it is durable."""
        own: dict[str, list[Entry]] = {}
        for entry in entries:
            own.setdefault(entry.stream, []).append(entry)
        for run_id, first in own.items():
            event = first[0].event
            if isinstance(event, RunAccepted):
                self._definitions.stored(event.version)
                self._host.launch(run_id, first)

    # --- looking

    async def look(self, state: AgentState) -> ChildrenStatus:
        ended, waiting, working = list[NodeLeft](), list[str](), False
        for child in state.open_children:
            row = await self._journal.run(child.run_id or "")
            if row is None or row.ended_at is not None:
                ended.append(await self._end(child, row))
            elif asked := await self._asked(row):
                waiting += asked
            else:
                working = True
        return ChildrenStatus(tuple(ended), working, tuple(waiting))

    async def stirred(self, state: AgentState) -> bool:
        """Would the run go on if it did not rest? It has no child that it waits for, or one that does not rest."""
        if not state.open_children:
            return any(child.status == "orphaned" for child in state.children)
        look = await self.look(state)
        return look.working or bool(look.ended)

    async def _asked(self, row: RunRow) -> tuple[str, ...]:
        """The approvals, its children's included, for which the child rests; none: it does not rest."""
        if row.status != "paused":
            return ()
        last = await self._journal.read(row.id, row.last_seq - 1, 1)
        event = last[0].event if last else None
        return event.waiting_for if isinstance(event, RunPaused) else ()

    async def _end(self, child: ChildState, row: RunRow | None) -> NodeLeft:
        if row is None:
            failure = Failure("not_found", f"The run {child.run_id} of agent {child.agent!r} was erased.")
            return _left(child, error=failure)
        entries = await read_all(self._journal, row.id)
        state = fold(row.id, ((entry.seq, entry.at, entry.event) for entry in entries))
        spent = Spent(state.usage, state.model_calls + state.child_steps, state.tool_calls)
        if state.status == "finished":
            return _left(child, result=state.output, spent=spent)
        cancelled = Failure("child_cancelled", f"The run {row.id} of agent {child.agent!r} was cancelled.")
        return _left(child, error=state.error or cancelled, spent=spent)

    # --- ending

    async def cancel(self, state: AgentState) -> None:
        """Ask the open children to end: durable on return. Who was asked before a restart is only woken."""
        for child in state.open_children:
            run_id = child.run_id or ""
            if await self._journal.run(run_id) is None:
                continue
            if await self._is_cancelled(run_id):
                self._host.poke(run_id, urgent=True)
                continue
            draft = self._codec.draft(CancelRequested(by=state.principal, reason="parent_ended"))
            batch = Batch(at=self._clock.now(), appends=(Append(stream=run_id, drafts=(draft,)),))
            try:
                await self._host.inform(batch, urgent=True)
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
