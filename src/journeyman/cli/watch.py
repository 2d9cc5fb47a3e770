"""Restart the server when its files change: a small parent that polls, checks, and replaces the serving process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from journeyman.errors import ConfigurationError

POLL_SECONDS = 0.5
SETTLE_SECONDS = 0.2  # editors write a file in several steps
DRAIN_SECONDS = 60.0  # longer than the server's own bound
MOST_FILES = 5000
_SUFFIXES = (".py", ".yaml", ".yml")

Snapshot = Mapping[Path, tuple[int, int]]


class Process(Protocol):
    """What is asked of a child."""

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int, /) -> None: ...

    def kill(self) -> None: ...


def watch(arguments: Sequence[str], path: Path | None) -> int:
    """Serve with these arguments of `serve` until told to stop; the last serving process's exit code."""
    command = [sys.executable, "-m", "journeyman"]
    places = [str(path)] if path else []
    offline = ["--offline"] if "--offline" in arguments else []
    watching = Watch(
        serve=lambda: _start([*command, "serve", *arguments, "--no-watch"]),
        check=lambda: _start([*command, "check", *places, *offline]),
        look=lambda: snapshot(roots(path)),
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: watching.stop(received))
    return watching.run()


class Watch:
    """One serving process at a time. Given: how one is started, how files are checked, and how they look."""

    def __init__(
        self,
        serve: Callable[[], Process],
        check: Callable[[], Process],
        look: Callable[[], Snapshot],
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self._serve = serve
        self._check = check
        self._look = look
        self._sleep = sleep
        self._say = say
        self._child: Process | None = None
        self._stopping = False

    def run(self) -> int:
        """Until the serving process ends by itself or by `stop`."""
        self._child = self._serve()
        seen = self._look()
        while True:
            code = _waited(self._child, POLL_SECONDS)
            if code is not None:
                return 0 if self._stopping and code < 0 else code  # told to end while it was still starting
            now = self._look()
            if now == seen or self._stopping:
                continue
            self._sleep(SETTLE_SECONDS)
            if self._look() == now:
                self._changed(seen, now)
                seen = now

    def stop(self, number: int) -> None:
        """Pass a signal on to the serving process, which ends gracefully. For signal handlers."""
        self._stopping = True
        if self._child is not None:
            self._child.send_signal(number)

    def _changed(self, seen: Snapshot, now: Snapshot) -> None:
        names = sorted({path.name for path, _ in set(seen.items()) ^ set(now.items())})
        self._say(f"changed: {', '.join(names[:5])}")
        if self._check().wait(timeout=DRAIN_SECONDS) != 0:
            self._say("the version before this change goes on serving")
        elif not self._stopping:
            self._replace()

    def _replace(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        if _waited(self._child, DRAIN_SECONDS) is None:
            self._child.kill()
            self._child.wait()
        if not self._stopping:
            self._child = self._serve()


def _waited(child: Process, seconds: float) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return child.wait(timeout=seconds)
    return None


def _start(command: Sequence[str]) -> Process:
    # A group of its own: a terminal's Ctrl-C reaches the child once, through this process.
    return subprocess.Popen(command, process_group=0, preexec_fn=_die_with_parent)


def _die_with_parent() -> None:
    """Linux: if the watching process is killed, the serving one is told to end."""
    if sys.platform == "linux":
        import ctypes  # only here: 2 MB that neither the parent before nor the server after needs

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def roots(path: Path | None) -> tuple[Path, ...]:
    """The folders to look at: the agent's, flat, and the tools', whole (the last one)."""
    from journeyman.settings import Settings  # after the serving process was started: it costs 0.2 s

    try:
        settings = Settings.read()
    except ConfigurationError:
        return (path or Path(),)
    agent = path or settings.agent_path or Path()
    folder = agent if agent.is_dir() else agent.parent
    return folder, settings.tools_path or folder / "tools"


def snapshot(folders: Sequence[Path]) -> Snapshot:
    """Time and size of every agent, tool and settings file."""
    found: dict[Path, tuple[int, int]] = {}
    for path in _files(folders):
        with suppress(OSError):
            status = path.stat()
            found[path] = (status.st_mtime_ns, status.st_size)
        if len(found) >= MOST_FILES:
            break
    return found


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    yield Path(".env")
    for folder in folders[:1]:
        with suppress(OSError):
            yield from (path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES)
    for folder in folders[1:]:
        yield from _tree(folder)


def _tree(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith((".", "__pycache__")) or path.is_symlink():
                continue
            if path.is_dir():
                yield from _tree(path)
            elif path.suffix in _SUFFIXES:
                yield path
