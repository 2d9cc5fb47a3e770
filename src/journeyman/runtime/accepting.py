"""How a run begins: its first events are committed, at most once for an Idempotency-Key, then it is driven."""

from __future__ import annotations

import asyncio

from journeyman.clock import Clock
from journeyman.errors import ResourceError
from journeyman.journal.journal import Append, Batch, Definition, Journal
from journeyman.runtime.claims import claim_of
from journeyman.runtime.definitions import Definitions
from journeyman.runtime.results import Key
from journeyman.runtime.worker import Worker

MOST_WAITING = 4096  # runs that are accepted and wait for a slot: beyond it callers are told at once


class Acceptance:
    """The one way by which a run gets into the journal."""

    def __init__(self, journal: Journal, worker: Worker, definitions: Definitions, clock: Clock) -> None:
        self._journal = journal
        self._worker = worker
        self._definitions = definitions
        self._clock = clock

    async def accept(
        self,
        principal: str,
        run_id: str,
        appends: tuple[Append, ...],
        key: Key | None = None,
        definition: Definition | None = None,
    ) -> str | None:
        """Durable when it returns. Not None: nothing was appended, since the key has made this run before.

        Raises ThreadBusyError, QueueFullError, IdempotencyError, ResourceError (`overloaded`, `shutting_down`).
        """
        if self._worker.stopping:
            raise ResourceError("The server is shutting down: try again shortly.", code="shutting_down", retry_after=1)
        if self._worker.backlog >= MOST_WAITING:
            raise ResourceError(
                "Too many runs wait for their turn: try again shortly.", code="overloaded", retry_after=2
            )
        at = self._clock.now()
        batch = Batch(
            at=at,
            appends=appends,
            claim=claim_of(principal, key, at, run_id),
            definitions=(definition,) if definition else (),
            epoch=self._journal.epoch,
            accept=True,
        )
        pending = self._journal.submit(batch)
        try:
            committed = await pending
        except asyncio.CancelledError:  # the caller went away: the run may be accepted all the same
            self._worker.adopt(run_id, pending)
            raise
        if committed.replay is not None:
            return committed.replay
        self._definitions.stored(definition.version if definition else None)
        self._worker.launch_started(run_id, committed)
        return None
