"""Chat retention: erases hidden threads of conversations that have not gone on for long."""

from __future__ import annotations

import logging

from journeyman.clock import Clock
from journeyman.errors import StorageError
from journeyman.files.store import FileStore
from journeyman.journal.journal import Journal
from journeyman.runtime.use_cases.conversations import HIDDEN_CHATS
from journeyman.runtime.use_cases.threads import Threads

log = logging.getLogger(__name__)

PAGE = 100
PERIOD_SECONDS = 3600.0


class ChatRetention:
    """Erases the hidden threads of conversations, with those of their child runs. A thread with an open run is kept."""

    def __init__(self, journal: Journal, threads: Threads, clock: Clock, files: FileStore) -> None:
        self._journal = journal
        self._threads = threads
        self._clock = clock
        self._files = files

    async def prune(self, keep_seconds: float) -> int:
        """Erase what was not touched for so long. Returns how many conversations were erased."""
        cutoff = self._clock.now() - int(keep_seconds * 1_000_000)
        erased, found = 0, True
        while found:
            idle = await self._journal.idle_threads(PAGE, HIDDEN_CHATS)
            old = [thread.key for thread in idle if thread.updated_at < cutoff]
            done = [await self._threads.erase_idle(key, "retention") for key in old]
            found = any(done)
            erased += sum(done)
        if erased:
            await self._files.collect()
        return erased

    async def periodically(self, keep_seconds: float) -> None:
        """Prune now and every hour, until cancelled. A failed commit is logged and tried again."""
        while True:
            try:
                await self.prune(keep_seconds)
            except StorageError as exc:
                log.error("old conversations could not be erased: %s", exc.message)
            await self._clock.sleep(PERIOD_SECONDS)
