"""A server that is started without the folder of an open run says so, everywhere, and goes on with it later."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman.cli.client.without_server import cancel_in_journal
from journeyman.errors import ConfigurationError, StateError
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.paying_agent import AGENT, TURNS
from tests.surroundings.table import cell

TOOLS = '''\
from journeyman import tool


@tool(effects="once")
async def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: How much.
    """
    return f"paid {amount}"
'''
OTHER = "type: react_agent\nname: other\nmodel: offline\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder with an agent and its tool, and one that has another agent."""
    full, empty = tmp_path / "full", tmp_path / "empty"
    for folder in (full, empty):
        folder.mkdir()
    (full / "agent.yaml").write_text(AGENT)
    (full / "turns.yaml").write_text(TURNS)
    (full / "tools").mkdir()
    (full / "tools" / "pay_tools.py").write_text(TOOLS)
    (empty / "agent.yaml").write_text(OTHER)
    return full, empty


@asynccontextmanager
async def served(folder: Path, *, strict: bool = False) -> AsyncIterator[App]:
    database = f"sqlite:///{folder.parent / 'j.db'}"
    tools = folder / "tools"
    settings = Settings.read(
        env_file=None, database_url=database, debug=True, tools_path=tools if tools.exists() else None
    )
    app = App(settings, folder / "agent.yaml", strict=strict)
    try:
        await app.start()
        yield app
    finally:
        await app.stop()


async def get(app: App, path: str) -> Any:
    return (await request(app, "GET", path)).json()


@cell(
    "agent file",
    "at resume",
    "The start names the open runs, `serve --strict` refuses, and an answer that needs the tools gets 409; back"
    " in its folder, the run goes on.",
)
async def test_a_restart_in_another_folder_and_back(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    full, empty = folders
    async with served(full) as app:
        run = (await request(app, "POST", "/process", json={"user_input": "hi"})).json()
        assert run["status"] == "paused", run
        [approval] = run["approvals"]
    with caplog.at_level(logging.WARNING):
        async with served(empty) as app:
            assert "1 open run of agent 'desk', which is not here: start with its folder" in caplog.text
            assert app.application is not None
            assert app.application.waiting_approvals == 1, "for the ready line"
            assert (await get(app, f"/runs/{run['run_id']}"))["status"] == "paused"
            resume = {"answers": [{"approval": approval["approval"], "decision": "approve"}]}
            refused = await request(app, "POST", f"/runs/{run['run_id']}/resume", json=resume)
            assert (refused.status, refused.json()["code"]) == (409, "tool_away")
    with pytest.raises(ConfigurationError, match="1 open run of agent 'desk'"):
        async with served(empty, strict=True):
            pass
    async with served(full, strict=True) as app:
        await request(app, "POST", f"/runs/{run['run_id']}/resume", json=resume)
        events = await request(app, "GET", f"/runs/{run['run_id']}/events", headers={"accept": "text/event-stream"})
        assert "run_finished" in events.text


async def test_a_run_that_waits_is_shown_everywhere(folders: tuple[Path, Path]) -> None:
    full, empty = folders
    async with served(full) as app:
        run = (await request(app, "POST", "/process", json={"user_input": "hi"})).json()
        [approval] = run["approvals"]
    async with served(empty) as app:
        deny = {"answers": [{"approval": approval["approval"], "decision": "deny"}]}
        await request(app, "POST", f"/runs/{run['run_id']}/resume", json=deny)
        sentence = (
            "The tool 'pay' is not here: start the server with the folder of its code, or the MCP server that has it."
        )
        while (shown := await get(app, f"/runs/{run['run_id']}"))["waiting_for"] != "tool":
            pass
        assert (shown["waiting_for"], shown["waiting_reason"]) == ("tool", sentence)
        [listed] = (await get(app, "/runs"))["items"]
        assert listed["waiting_reason"] == sentence
        ready = await request(app, "GET", "/readyz")
        assert (ready.status, ready.json()["details"]["waiting"]) == (200, {"tool": 1})
        [lacking] = (await get(app, "/debug/state"))["runs"]["lacking"]
        assert lacking == {"kind": "tool", "name": "pay", "runs": 1, "reason": sentence}
        metrics = (await request(app, "GET", "/metrics")).text
        assert 'journeyman_runs_lacking{kind="tool"} 1.0' in metrics
    async with served(empty) as app:  # the next process knows it from the index
        while (await get(app, "/readyz"))["details"].get("waiting") != {"tool": 1}:
            pass
        assert (await request(app, "POST", f"/runs/{run['run_id']}/cancel")).status in (200, 202)
        while (await get(app, f"/runs/{run['run_id']}"))["status"] != "cancelled":
            pass
        while "waiting" in (await get(app, "/readyz"))["details"]:
            pass


async def waiting(folders: tuple[Path, Path], count: int = 1) -> list[str]:
    """Return runs that wait for the tool `pay`."""
    full, empty = folders
    runs = []
    for _ in range(count):
        async with served(full) as app:
            runs.append((await request(app, "POST", "/process", json={"user_input": "hi"})).json())
    async with served(empty) as app:
        for run in runs:
            deny = {"answers": [{"approval": run["approvals"][0]["approval"], "decision": "deny"}]}
            await request(app, "POST", f"/runs/{run['run_id']}/resume", json=deny)
        while (await get(app, "/readyz"))["details"].get("waiting") != {"tool": count}:
            pass
    return [run["run_id"] for run in runs]


@cell("agent file", "in a pause", "`POST /runs/cancel` ends the runs that wait.", case="cancelled")
async def test_a_server_cancels_runs_that_wait(folders: tuple[Path, Path]) -> None:
    runs = await waiting(folders, 2)
    async with served(folders[1]) as app:
        for body in ({"agent": "other"}, {"waiting_for": "gateway"}, {"older_than": 3600}):
            none = await request(app, "POST", "/runs/cancel", json=body)
            assert none.json() == {"count": 0, "run_ids": []}
        done = await request(
            app, "POST", "/runs/cancel", json={"waiting_for": "tool", "agent": "desk", "older_than": 0}
        )
        assert done.json() == {"count": 2, "run_ids": runs}
        for run in runs:
            while (await get(app, f"/runs/{run}"))["status"] != "cancelled":
                pass


@cell(
    "agent file",
    "in a pause",
    "`journeyman runs cancel --waiting` ends them without a server.",
    case="cancelled, no server",
)
async def test_the_command_line_cancels_them_without_a_server(folders: tuple[Path, Path]) -> None:
    [run] = await waiting(folders)
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{folders[0].parent / 'j.db'}")
    assert await cancel_in_journal(settings, {"agent": "other"}) == []
    assert await cancel_in_journal(settings, {"agent": "desk"}) == [run]
    async with served(folders[1]) as app:
        assert (await get(app, f"/runs/{run}"))["status"] == "cancelled"


async def test_the_command_line_cancels_one_run_without_a_server(folders: tuple[Path, Path]) -> None:
    [run] = await waiting(folders)
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{folders[0].parent / 'j.db'}")
    assert await cancel_in_journal(settings, {}, run) == [run]
    with pytest.raises(StateError):
        await cancel_in_journal(settings, {}, run)
