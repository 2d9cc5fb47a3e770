"""Drives runs of a known state: finds the agent of a run and gives both to a runner.

A run whose agent is not here is paused, or ended if it was cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from journeyman.agents.spec import NewerDefinitionError
from journeyman.errors import BaseError, StaleEpochError, StorageError
from journeyman.events.events import Ended, Event, Failure, Lack, RunCancelled, RunFailed, RunPaused, RunResumed
from journeyman.events.fold import AgentState
from journeyman.events.holds import CRASHED, is_held
from journeyman.runtime.engine.children import Children, ChildrenStatus
from journeyman.runtime.engine.end_events import closing_events
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.model_budget import BudgetMeter, BudgetMeters
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.runner import Runner
from journeyman.runtime.served.lacks import LackingError

log = logging.getLogger(__name__)


class RunDriver:
    """Drives any run from its last recorded event until it ends or is idle. Holds no state of a run."""

    def __init__(
        self,
        parts: RunParts,
        performer: Performer,
        children: Children,
        meters: BudgetMeters,
        patience: GatewayPatience | None,
        is_attended: Callable[[str], bool],
    ) -> None:
        """`patience` and `is_attended` as in Runner."""
        self._parts = parts
        self._performer = performer
        self._children = children
        self._meters = meters
        self._patience = patience
        self._is_attended = is_attended

    async def drive(self, recorder: Recorder, mailbox: Mailbox, live: LiveRun, recovered: bool) -> None:
        """Drive the run of `recorder`. `recovered`: another process drove it before and died.

        A fault of the server fails the run, so that it does not stay open until a restart.
        Raises StaleEpochError, StorageError, and NewerDefinitionError if a later release wrote the agent's definition.
        """
        try:
            await self._drive(recorder, mailbox, live, recovered)
        except (StaleEpochError, StorageError, NewerDefinitionError):
            raise
        except Exception:
            log.exception("a run cannot be driven", extra={"run_id": recorder.state.run_id})
            await self._fail(recorder, (), BaseError("The run failed inside the server."))

    async def fail_crashed(self, recorder: Recorder, text: str) -> None:
        """Fail a run that ends the server each time that it is driven."""
        resumed = RunResumed(epoch=self._parts.journal.epoch, reason="taken_over")
        await self._fail(recorder, (resumed,), BaseError(text, code=CRASHED))

    async def _drive(self, recorder: Recorder, mailbox: Mailbox, live: LiveRun, recovered: bool) -> None:
        if is_held(recorder.state):
            await self._wait_for_release(recorder, mailbox)
            if recorder.state.ended or is_held(recorder.state):
                return
        try:
            agent = await self._parts.agents.of(recorder.state)
        except NewerDefinitionError:  # the release that wrote it can continue the run, so nothing is recorded here
            raise
        except LackingError as exc:
            log.warning("%s %s", exc.message, exc.__cause__ or "", extra={"run_id": recorder.state.run_id})
            await self._wait_for(exc.lack, recorder, mailbox, recovered)
            return
        except BaseError as exc:
            await self._fail(recorder, await self._first_events(recorder.state, recovered), exc)
            return
        meter = await BudgetMeter.of(self._meters, recorder.state, agent.spec.quota)
        runner = Runner(
            self._parts,
            agent,
            recorder,
            mailbox,
            live,
            self._performer,
            self._children,
            meter,
            self._patience,
            self._is_attended,
        )
        while True:
            first = await self._first_events(runner.state, recovered)
            if first is not None:
                await runner.run(*await self._told(recorder, first))
                recovered = False
            if runner.state.ended or not mailbox.take_notification():
                return
            await recorder.catch_up()

    async def _first_events(self, state: AgentState, recovered: bool) -> tuple[Event, ...] | None:
        """Return the events to continue a run with, or None if it has nothing to do: it is over, idle or queued."""
        epoch = self._parts.journal.epoch
        if state.ended:
            return None
        if state.status == "queued":
            return () if state.cancel is not None else None
        if state.status == "running":
            return (RunResumed(epoch=epoch, reason="taken_over"),) if recovered or _was_interrupted(state) else ()
        if state.cancel or state.answered:
            return (RunResumed(epoch=epoch, reason="found" if _waits_for_approved(state) else "answered"),)
        children = await self._children.status(state) if state.open_children else ChildrenStatus()
        if self._children.has_news(state, children):
            return (RunResumed(epoch=epoch),)
        return (RunResumed(epoch=epoch, reason="found"),) if _may_go_on(state, children) else None

    async def _told(self, recorder: Recorder, first: tuple[Event, ...]) -> tuple[Event, ...]:
        """Return the events that are left to record, after the run that waits for this one was told that it goes on."""
        parent, resumed = recorder.state.parent, first[0] if first else None
        if parent is None or not isinstance(resumed, RunResumed) or resumed.reason != "found":
            return first
        recorder.add(resumed)
        await recorder.submit()
        await recorder.wait_durable()
        self._children.notify(parent.run_id)
        return ()

    async def _wait_for_release(self, recorder: Recorder, mailbox: Mailbox) -> None:
        """Keep a run paused that an operator holds, whatever the news is, unless it is a cancel or a release."""
        hold = recorder.state.lacks
        assert hold is not None
        await self._wait_for(hold, recorder, mailbox, recovered=False)

    async def _wait_for(self, lack: Lack, recorder: Recorder, mailbox: Mailbox, recovered: bool) -> None:
        """Pause a run that cannot go on here until what it lacks is here, or end it if it was cancelled."""
        held = is_held(recorder.state)
        while not recorder.state.ended:
            state = recorder.state
            if held and not is_held(state):  # it was released
                return
            if state.cancel is not None:
                first = (await self._first_events(state, recovered)) or ()
                await self._end(recorder, first, RunCancelled(by=state.cancel.by, reason=state.cancel.reason))
                return
            recorder.add(*await self._pause(state, lack, recovered))
            await recorder.submit()
            await recorder.wait_durable()
            if not mailbox.take_notification():
                return
            await recorder.catch_up()
            recovered = False

    async def _pause(self, state: AgentState, lack: Lack, recovered: bool) -> tuple[Event, ...]:
        """Return the events by which the run waits. Empty: it does already, and nothing has happened since."""
        if state.status == "queued":
            return ()
        first: tuple[Event, ...] = ()
        if state.status == "running":
            first = (await self._first_events(state, recovered)) or ()
        elif state.lacks == lack and not await self._is_runnable(state.run_id):
            return ()
        children = await self._children.status(state) if state.open_children else ChildrenStatus()
        return (*first, RunPaused(waiting_for=(*state.open_approvals, *children.waiting_for), lacks=lack))

    async def _is_runnable(self, run_id: str) -> bool:
        row = await self._parts.journal.run(run_id)
        return row is not None and row.status == "running"

    async def _fail(self, recorder: Recorder, first: tuple[Event, ...] | None, error: BaseError) -> None:
        """Fail a run that cannot be driven, unless it has nothing to do now (`first` is None) or has ended."""
        if first is None or recorder.state.ended:
            return
        cancel = recorder.state.cancel
        if cancel is not None:
            await self._end(recorder, first, RunCancelled(by=cancel.by, reason=cancel.reason))
            return
        failure = Failure(error.code, error.message, self._parts.ids.new("err"))
        await self._end(recorder, first, RunFailed(error=failure))

    async def _end(self, recorder: Recorder, first: Sequence[Event], end: Ended) -> None:
        """End a run without its agent: cancel its children and close what is open."""
        recorder.add(*first)
        if recorder.state.open_children:
            await recorder.submit()
            await recorder.wait_durable()
            await self._children.cancel(recorder.state)
        await recorder.record_end(*closing_events(recorder.state, lambda call: "", (), end))


def _may_go_on(state: AgentState, children: ChildrenStatus) -> bool:
    """Return whether a paused run that is driven has what it lacked, rather than a child that still lacks it."""
    return state.lacks is not None and (state.lacks != children.lacks or bool(state.open_model_calls))


def _waits_for_approved(state: AgentState) -> bool:
    """Return whether the run waits for the tool of a call whose approval was answered, rather than for an answer."""
    lack = state.lacks
    if lack is None or lack.kind != "tool" or state.cancel is not None:
        return False
    return any(call.status == "answered" and call.tool == lack.name for call in state.all_calls)


def _was_interrupted(state: AgentState) -> bool:
    """Return whether steps are in progress by the record, though nothing drives the run: the last runner stopped."""
    return (
        any(not call.orphaned for call in state.open_model_calls)
        or any(call.status == "started" for call in state.all_calls)
        or any(node.under_way for node in state.walk.nodes)
    )
