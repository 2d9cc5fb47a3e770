from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.clock import ManualClock
from journeyman.server.reload.file_watch import FileWatch, Snapshot, snapshot

AGENT, ENVIRONMENT = Path("agent.yaml"), Path(".env")


class Looked(Exception):
    """There is nothing more to see: the watch ends."""


class Clock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


async def watched(*looks: Snapshot) -> int:
    """How often files are reloaded when they look like this, one look after the other."""
    left: Iterator[Snapshot] = iter(looks)
    reloads = 0

    def look() -> Snapshot:
        try:
            return next(left)
        except StopIteration:
            raise Looked from None

    async def reload() -> None:
        nonlocal reloads
        reloads += 1

    with pytest.raises(Looked):
        async with asyncio.timeout(5):
            await FileWatch(look, reload, Clock(), looks[0]).run()
    return reloads


def version(number: int, path: Path = AGENT) -> Snapshot:
    return {path: (number, 1)}


async def test_what_did_not_change_is_not_reloaded() -> None:
    assert await watched(version(1), version(1), version(1)) == 0


async def test_a_change_is_reloaded_once() -> None:
    assert await watched(version(1), version(2), version(2), version(2)) == 1


async def test_a_file_that_is_still_being_written_waits() -> None:
    assert await watched(version(1), version(2), version(3), version(3), version(3)) == 1


async def test_settings_need_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert await watched(version(1, ENVIRONMENT), version(2, ENVIRONMENT), version(2, ENVIRONMENT)) == 0
    assert "restart the server" in caplog.text


def test_what_is_looked_at(tmp_path: Path) -> None:
    names = ("agent.yaml", "crm.json", "notes.txt", "docs/api.yaml", "tools/a.py", "tools/deep/er/b.py", "a/b/c.yaml")
    for name in (*names, "tools/.hidden/c.py", "tools/__pycache__/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folders = (tmp_path, tmp_path / "tools")
    found = {str(path.relative_to(tmp_path)) for path in snapshot(folders) if path.is_absolute()}
    assert found == {"agent.yaml", "crm.json", "docs/api.yaml", "tools/a.py", "tools/deep/er/b.py"}
    before = snapshot(folders)
    (tmp_path / "tools/a.py").write_text("x")
    assert snapshot(folders) != before
