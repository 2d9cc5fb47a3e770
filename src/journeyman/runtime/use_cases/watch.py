"""Watching a run: its stored events, then what happens, merged from the journal and the live side."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from journeyman.events.codec import Entry
from journeyman.events.events import END_TYPES, ModelReplied
from journeyman.events.redaction import redacted_draft
from journeyman.journal.journal import Journal
from journeyman.journal.subscriptions import Subscription
from journeyman.runtime.engine.frames import Frame, Reconnect
from journeyman.runtime.engine.live import StreamPosition
from journeyman.runtime.engine.scheduler import RunScheduler

PAGE = 500


class Watch:
    """One reader's way through one run. It keeps places, never events: a slow reader costs nothing."""

    def __init__(self, journal: Journal, worker: RunScheduler, run_id: str, after: int, until_pause: bool) -> None:
        self._journal = journal
        self._worker = worker
        self._run_id = run_id
        self._seen = after
        self._last_types = (*END_TYPES, "run_paused") if until_pause else END_TYPES
        self._over = False
        self._place: StreamPosition | None = None

    async def frames(self) -> AsyncGenerator[Frame, None]:
        subscription = self._journal.notifier.subscribe(self._run_id)
        watched = self._worker.watched
        watched[self._run_id] += 1
        try:
            async for frame in self._frames(subscription):
                yield frame
        finally:
            watched[self._run_id] -= 1
            if not watched[self._run_id]:
                del watched[self._run_id]
            subscription.close()

    async def _frames(self, subscription: Subscription) -> AsyncGenerator[Frame, None]:
        async for entry in self._stored():
            yield entry
        if not self._over and (live := self._worker.live(self._run_id)):
            self._place = StreamPosition(live)
            for frame in self._place.snapshots(live):
                yield frame
        while not self._over:
            if self._gone():
                yield Reconnect()
                return
            await subscription.wait()
            for news in self._live():
                yield news
            if subscription.head > self._seen:
                async for entry in self._stored():
                    yield entry

    def _gone(self) -> bool:
        """The process is going away, and nothing more will come of this run here."""
        return self._worker.suspended or (self._worker.stopping and self._worker.live(self._run_id) is None)

    def _live(self) -> list[Frame]:
        live = self._worker.live(self._run_id)
        if live is None:
            return []
        if self._place is None:
            self._place = StreamPosition(None)
        return list(self._place.new_frames(live))

    async def _stored(self) -> AsyncGenerator[Entry, None]:
        while not self._over and (page := await self._journal.read(self._run_id, self._seen, PAGE)):
            for entry in page:
                over = self._note(entry)
                yield redacted_draft(entry)
                if over:
                    return
            if len(page) < PAGE:
                return

    def _note(self, entry: Entry) -> bool:
        """Move on past the entry; True: it is the last one."""
        self._seen = entry.seq
        self._over = entry.type in self._last_types
        if entry.type == "model_replied" and self._place is not None:
            event = entry.event
            assert isinstance(event, ModelReplied)
            self._place.replied(event.call)
        return self._over
