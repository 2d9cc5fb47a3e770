"""One Journeyman server on one database file: started, killed and started again on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.child import Child, ChildFailed, free_port
from tests.harness.preloaded import PreloadedChild, can_be_forked

ROOT = Path(__file__).parent.parent.parent
_KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
READY_SECONDS = 30.0


class RealServer:
    """`path` is what `serve` is given; settings come on top of quiet defaults. `preloaded`: its process is forked."""

    def __init__(
        self,
        folder: Path,
        path: Path,
        settings: Mapping[str, str],
        arguments: Sequence[str] = (),
        preloaded: bool = False,
    ) -> None:
        self.folder, self.path, self.arguments = folder, path, tuple(arguments)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = folder / "journal.db"
        self.starts = 0
        self.child: Child | None = None
        self._reviving = asyncio.Lock()
        assert can_be_forked(settings) or not preloaded
        self._preloaded = preloaded
        kept = {key: value for key, value in os.environ.items() if key in _KEPT}
        self.env = {
            **kept,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "LOG_LEVEL": "INFO",
            **settings,
        }

    @property
    def argv(self) -> list[str]:
        """The arguments of `journeyman`."""
        return ["serve", str(self.path), "--no-watch", *self.arguments]

    @property
    def pid(self) -> int:
        assert self.child is not None, "the server was not started"
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.alive

    def spawn(self, before: Sequence[str] = ()) -> Child:
        """Start the process, after the words of `before` (strace), and do not wait."""
        self.starts += 1
        name = f"server-{self.starts}"
        if self._preloaded and not before:
            self.child = PreloadedChild(name, self.argv, self.folder, self.env, cwd=ROOT)
        else:
            argv = [*before, sys.executable, "-m", "journeyman", *self.argv]
            self.child = Child(name, argv, self.folder, self.env, cwd=ROOT)
        return self.child

    async def start(self) -> float:
        """Start and wait for /readyz: seconds that it took."""
        child = self.spawn()
        return await asyncio.to_thread(child.wait_http, f"{self.url}/readyz", READY_SECONDS, 0.01)

    async def kill(self) -> None:
        """kill -9 to the server process alone, then reap it."""
        assert self.child is not None
        self.child.signal(signal.SIGKILL)
        await self.died(10)

    async def died(self, seconds: float) -> int:
        """Wait until the process is gone: its exit code."""
        assert self.child is not None
        return await asyncio.to_thread(self.child.wait, seconds)

    async def revive(self, seen: int) -> None:
        """The connection to start number `seen` broke: wait for that process's end and start the next, once."""
        async with self._reviving:
            if self.starts != seen:
                return
            try:
                await self.died(5)
            except ChildFailed as exc:
                raise ChildFailed(f"the server lives but dropped a connection\n{exc}") from None
            await self.start()

    async def close(self) -> None:
        """Whatever runs of it, at once."""
        if self.child is not None:
            await asyncio.to_thread(self.child.kill_group)

    def tail(self, characters: int = 4000) -> str:
        return self.child.tail(characters) if self.child else ""
