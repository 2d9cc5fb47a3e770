"""Submission: commits the first events of a run, once for each idempotency key, and starts the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from journeyman.agents.spec import AgentSpec
from journeyman.errors import ResourceError
from journeyman.events.events import RunAccepted
from journeyman.events.origin import UNKNOWN_ORIGIN, RequestOrigin
from journeyman.events.quota import UNLIMITED
from journeyman.events.streams import share_of
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import Append, Batch, IdempotencyClaim, StoredDefinition
from journeyman.runtime.engine.budgets import Budgets, QuotaScope, most_runs
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.use_cases.idempotency import idempotency_claim
from journeyman.runtime.use_cases.requests import IdempotencyKey

MOST_WAITING = 8192  # accepted runs that wait for a slot; with more than that, new ones are rejected


class Backlog(msgspec.Struct, frozen=True):
    """How many accepted runs may wait for a slot: of all principals, and of one."""

    limit: int = MOST_WAITING
    share: int = MOST_WAITING // 2


class Submitted(msgspec.Struct, frozen=True):
    """A run that is durable. If `replayed`, an earlier request with the same idempotency key made it."""

    run_id: str
    replayed: bool = False


class Submission:
    """Commits new runs: the only way by which a run that has no parent gets into the journal."""

    def __init__(self, parts: RunParts, scheduler: RunScheduler, budgets: Budgets, backlog: Backlog) -> None:
        self._journal = parts.journal
        self._scheduler = scheduler
        self._versions = parts.agents
        self._clock = parts.clock
        self._budgets = budgets
        self._backlog = backlog

    async def submit(
        self,
        principal: str,
        run_id: str,
        appends: tuple[Append, ...],
        key: IdempotencyKey | None = None,
        definition: StoredDefinition | None = None,
        agent: AgentSpec | None = None,
        origin: RequestOrigin = UNKNOWN_ORIGIN,
    ) -> Submitted:
        """Commit a new run and start it. Returns once the run is durable.

        With an idempotency key that was used before, nothing is written and `run_id` of the result is the earlier
        run's. `agent` is the agent whose quota counts; None if no model will be asked.

        Raises ThreadBusyError, QueueFullError (`too_many_runs` if a quota is exceeded), IdempotencyError,
        ResourceError (`overloaded`, `shutting_down`, `quota_exhausted`).
        """
        owner = share_of(principal, _thread_of(appends))
        self._check_capacity(owner)
        at = self._clock.now()
        claim = idempotency_claim(principal, key, at, run_id)
        scopes = self._quota_scopes(principal, agent, origin)
        if agent is not None and (replayed := await self._check_budgets(scopes, claim, at)) is not None:
            return replayed
        batch = Batch(
            at=at,
            appends=appends,
            claim=claim,
            definitions=(definition,) if definition else (),
            epoch=self._journal.epoch,
            accept=True,
            owner=owner,
            most_runs=most_runs(scopes),
        )
        pending = self._journal.submit(batch)
        try:
            committed = await pending
        except asyncio.CancelledError:  # the caller went away, but the run may become durable all the same
            self._scheduler.finish_submission(run_id, pending)
            raise
        if committed.replay is not None:
            return Submitted(committed.replay, replayed=True)
        self._versions.stored(definition.version if definition else None)
        self._scheduler.start_accepted(run_id, committed)
        return Submitted(run_id)

    def _check_capacity(self, owner: str) -> None:
        if self._scheduler.stopping:
            raise ResourceError("The server is shutting down. Try again shortly.", code="shutting_down", retry_after=1)
        waiting = self._scheduler.backlog
        if not waiting:
            return
        if waiting >= self._backlog.limit:
            text = "Too many runs are waiting for a slot. Try again shortly."
            raise ResourceError(text, code="overloaded", retry_after=2)
        if self._scheduler.backlog_of(owner) >= self._backlog.share:
            text = "Too many of your runs are waiting for a slot. Try again when some of them have ended."
            raise ResourceError(text, code="overloaded", retry_after=2)

    def _quota_scopes(self, principal: str, agent: AgentSpec | None, origin: RequestOrigin) -> list[QuotaScope]:
        name, of_agent = (agent.name, agent.quota) if agent else (None, UNLIMITED)
        scopes = self._budgets.scopes(principal, name, of_agent)
        return scopes if origin.key is None else [*scopes, QuotaScope("key", origin.key, origin.quota)]

    async def _check_budgets(
        self, scopes: Sequence[QuotaScope], claim: IdempotencyClaim | None, at: int
    ) -> Submitted | None:
        """Check that no daily budget is used up. Raises ResourceError if one is and the request is new.

        Returns the earlier run if a budget is used up but the request repeats an earlier one; None if all have room.
        """
        if not scopes:
            return None
        try:
            await self._budgets.check(scopes)
        except ResourceError:
            first = claim and await self._journal.claim(claim.principal, claim.route, claim.key)
            if claim is None or (earlier := replayed_result(first, claim, at)) is None:
                raise
            return Submitted(earlier, replayed=True)
        return None


def _thread_of(appends: Sequence[Append]) -> str:
    """Return the key of the accepted run's thread; empty if no run is accepted."""
    events = (append.drafts[0].event for append in appends if append.drafts)
    return next((event.thread for event in events if isinstance(event, RunAccepted)), "")
