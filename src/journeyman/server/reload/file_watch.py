"""Watches the files of agents and tools, and reloads them when they change: `serve --watch`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from journeyman.clock import Clock
from journeyman.server.paths import agent_path, tools_path
from journeyman.settings import Settings

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
SETTLE_SECONDS = 0.2  # editors write a file in several steps
MOST_FILES = 5000
ENVIRONMENT = Path(".env")
_SUFFIXES = (".py", ".yaml", ".yml", ".json")
_TOOLS_DEPTH = 8

Snapshot = Mapping[Path, tuple[int, int]]


class FileWatch:
    """Takes a snapshot again and again, and reloads when two differ.

    `seen` is the snapshot from before the files were loaded, so that changes during the load are not missed.
    """

    def __init__(
        self, look: Callable[[], Snapshot], reload: Callable[[], Awaitable[object]], clock: Clock, seen: Snapshot
    ) -> None:
        self._look = look
        self._reload = reload
        self._clock = clock
        self._seen = seen

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(POLL_SECONDS)
            now = await asyncio.to_thread(self._look)
            if now == self._seen:
                continue
            await self._clock.sleep(SETTLE_SECONDS)
            if await asyncio.to_thread(self._look) == now:
                before, self._seen = self._seen, now
                await self._changed({path for path, _ in set(before.items()) ^ set(now.items())})

    async def _changed(self, paths: set[Path]) -> None:
        if ENVIRONMENT in paths:
            log.warning("%s changed: restart the server to have its settings", ENVIRONMENT)
        if files := paths - {ENVIRONMENT}:
            log.info("changed: %s", ", ".join(sorted(path.name for path in files)[:5]))
            await self._reload()


def roots(settings: Settings, path: Path | None) -> tuple[Path, ...]:
    """Return the folders to watch: that of the agents, one level deep, and last that of the tools, whole."""
    agents = agent_path(settings, path) or Path()
    folder = agents if agents.is_dir() else agents.parent
    return folder, tools_path(settings, agents) or folder / "tools"


def snapshot(folders: Sequence[Path]) -> Snapshot:
    """Return time and size of every agent, tool and settings file."""
    found: dict[Path, tuple[int, int]] = {}
    for path in _files(folders):
        with suppress(OSError):
            status = path.stat()
            found[path] = (status.st_mtime_ns, status.st_size)
        if len(found) >= MOST_FILES:
            break
    return found


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    yield ENVIRONMENT
    for folder in folders[:1]:
        yield from _tree(folder, 1)
    for folder in folders[1:]:
        yield from _tree(folder, _TOOLS_DEPTH)


def _tree(folder: Path, depth: int) -> Iterator[Path]:
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith((".", "__pycache__", "node_modules")) or (path.is_symlink() and path.is_dir()):
                continue
            if path.suffix in _SUFFIXES and not path.is_dir():
                yield path
            elif depth > 0 and path.is_dir():
                yield from _tree(path, depth - 1)
