"""What confines worker processes is shown where operators look, and `strict` refuses to start without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.server.application import Application
from journeyman.server.composition import build, unmet_sandbox
from journeyman.server.loading import load
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.sandbox.detection import AvailableIsolation, detect
from tests.harness.asgi_client import request

TOOLS = """
from journeyman import tool

@tool(effects="none")
def add(a: int, b: int) -> int:
    "Add."
    return a + b

@tool(effects="none")
async def double(a: int) -> int:
    "Double."
    return 2 * a

@tool(effects="none", isolation="inline")
async def stay(a: int) -> int:
    "Stay."
    return a
"""


@pytest.fixture
def agent(tmp_path: Path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/sums.py").write_text(TOOLS)

    def write(more: str = "") -> Path:
        text = f"type: react_agent\nname: sums\nmodel: offline\ntools: [add, double, stay]\n{more}"
        (tmp_path / "agent.yaml").write_text(text)
        return tmp_path / "agent.yaml"

    return write


def settings(**given: object) -> Settings:
    return Settings.read(None, database_url="memory://", **given)


async def test_readiness_and_tools_show_what_is_reached(agent) -> None:
    app = App(settings(), agent())
    asgi = await app.start()
    assert isinstance(app.application, Application)
    kernel = await app.application.workers.kernel()
    ready = (await request(asgi, "GET", "/readyz")).json()
    tool = (await request(asgi, "GET", "/tools/add")).json()
    inline = (await request(asgi, "GET", "/tools/double")).json()
    await app.stop()
    level = "full" if not kernel.missing else "none" if len(kernel.missing) == 3 else "partial"
    assert ready["details"]["sandbox"]["level"] == level
    assert (tool["sandbox"]["level"], tool["sandbox"]["network"]) == (level, "unrestricted")
    assert tool["sandbox"]["limits"]["cpu_seconds"] == 60
    assert inline["sandbox"]["level"] == "inline"


async def test_strict_starts_only_with_everything(agent) -> None:
    path = agent("sandbox: strict\n")
    loaded = await load(settings(), path, offline=True)

    async def bare() -> AvailableIsolation:
        return AvailableIsolation(namespaces=True)

    problems = await unmet_sandbox(loaded, WorkerPool(detect=bare))
    assert [problem.message.partition(", ")[0] for problem in problems] == ["tool 'add' asks for sandbox: strict"] * 2
    assert all(problem.remedy for problem in problems)
    if (await detect()).missing:
        with pytest.raises(ConfigurationError, match="sandbox: strict"):
            await build(settings(), path, offline=True)
    else:
        application = await build(settings(), path, offline=True)
        assert {spec.name: spec.sandbox for spec in application.agents.agents["sums"].spec.tools} == {
            "add": "strict",
            "double": "best",
            "stay": "best",
        }


async def test_the_setting_moves_what_does_not_say(agent) -> None:
    loaded = await load(settings(tools_isolation="process"), agent(), offline=True)
    found = {name: loaded.registry.tools[name].spec.isolation for name in ("add", "double", "stay")}
    assert found == {"add": "process", "double": "process", "stay": "inline"}
