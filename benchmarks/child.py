"""A child process that cannot be lost: own process group, output in files, every wait bounded, ended by pid."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

_RANDOM = random.SystemRandom()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now.

    It is below the range from which the kernel takes ports for outgoing connections, so that none of them holds it
    while a server is started again. It is chosen at random, since other processes choose at the same time.
    """
    while True:
        port = _RANDOM.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ChildFailed(Exception):
    """The child ended, or did not do in time what it should; the message holds the end of its output."""


class Process(Protocol):
    """What a Child needs of a process."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        ...

    def wait(self, timeout: float | None = None, /) -> int:
        """Return the exit code when the process has ended. Raises `subprocess.TimeoutExpired`."""
        ...


class Child:
    """One process and all it starts. `logs` receives NAME.out and NAME.err, appended to."""

    def __init__(
        self, name: str, argv: Sequence[str], logs: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.name = name
        self.out, self.err = logs / f"{name}.out", logs / f"{name}.err"
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self.started = time.monotonic()
            self.process = self._spawn(argv, out, err, env, cwd)

    def _spawn(
        self, argv: Sequence[str], out: BinaryIO, err: BinaryIO, env: Mapping[str, str] | None, cwd: Path | None
    ) -> Process:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """To the process alone, as a person or an init system would send it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL to the process and all it started, then reap it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10)

    def wait(self, seconds: float) -> int:
        """Its exit code. Raises ChildFailed if it still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"{self.name} still runs after {seconds:g} s\n{self.tail()}") from None

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM, a bounded wait, then SIGKILL to the whole group whatever happened."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        finally:
            self.kill_group()

    def wait_http(self, url: str, seconds: float, interval: float = 0.005) -> float:
        """Seconds from the start of the process until `url` answered 200."""
        end = time.monotonic() + seconds
        seen = "no answer"
        while time.monotonic() < end:
            if not self.alive:
                raise ChildFailed(f"{self.name} ended with code {self.process.returncode} before {url}\n{self.tail()}")
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.started
            except urllib.error.HTTPError as exc:
                seen = f"status {exc.code}"
            except OSError as exc:
                seen = str(exc)
            time.sleep(interval)
        raise ChildFailed(f"{self.name}: {url} not ready after {seconds:g} s ({seen})\n{self.tail()}")

    def tail(self, characters: int = 4000) -> str:
        """The end of what it wrote, for a failure's text."""
        parts = []
        for file in (self.out, self.err):
            text = file.read_text("utf-8", "replace")[-characters:] if file.exists() else ""
            parts.append(f"--- {file.name}\n{text}")
        return "\n".join(parts)
