"""Chooses the turns that model calls take from scripts and recordings, by what the journal holds of their thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.events import HistorySummarized, ModelFailed, ModelReplied, RunForked, ScriptTurn
from journeyman.events.model_request import ModelRequest
from journeyman.journal.journal import Journal, RunFilter
from journeyman.runtime.engine.state_loading import PAGE, read_all

NextTurn = Callable[[ModelRequest, Container[int]], Awaitable[int | None]]
_FORKS = 100  # forks of forks that are followed


def has_turns(request: ModelRequest) -> bool:
    """Return whether the request goes to a script or a recording, whose turns are used up."""
    return request.model.startswith(("script:", "replay:"))


class ScriptTurns:
    """What the model calls of all runs share to choose turns; `next_turn` is that of the model client."""

    def __init__(self, journal: Journal, next_turn: NextTurn) -> None:
        self._journal = journal
        self._next_turn = next_turn

    def of_run(self, run_id: str) -> TurnsOfRun:
        """Return what chooses the turns of one run."""
        return TurnsOfRun(run_id, self._journal, self._next_turn)


class TurnsOfRun:
    """The turns that the thread of one run has used, read from the journal before the first call that takes one.

    Calls that are in progress at the same time take turns in the order in which they began.
    """

    def __init__(self, run_id: str, journal: Journal, next_turn: NextTurn) -> None:
        self._run_id = run_id
        self._journal = journal
        self._next_turn = next_turn
        self._used: dict[str, set[int]] | None = None  # by script; None: not read yet
        self._choosing = asyncio.Lock()

    async def with_turn(self, request: ModelRequest) -> ModelRequest:
        """Return the request with the turn that it takes now."""
        async with self._choosing:
            if self._used is None:
                self._used = await _used_turns(self._journal, self._run_id)
            used = self._used.setdefault(request.model, set())
            turn = await self._next_turn(request, used)
            if turn:
                used.add(turn)
        return msgspec.structs.replace(request, turn=turn)


async def _used_turns(journal: Journal, run_id: str) -> dict[str, set[int]]:
    """Return the turns, by script, that the run's thread has used.

    The thread of a fork has also used what the thread of its parent had before the parent.
    """
    used: dict[str, set[int]] = {}
    row, own = await journal.run(run_id), 1
    for _ in range(_FORKS):
        if row is None:
            break
        async for entry in _entries_of_thread(journal, row.thread, row.accepted_no + own):
            if (turn := _turn_of(entry)) is not None:
                used.setdefault(turn.script, set()).add(turn.number)
        parent = await _parent_of_fork(journal, row.id)
        row, own = await journal.run(parent) if parent else None, 0
    return used


async def _entries_of_thread(journal: Journal, thread: str, before: int) -> AsyncIterator[Entry]:
    """Yield the events of the thread's runs that were accepted before the run of this number."""
    cursor = before
    while rows := await journal.runs(RunFilter(thread=thread), cursor, PAGE):
        for row in rows:
            for entry in await read_all(journal, row.id):
                yield entry
        cursor = rows[-1].accepted_no


async def _parent_of_fork(journal: Journal, run_id: str) -> str | None:
    """Return the run from which this one was forked. None: it is no fork."""
    events = [entry.event for entry in await read_all(journal, run_id)]
    return next((event.parent for event in reversed(events) if isinstance(event, RunForked)), None)


def _turn_of(entry: Entry) -> ScriptTurn | None:
    event = entry.event
    return event.turn if isinstance(event, ModelReplied | ModelFailed | HistorySummarized) else None
