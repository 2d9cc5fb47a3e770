"""A hostile stdio server finds the application's files empty and its process gone, and works as it did otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from journeyman.api.app import build_app
from journeyman.cli.doctor.mcp import mcp_servers
from journeyman.clock import SystemClock
from journeyman.errors import ToolExecutionError
from journeyman.ids import RandomIds
from journeyman.server.composition import build
from journeyman.server.mcp_servers import Connector
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.server import McpServer
from journeyman.tools.sandbox.detection import AvailableIsolation, detect
from tests.harness.asgi_client import request
from tests.harness.mcp_fixtures import PEER, QUICK, Host, calling, command

HOSTILE = PEER.with_name("hostile_mcp_server.py")
SECRET = "sk-of-the-application"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces")


async def with_namespaces() -> AvailableIsolation:
    return AvailableIsolation(namespaces=True)


async def without() -> AvailableIsolation:
    return AvailableIsolation()


@dataclass
class House:
    """Files of an application: all but the last belong to it."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "j.db.files").mkdir()
        (self.folder / "own").mkdir()
        (self.folder / "j.db.files" / SECRET).touch()
        for name in ("j.db", "j.db-wal", ".env", "key"):
            (self.folder / name).write_text(SECRET)

    @property
    def covered(self) -> tuple[str, ...]:
        return tuple(str(self.folder / name) for name in ("j.db", "j.db-wal", ".env", "key", "j.db.files"))


@asynccontextmanager
async def running(config: McpServerConfig, isolation: Any, covered: tuple[str, ...] = ()) -> AsyncIterator[McpServer]:
    clock = SystemClock()
    connector = Connector(clock, QUICK, isolation, lambda: covered)
    server = McpServer(
        config, connector, clock=clock, ids=RandomIds(), rng=random.Random(1), timeouts=QUICK, call_seconds=5.0
    )
    task = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(10):
            await server.attempted.wait()
            yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def hostile(folder: Path, **given: Any) -> McpServerConfig:
    return McpServerConfig(name="peer", command=(sys.executable, str(HOSTILE)), cwd=str(folder / "own"), **given)


async def seen(server: McpServer, house: House) -> dict[str, Any]:
    assert server.problem is None
    asked = calling("look", pid=os.getpid(), paths=list(house.covered), folder=str(house.folder / "own"))
    found: dict[str, Any] = json.loads(str(await server.call(asked, Host())))
    return found


@ON_LINUX
async def test_it_finds_the_files_empty_and_no_process_of_the_application(tmp_path: Path) -> None:
    if not (await detect()).namespaces:
        pytest.skip("this machine has no namespaces")
    house = House(tmp_path)
    async with running(hostile(tmp_path), with_namespaces, house.covered) as server:
        found = await seen(server, house)
    assert SECRET not in json.dumps(found)
    assert found["paths"] == [""] * 5
    assert (found["pid"], found["environ"], found["kill"]) == (2, "FileNotFoundError", "ProcessLookupError")
    assert (found["written"], found["program"]) == (4, "ran\n")
    assert (tmp_path / "own/written").read_text() == "kept"
    assert int(found["capabilities"].split()[1], 16) in (0, 0b11011), "none, or root's for files alone"
    assert (tmp_path / ".env").read_text() == SECRET, "only its own view changed"


@ON_LINUX
async def test_without_namespaces_it_starts_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path)
    async with running(hostile(tmp_path), without, house.covered) as server:
        assert (await seen(server, house))["paths"][0] == SECRET
    assert caplog.text.count("MCP server peer: it can read the server's journal and keys") == 1


@pytest.mark.long
async def test_sandbox_off_asks_for_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def must_not_be_asked() -> AvailableIsolation:
        raise AssertionError

    house = House(tmp_path)
    async with running(hostile(tmp_path, sandbox="off"), must_not_be_asked, house.covered) as server:
        found = await seen(server, house)
    assert found["paths"] == [*[SECRET] * 5]
    assert "can read" not in caplog.text


@ON_LINUX
@pytest.mark.long
async def test_what_cannot_be_covered_starts_no_command(tmp_path: Path) -> None:
    """A path of a file below a file, which the kernel cannot mount on."""
    (tmp_path / "file").touch()
    async with running(command(), with_namespaces, (str(tmp_path / "file/below"),)) as server:
        assert "it cannot be kept from the server's files (Not a directory)" in (server.problem or "")


@ON_LINUX
@pytest.mark.long
async def test_a_command_that_is_not_there_is_told_apart() -> None:
    async with running(McpServerConfig(name="peer", command=("/nowhere/at-all",)), with_namespaces) as server:
        assert "No such file" in (server.problem or "")


@ON_LINUX
@pytest.mark.long
async def test_it_is_told_to_end_and_is_started_again_when_it_dies() -> None:
    async with running(command(), with_namespaces) as server:
        with pytest.raises(ToolExecutionError):
            await server.call(calling("die"), Host())
        assert await server.call(calling("echo", text="on"), Host()) == "on"


AGENT = """
type: react_agent
name: support
model: offline
mcp_servers:
  peer: {{command: [{python}, {hostile}]{more}}}
"""


@ON_LINUX
@pytest.mark.long
@pytest.mark.parametrize(("more", "level"), [("", "covered"), (", sandbox: off", "none")])
async def test_an_application_covers_its_own_files_and_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, level: str
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"LITELLM_GATEWAY_API_KEY={SECRET}\n")
    (tmp_path / "support.yaml").write_text(AGENT.format(python=sys.executable, hostile=HOSTILE, more=more))
    settings = Settings.read(database_url="sqlite:///j.db", auth_mode="off")
    async with await build(settings, tmp_path / "support.yaml", offline=True) as app:
        api = build_app(api_dependencies(app))
        shown = (await request(api, "GET", "/tools/peer__look")).json()["sandbox"]
        paths = [str(tmp_path / name) for name in (".env", "j.db", "j.db-wal")]
        body = {"tool_name": "peer__look", "arguments": {"pid": os.getpid(), "paths": paths, "folder": "."}}
        found = json.loads((await request(api, "POST", "/execute_tool", json=body)).json()["response"])
    assert shown["level"] == level
    assert all(found["paths"]) is (level == "none")
    assert any(found["paths"]) is (level == "none")
    assert (await asyncio.to_thread(mcp_servers, settings, tmp_path / "support.yaml", ask=False)).state == "fine"
