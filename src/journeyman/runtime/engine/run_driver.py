"""Drives runs of a known state: finds the agent of a run and gives both to a runner, or ends a run without an agent."""

from __future__ import annotations

import logging

from journeyman.agents.spec import NewerDefinitionError
from journeyman.errors import BaseError, StaleEpochError, StorageError
from journeyman.events.events import Event, Failure, RunFailed, RunResumed
from journeyman.events.fold import AgentState
from journeyman.runtime.engine.children import Children
from journeyman.runtime.engine.end_events import closing_events
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.model_budget import BudgetMeter, BudgetMeters
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.runner import Runner

log = logging.getLogger(__name__)


class RunDriver:
    """Drives any run from its last recorded event until it ends or is idle. Holds no state of a run."""

    def __init__(self, parts: RunParts, performer: Performer, children: Children, meters: BudgetMeters) -> None:
        self._parts = parts
        self._performer = performer
        self._children = children
        self._meters = meters

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

    async def _drive(self, recorder: Recorder, mailbox: Mailbox, live: LiveRun, recovered: bool) -> None:
        try:
            agent = await self._parts.agents.of(recorder.state)
        except NewerDefinitionError:  # the release that wrote it can continue the run, so nothing is recorded here
            raise
        except BaseError as exc:
            await self._fail(recorder, await self._first_events(recorder.state, recovered), exc)
            return
        meter = await BudgetMeter.of(self._meters, recorder.state, agent.spec.quota)
        runner = Runner(self._parts, agent, recorder, mailbox, live, self._performer, self._children, meter)
        while True:
            first = await self._first_events(runner.state, recovered)
            if first is not None:
                await runner.run(*first)
                recovered = False
            if runner.state.ended or not mailbox.take_notification():
                return
            await recorder.catch_up()

    async def _first_events(self, state: AgentState, recovered: bool) -> tuple[Event, ...] | None:
        waits_for_children = state.status == "paused" and bool(state.children)
        has_news = waits_for_children and await self._children.has_news(state)
        return _first_events(state, recovered, self._parts.journal.epoch, has_news)

    async def _fail(self, recorder: Recorder, first: tuple[Event, ...] | None, error: BaseError) -> None:
        """Fail a run that cannot be driven, unless it has nothing to do now (`first` is None) or has ended."""
        if first is None or recorder.state.ended:
            return
        recorder.add(*first)
        if recorder.state.open_children:
            await recorder.submit()
            await recorder.wait_durable()
            await self._children.cancel(recorder.state)
        end = RunFailed(error=Failure(error.code, error.message, self._parts.ids.new("err")))
        await recorder.record_end(*closing_events(recorder.state, lambda call: "", (), end))


def _first_events(state: AgentState, recovered: bool, epoch: int, has_news: bool) -> tuple[Event, ...] | None:
    """Return the events to continue a run with, or None if it has nothing to do: it has ended, is idle or is queued.

    `has_news`: a child run of this paused run has ended or works.
    """
    if state.ended:
        return None
    if state.status == "queued":
        return () if state.cancel is not None else None
    if state.status == "paused":
        return (RunResumed(epoch=epoch),) if state.cancel or state.answered or has_news else None
    return (RunResumed(epoch=epoch, reason="taken_over"),) if recovered or _was_interrupted(state) else ()


def _was_interrupted(state: AgentState) -> bool:
    """Return whether steps are in progress by the record, though nothing drives the run: the last runner stopped."""
    return (
        any(not call.orphaned for call in state.open_model_calls)
        or any(call.status == "started" for call in state.all_calls)
        or any(node.under_way for node in state.walk.nodes)
    )
