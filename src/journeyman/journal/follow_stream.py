"""Catch up with one stream, then follow it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from journeyman.events.codec import Entry
from journeyman.events.events import END_TYPES
from journeyman.events.streams import is_run
from journeyman.journal.journal import OPEN, Journal

PAGE = 200  # entries read at a time while catching up


async def follow(journal: Journal, stream: str, after: int = 0) -> AsyncIterator[Entry]:
    """The entries of a stream from `after` on, old ones and then new ones, each once and in order.

    Of a run it ends after the event that ends the run (at once if that is not behind `after`, or if there is no such
    run); else it goes on until the caller stops.
    """
    ring = journal.ring(stream)
    try:
        if is_run(stream) and await _over(journal, stream, after):
            return
        while True:
            entries = await journal.read(stream, after, PAGE)
            for entry in entries:
                after = entry.seq
                yield entry
                if entry.type in END_TYPES:
                    return
            while len(entries) < PAGE and ring.head <= after:
                await ring.wait()
    finally:
        ring.close()


async def _over(journal: Journal, run_id: str, after: int) -> bool:
    row = await journal.run(run_id)
    return row is None or (row.status not in OPEN and row.last_seq <= after)
