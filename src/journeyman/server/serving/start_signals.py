"""The signals that arrive while the server starts, before it can reload or drain."""

from __future__ import annotations

import asyncio
import signal


class StartSignals:
    """Handlers from the first moment on. SIGTERM ends the start; SIGHUP, which would end the process, is kept.

    `listen` replaces the handlers by its own.
    """

    def __init__(self) -> None:
        self.ended = False  # whether SIGTERM came
        self.reload_asked = False  # whether SIGHUP came: files may have changed after they were read
        self._task: asyncio.Task[object] | None = None

    def install(self) -> None:
        """Handle the signals, before there is an event loop."""
        signal.signal(signal.SIGHUP, self._keep_reload)
        signal.signal(signal.SIGTERM, self._end)

    def starting(self, task: asyncio.Task[object] | None) -> None:
        """Cancel this task when SIGTERM comes, or now if it came."""
        self._task = task
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._keep_reload)
        loop.add_signal_handler(signal.SIGTERM, self._end)
        if self.ended:
            self._end()

    def _keep_reload(self, *_: object) -> None:
        self.reload_asked = True

    def _end(self, *_: object) -> None:
        self.ended = True
        if self._task is not None:
            self._task.cancel()
