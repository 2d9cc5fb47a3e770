"""How a run begins: its first events are committed, at most once for an Idempotency-Key, then it is driven."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from journeyman.agents.spec import AgentSpec
from journeyman.errors import ResourceError
from journeyman.events.quota import UNLIMITED
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import Append, Batch, IdempotencyClaim, StoredDefinition
from journeyman.runtime.engine.budgets import Budgets, QuotaScope, most_runs
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.use_cases.idempotency import idempotency_claim
from journeyman.runtime.use_cases.requests import BilledKey, IdempotencyKey

MOST_WAITING = 4096  # runs that are accepted and wait for a slot: beyond it callers are told at once


class Submission:
    """The one way by which a run gets into the journal."""

    def __init__(self, parts: RunParts, scheduler: RunScheduler, budgets: Budgets) -> None:
        self._journal = parts.journal
        self._worker = scheduler
        self._definitions = parts.agents
        self._clock = parts.clock
        self._budgets = budgets

    async def accept(
        self,
        principal: str,
        run_id: str,
        appends: tuple[Append, ...],
        key: IdempotencyKey | None = None,
        definition: StoredDefinition | None = None,
        agent: AgentSpec | None = None,
        payer: BilledKey | None = None,
    ) -> str | None:
        """Durable when it returns. Not None: nothing was appended, since the key has made this run before.

        `agent`: the one that will run; None: no model will be asked. `payer`: the API key that pays beside its
        principal. Raises ThreadBusyError, QueueFullError (`too_many_runs` where a quota says so), IdempotencyError,
        ResourceError (`overloaded`, `shutting_down`, `quota_exhausted`).
        """
        if self._worker.stopping:
            raise ResourceError("The server is shutting down: try again shortly.", code="shutting_down", retry_after=1)
        if self._worker.backlog >= MOST_WAITING:
            raise ResourceError(
                "Too many runs wait for their turn: try again shortly.", code="overloaded", retry_after=2
            )
        at = self._clock.now()
        claim = idempotency_claim(principal, key, at, run_id)
        shares = self._shares(principal, agent, payer)
        if shares and agent is not None and (earlier := await self._refused(shares, claim, at)) is not None:
            return earlier
        batch = Batch(
            at=at,
            appends=appends,
            claim=claim,
            definitions=(definition,) if definition else (),
            epoch=self._journal.epoch,
            accept=True,
            most_runs=most_runs(shares),
        )
        pending = self._journal.submit(batch)
        try:
            committed = await pending
        except asyncio.CancelledError:  # the caller went away: the run may be accepted all the same
            self._worker.finish_submission(run_id, pending)
            raise
        if committed.replay is not None:
            return committed.replay
        self._definitions.stored(definition.version if definition else None)
        self._worker.start_accepted(run_id, committed)
        return None

    def _shares(self, principal: str, agent: AgentSpec | None, payer: BilledKey | None) -> list[QuotaScope]:
        name, of_agent = (agent.name, agent.quota) if agent else (None, UNLIMITED)
        shares = self._budgets.scopes(principal, name, of_agent)
        return shares if payer is None else [*shares, QuotaScope("key", payer.key, payer.quota)]

    async def _refused(self, shares: Sequence[QuotaScope], claim: IdempotencyClaim | None, at: int) -> str | None:
        """Raises ResourceError where a budget is used up, but not for a request that was accepted before."""
        try:
            await self._budgets.check(shares)
        except ResourceError:
            first = claim and await self._journal.claim(claim.principal, claim.route, claim.key)
            if claim is None or (earlier := replayed_result(first, claim, at)) is None:
                raise
            return earlier
        return None
