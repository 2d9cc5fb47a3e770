"""Loads the state of a run from the journal: the fold of its events over the messages of its thread."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.errors import NotFoundError
from journeyman.events.codec import Entry
from journeyman.events.events import HistorySummarized
from journeyman.events.fold import AgentState, fold, replace
from journeyman.events.transcript import in_call_order
from journeyman.journal.journal import Journal, MessageRow

PAGE = 1000  # entries read at a time
HISTORY_CAP = 2000  # stored messages read for one run; windows are smaller


async def load_state(journal: Journal, run_id: str, entries: Sequence[Entry] = ()) -> AgentState:
    """Return the state of a run, ready for its agent. `entries`: its events, if the caller already has all of them.

    Raises NotFoundError if there is no such run.
    """
    entries = entries or await read_all(journal, run_id)
    if not entries:
        raise NotFoundError(f"There is no run {run_id}.")
    state = fold(run_id, ((entry.seq, entry.at, entry.event) for entry in entries))
    rows = await load_view(journal, state.thread, state.first_no, state.last_no)
    history = in_call_order(tuple(row.message for row in rows))
    if state.summary is not None and not state.summary.text:
        text = await load_summary(journal, state.summary.stream, state.summary.seq)
        state = replace(state, summary=replace(state.summary, text=text))
    if not state.pinned_nos:
        return replace(state, history=history)
    pinned = await load_pinned(journal, state.thread, state.pinned_nos, rows[0].no if rows else state.last_no + 1)
    return replace(state, history=history, pinned=tuple(row.message for row in pinned))


async def load_summary(journal: Journal, stream: str, seq: int) -> str:
    """Return the text of the summary that was stored as this event. Empty if there is no summary."""
    for entry in await journal.read(stream, seq - 1, 1) if seq else ():
        event = entry.event
        return event.text if isinstance(event, HistorySummarized) else ""
    return ""


async def load_pinned(journal: Journal, thread: str, numbers: Sequence[int], before: int) -> Sequence[MessageRow]:
    """Return those of the pinned messages whose number is less than `before`, the first of a view."""
    found = [await journal.messages(thread, no, no) for no in numbers if no < before]
    return [row for rows in found for row in rows]


async def load_view(journal: Journal, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
    """Return the stored messages of a view in the order of their numbers: the last ones if there are too many."""
    if last_no < first_no:
        return ()
    return await journal.messages(thread, max(first_no, last_no - HISTORY_CAP + 1), last_no)


async def read_all(journal: Journal, stream: str, until: int | None = None) -> list[Entry]:
    """Return the entries of a stream, up to and including seq `until`."""
    entries: list[Entry] = []
    while page := await journal.read(stream, entries[-1].seq if entries else 0, PAGE):
        entries += page
        if len(page) < PAGE or (until is not None and entries[-1].seq >= until):
            break
    return [entry for entry in entries if until is None or entry.seq <= until]
