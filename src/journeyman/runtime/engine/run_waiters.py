"""Callers that wait for a run to end or to pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from journeyman.clock import Clock
from journeyman.events.fold import AgentState

Waiter = asyncio.Future[AgentState | None]


@dataclass(frozen=True, slots=True)
class _WaitersOfRun:
    thread: str
    waiters: list[Waiter] = field(default_factory=list)


class RunWaiters:
    """The callers that wait for runs of this process. Each gets the run's state, or None: it must ask the journal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: dict[str, _WaitersOfRun] = {}

    def __contains__(self, run_id: str) -> bool:
        """Return whether a caller waits for this run."""
        return run_id in self._runs

    async def wait(
        self, run_id: str, thread: str, seconds: float, is_idle: Callable[[], Awaitable[bool]]
    ) -> AgentState | None:
        """Wait until the run's callers are released. Returns the state that they are given.

        Returns None after `seconds`, and at once if `is_idle` says that there is nothing to wait for. `is_idle` is
        asked after the caller is added, so that no release is missed.
        """
        run = self._runs.setdefault(run_id, _WaitersOfRun(thread))
        waiter: Waiter = asyncio.get_running_loop().create_future()
        run.waiters.append(waiter)
        timer = self._clock.call_later(seconds, lambda: _resolve(waiter, None))
        try:
            return None if await is_idle() else await waiter
        finally:
            timer.cancel()
            run.waiters.remove(waiter)
            if not run.waiters:
                self._runs.pop(run_id, None)

    def release(self, run_id: str, state: AgentState | None) -> None:
        """Give the state to all that wait for this run."""
        run = self._runs.get(run_id)
        for waiter in run.waiters if run else ():
            _resolve(waiter, state)

    def release_thread(self, thread: str) -> None:
        """Release all that wait for a run of this thread: its runs are queued behind a paused one."""
        for run in self._runs.values():
            if run.thread == thread:
                for waiter in run.waiters:
                    _resolve(waiter, None)

    def release_all(self) -> None:
        """Release all: nothing more happens in this process."""
        for run_id in list(self._runs):
            self.release(run_id, None)


def _resolve(waiter: Waiter, state: AgentState | None) -> None:
    if not waiter.done():
        waiter.set_result(state)
