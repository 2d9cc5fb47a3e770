"""Conversations whose client sends all that was said with each request, and names no thread."""

from __future__ import annotations

import msgspec

from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import Batch, IdempotencyClaim, RunFilter, RunRow
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.use_cases.requests import CHAT, RunResult
from journeyman.runtime.use_cases.runs import Runs

_ROUTE = "conversation"  # of the records that lead from what was said to the run that said it last
HIDDEN_CHATS = ThreadRef.hidden("", f"{CHAT}_").id  # begins the ids of their threads
KEEP_US = 24 * 3600 * 1_000_000


class ConversationPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The thread on which a conversation goes on. If it is not `known`, what was said before is yet to be stored.

    `waiting` is the result of its run that waits for a human: nothing can be added before that is answered.
    """

    thread_id: str | None = None  # None: a new thread
    hidden: bool = True
    known: bool = False
    waiting: RunResult | None = None


class Conversations:
    """Finds the thread of a conversation by all that was said, and remembers it by that after each reply.

    The records are those of idempotency keys: they are forgotten after a day, and with the run that they name.
    """

    def __init__(self, parts: RunParts, runs: Runs) -> None:
        self._journal = parts.journal
        self._clock = parts.clock
        self._runs = runs

    async def find(self, principal: str, said: str, thread_id: str | None = None) -> ConversationPlace:
        """Return where the conversation goes on.

        `said` is the hash of what was said; empty if nothing was. A conversation that is unknown, or whose thread has
        had another run since, gets a new thread: `thread_id`, if that is given and free, else a hidden one.
        """
        row = await self._last_run(principal, said) if said else None
        if row is None:
            return await self._new(principal, thread_id)
        thread = ThreadRef.parse(row.thread)
        waiting = await self._waiting(row)
        return ConversationPlace(thread_id=thread.id, hidden=thread.is_hidden, known=True, waiting=waiting)

    async def remember(self, principal: str, said: str, run_id: str) -> None:
        """Remember that this was said when the run had replied. Returns once that is durable."""
        at = self._clock.now()
        claim = IdempotencyClaim(
            principal=principal,
            route=_ROUTE,
            key=said,
            body_hash="",
            expires=at + KEEP_US,
            made=run_id,
            replaces=True,
        )
        await self._journal.commit(Batch(at=at, appends=(), claim=claim))

    async def _last_run(self, principal: str, said: str) -> RunRow | None:
        """Return the run that said the last word. None: it is unknown, or its thread has had another run since."""
        record = await self._journal.claim(principal, _ROUTE, said)
        if record is None or record.expires <= self._clock.now():
            return None
        row = await self._journal.run(record.made)
        if row is None:
            return None
        newest = await self._journal.runs(RunFilter(thread=row.thread), None, 1)
        return row if newest and newest[0].id == row.id else None

    async def _waiting(self, row: RunRow) -> RunResult | None:
        if row.status != "paused":
            return None
        result = await self._runs.result(row.principal, row.id)
        return result if result.approvals else None

    async def _new(self, principal: str, thread_id: str | None) -> ConversationPlace:
        if thread_id is None or await self._journal.thread(ThreadRef(principal, thread_id).key) is not None:
            return ConversationPlace()
        return ConversationPlace(thread_id=thread_id, hidden=False)
