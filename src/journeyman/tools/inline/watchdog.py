"""Finds inline tools that block the event loop: each block is logged with its stack, and counted by tool.

Each step of a tool's coroutine is timed. While inline tools are in use, a thread watches the current step, because a
blocked loop cannot watch itself.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from typing import Any

_log = logging.getLogger("journeyman.tool")

BLOCKED_SECONDS = 0.1
_POLL_SECONDS = 0.04  # a blocking step is polled at least once before it counts as one
_IDLE_SECONDS = 2.0  # without an inline call, after which the thread ends
_STACK_LINES = 12


class Watchdog:
    """Watches the inline tools of one event loop. Its thread lives only while such tools run."""

    def __init__(self, make_thread: Callable[..., threading.Thread] = threading.Thread) -> None:
        self._make_thread = make_thread
        self.blocks: Counter[str] = Counter()  # tool -> steps of more than 100 ms
        self._tool = ""
        self._started = 0.0  # when the current step started; 0 between steps
        self._last = 0.0  # when the latest step started
        self._loop_thread = 0
        self._logged = 0.0  # start of the step that was logged
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def watched(self, tool: str, coroutine: Coroutine[Any, Any, Any]) -> TimedCoroutine:
        """Return an awaitable that runs the coroutine on the loop and times its steps."""
        if self._thread is None or not self._thread.is_alive():
            self._start_thread()
        return TimedCoroutine(self, tool, coroutine)

    def _start_thread(self) -> None:
        """Start the thread. If the system gives none, a block is logged without its stack, and no tool fails for it."""
        self._loop_thread = threading.get_ident()
        self._thread = self._make_thread(target=self._watch, name="journeyman-watchdog", daemon=True)
        self._last = time.monotonic()
        try:
            self._thread.start()
        except RuntimeError as exc:
            _log.warning("inline tools run without the watch for blocks: %s", exc)

    def close(self) -> None:
        """End the thread; idempotent."""
        self._closed.set()

    def step_started(self, tool: str) -> None:
        """Note that a step of the tool starts now."""
        self._tool = tool
        self._last = self._started = time.monotonic()

    def step_ended(self) -> None:
        """Note the end of the step; count it if it blocked the loop."""
        started, self._started = self._started, 0.0
        seconds = time.monotonic() - started
        if started and seconds > BLOCKED_SECONDS:
            self.blocks[self._tool] += 1
            if self._logged != started:
                self._log_block(seconds, "no stack: the step held the interpreter lock")

    def _watch(self) -> None:
        while not self._closed.wait(_POLL_SECONDS):
            started = self._started
            now = time.monotonic()
            if started and started != self._logged and now - started > BLOCKED_SECONDS:
                self._logged = started
                self._log_block(now - started, self._stack())
            elif not started and now - self._last > _IDLE_SECONDS:
                return

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame, _STACK_LINES)[-_STACK_LINES:]) if frame else ""

    def _log_block(self, seconds: float, stack: str) -> None:
        text = "inline tool %s blocked the event loop for %.0f ms or more: run it with isolation: process"
        _log.warning(text, self._tool, seconds * 1000, extra={"tool": self._tool, "detail": stack})


class TimedCoroutine:
    """Awaits a coroutine and times each of its steps."""

    __slots__ = ("_coroutine", "_tool", "_watchdog")

    def __init__(self, watchdog: Watchdog, tool: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._watchdog = watchdog
        self._tool = tool
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        step, given = self._coroutine.send, None
        while True:
            self._watchdog.step_started(self._tool)
            try:
                awaited = step(given)
            except StopIteration as done:
                return done.value
            finally:
                self._watchdog.step_ended()
            try:
                given = yield awaited
                step = self._coroutine.send
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as exc:  # noqa: BLE001 - also a cancellation: the coroutine handles it
                step, given = self._coroutine.throw, exc
