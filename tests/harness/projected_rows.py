"""Rows in memory, made of events one by one, as a journal makes them."""

from __future__ import annotations

from typing import Any

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import Event, RunAccepted, RunStarted
from journeyman.events.messages import user
from journeyman.journal.memory import MemoryTables
from journeyman.journal.projection.project import project


class ProjectedRows(MemoryTables):
    """Feed it with `add`; the time of an event is its number."""

    def __init__(self) -> None:
        super().__init__()
        self._codec = Codec()
        self._at = 0

    def add(self, stream: str, *events: Event) -> None:
        """Append the events to the stream and change the rows."""
        for event in events:
            self._at += 1
            draft = self._codec.draft(event)
            entry = Entry(stream, self.last_seq(stream) + 1, draft.type, draft.v, self._at, draft.data)
            self.append(entry)
            project(self, entry, event)

    def start(self, run: str = "run_1", text: str = "hi", **changes: Any) -> None:
        """Accept and start a run on the thread `ann/t`."""
        self.add(run, RunAccepted(thread="ann/t", principal="ann", input=user(text), **changes), RunStarted(epoch=1))
