"""Tells which inline tool blocked the event loop: logged with its stack, counted by tool.

Each step of a tool's coroutine is timed. While inline tools are in use a thread looks at the step under way, since a
blocked loop cannot look at itself.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Coroutine, Generator
from typing import Any

_log = logging.getLogger("journeyman.tool")

BLOCKED_SECONDS = 0.1
_LOOK_SECONDS = 0.04  # between two looks; a step is seen at least once before it counts as blocking
_REST_SECONDS = 2.0  # without an inline call, after which the thread ends
_STACK_LINES = 12


class Watchdog:
    """Of one event loop. Its thread is there only while inline tools run."""

    def __init__(self) -> None:
        self.blocks: Counter[str] = Counter()  # tool -> steps of more than 100 ms
        self._tool = ""
        self._begun = 0.0  # of the step under way; 0: none is
        self._last = 0.0
        self._loop_thread = 0
        self._told = 0.0  # the step that was logged
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def watched(self, tool: str, coroutine: Coroutine[Any, Any, Any]) -> Stepped:
        """The same coroutine, to be awaited on the loop."""
        if self._thread is None or not self._thread.is_alive():
            self._loop_thread = threading.get_ident()
            self._thread = threading.Thread(target=self._look, name="journeyman-watchdog", daemon=True)
            self._last = time.monotonic()
            self._thread.start()
        return Stepped(self, tool, coroutine)

    def close(self) -> None:
        self._closed.set()

    def enter(self, tool: str) -> None:
        self._tool = tool
        self._last = self._begun = time.monotonic()

    def leave(self) -> None:
        begun, self._begun = self._begun, 0.0
        seconds = time.monotonic() - begun
        if begun and seconds > BLOCKED_SECONDS:
            self.blocks[self._tool] += 1
            if self._told != begun:
                self._tell(seconds, "no stack: it did not let go of the interpreter")

    def _look(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            begun = self._begun
            now = time.monotonic()
            if begun and begun != self._told and now - begun > BLOCKED_SECONDS:
                self._told = begun
                self._tell(now - begun, self._stack())
            elif not begun and now - self._last > _REST_SECONDS:
                return

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame, _STACK_LINES)[-_STACK_LINES:]) if frame else ""

    def _tell(self, seconds: float, stack: str) -> None:
        text = "inline tool %s blocked the event loop for %.0f ms or more: run it with isolation: process"
        _log.warning(text, self._tool, seconds * 1000, extra={"tool": self._tool, "detail": stack})


class Stepped:
    """Awaits a coroutine step by step, each one timed."""

    __slots__ = ("_coroutine", "_tool", "_watchdog")

    def __init__(self, watchdog: Watchdog, tool: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._watchdog = watchdog
        self._tool = tool
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        step, given = self._coroutine.send, None
        while True:
            self._watchdog.enter(self._tool)
            try:
                waits_for = step(given)
            except StopIteration as done:
                return done.value
            finally:
                self._watchdog.leave()
            try:
                given = yield waits_for
                step = self._coroutine.send
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as exc:  # noqa: BLE001 - a cancellation, say: the coroutine's to handle
                step, given = self._coroutine.throw, exc
