"""Retention: erases the oldest threads beyond an age, a number or a size."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from journeyman.clock import Clock
from journeyman.errors import StateError, StorageError
from journeyman.files.store import FileStore
from journeyman.journal.journal import Idle, Journal, Size

log = logging.getLogger(__name__)

PAGE = 100  # threads looked at between two looks at the size
PERIOD_SECONDS = 3600.0

Progress = Callable[[int], None]  # gets the number of threads erased so far


def _no_progress(erased: int) -> None:
    """Do nothing."""


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept. None means no bound. A thread with an open run is always kept."""

    seconds: float | None = None  # since the thread was last touched
    threads: int | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, days: float | None = None, threads: int | None = None, megabytes: float | None = None) -> Keep:
        """Return the bounds given in days, threads and megabytes."""
        return cls(
            seconds=None if days is None else days * 86_400,
            threads=threads,
            bytes=None if megabytes is None else int(megabytes * 1_000_000),
        )

    @property
    def all(self) -> bool:
        """Whether nothing is bounded."""
        return self.seconds is None and self.threads is None and self.bytes is None


class Retention:
    """Erases threads that need not be kept."""

    def __init__(self, journal: Journal, clock: Clock, files: FileStore) -> None:
        self._journal = journal
        self._files = files
        self._clock = clock

    async def prune(self, keep: Keep, progress: Progress = _no_progress) -> tuple[int, Size]:
        """Erase idle threads, the oldest first, until all bounds hold or none is left.

        `progress` gets the number of threads erased so far. Returns how many were erased and the size of what is left.
        Raises StorageError.
        """
        erased = 0
        while not keep.all:
            idle = await self._journal.idle_threads(PAGE)
            due = self._due(idle, await self._journal.size(), keep)
            before = erased
            for thread in due:
                erased += await self._erase(thread)
                progress(erased)
            if erased == before:
                break
            await self._files.collect()
        return erased, await self._journal.size()

    async def periodically(self, keep: Keep) -> None:
        """Prune now and every hour, until cancelled. A failed commit is logged and tried again."""
        while True:
            try:
                erased, _ = await self.prune(keep)
                if erased:
                    log.info("erased %d threads that are older than RETENTION_DAYS", erased)
            except StorageError as exc:
                log.error("old threads could not be erased: %s", exc.message)
            await self._clock.sleep(PERIOD_SECONDS)

    def _due(self, idle: Sequence[Idle], size: Size, keep: Keep) -> list[Idle]:
        """Return the threads to erase before the size is measured again."""
        cutoff = self._clock.now() - int((keep.seconds or 0) * 1_000_000)
        old = [thread for thread in idle if keep.seconds is not None and thread.updated_at < cutoff]
        surplus = 0 if keep.threads is None else size.threads - keep.threads
        if keep.bytes is not None and size.bytes > keep.bytes and size.threads:
            share = (size.bytes - keep.bytes) / size.bytes
            surplus = max(surplus, 1, int(share * size.threads / 2))  # half of an even share: threads differ in size
        return list(idle[: max(len(old), surplus)])

    async def _erase(self, thread: Idle) -> bool:
        try:
            return await self._journal.erase_thread(thread.key, self._clock.now(), "retention")
        except StateError:  # a run began meanwhile: it is idle no longer
            return False
