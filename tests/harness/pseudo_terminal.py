"""A process on a pseudo-terminal: what it shows, and what a human types."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 30.0
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>78])")


class PseudoTerminal:
    """Runs `python -m journeyman …` on a pseudo-terminal of 100 columns."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._fd, inner = pty.openpty()
        given = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "journeyman", *arguments],
            stdin=inner, stdout=inner, stderr=inner, cwd=folder, env=given, start_new_session=True,
            preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(inner)
        self.raw = ""
        self._seen = 0

    def until(self, text: str) -> str:
        """Return what is shown from the last `until` to this text, without escape sequences."""
        deadline = time.monotonic() + SECONDS
        while (at := self.shown().find(text, self._seen)) < 0:
            more = time.monotonic() < deadline and self._read(deadline)
            assert more, f"no {text!r} in:\n{self.shown()[self._seen :]}"
        start, self._seen = self._seen, at + len(text)
        return self.shown()[start : self._seen]

    def shown(self) -> str:
        """Return all that was shown, without escape sequences."""
        return ESCAPES.sub("", self.raw).replace("\r\n", "\n").replace("\r", "")

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._fd, line.encode() + b"\n")

    def key(self, key: str) -> None:
        """Press Ctrl and this key."""
        os.write(self._fd, bytes([ord(key.upper()) - 64]))

    def ended(self) -> int:
        """Return the exit code, once the process has ended."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(SECONDS)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._fd, 65536) if ready else b""
        except OSError:  # EIO: the other side is closed
            data = b""
        self.raw += data.decode("utf-8", "replace")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._fd)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
