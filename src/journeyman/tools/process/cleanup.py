"""Resets a worker process after a call, or finds that it cannot be reset and must not serve another call."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

from journeyman.tools.process.process_tree import kill_tree, reap

_SAMPLE_SECONDS = 0.005  # in which idle threads use no CPU
_BUSY_CPU_SECONDS = 0.002  # used within the sample by threads that still work


class ProcessBaseline:
    """The state of a worker process before its first call: what each later call is reset to.

    `alone`: the process has a PID namespace, which holds only its own descendants.
    """

    def __init__(self, alone: bool) -> None:
        self._alone = alone
        self._folder = os.getcwd()  # noqa: PTH109 - a text for chdir
        self._environment = dict(os.environ)
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._threads = threading.active_count()

    def restore(self) -> bool:
        """Reset the process and kill what the call started. Returns False if it must not serve another call."""
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            os.fstat(1)
            os.fstat(2)
            os.chdir(self._folder)
            if os.environ != self._environment:
                os.environ.clear()
                os.environ.update(self._environment)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except (OSError, ValueError, AttributeError):
            return False
        self._kill_descendants()
        return not self._threads_are_busy()

    def _kill_descendants(self) -> None:
        if self._alone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # all processes of the namespace but its first one and this one
        else:
            kill_tree(os.getpid())
        reap()

    def _threads_are_busy(self) -> bool:
        """Check for threads of the call that still compute: they would slow down every later call.

        Waiting threads are harmless, for example those of a thread pool.
        """
        if threading.active_count() <= self._threads:
            return False
        started = time.process_time()
        time.sleep(_SAMPLE_SECONDS)
        return time.process_time() - started > _BUSY_CPU_SECONDS
