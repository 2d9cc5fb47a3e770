"""Requirement: an argument that is marked `Sensitive` is masked wherever people look, and the tool gets it (SPEC 6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman import create_app
from journeyman.cli import main
from journeyman.server.serving.app import App
from tests.harness.asgi_client import request, stream
from tests.harness.root_logger import restored

PASSWORD = "correct horse battery"
TOOLS = '''
from typing import Annotated

from journeyman import Sensitive, tool


@tool(effects="once", approval="always")
async def login(user: str, password: Annotated[str, Sensitive]) -> str:
    """Log in.

    Args:
        user: Who.
        password: Theirs.
    """
    return f"{user} is in" if password == "correct horse battery" else "wrong"
'''
TURNS = f"""
- when: log in
  tool_calls: [{{name: login, arguments: {{user: ann, password: {PASSWORD}}}}}]
- when: is in
  text: Done.
"""


def app_in(folder: Path) -> App:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / "login.py").write_text(TOOLS)
    (folder / "turns.yaml").write_text(TURNS)
    (folder / "agent.yaml").write_text("type: react_agent\nname: door\nmodel: script:turns.yaml\ntools: [login]\n")
    return create_app(folder / "agent.yaml", database_url=f"sqlite:///{folder / 'journal.db'}", debug=True)


async def looked_at(app: App, run: str, thread: str) -> dict[str, str]:
    paths = (
        f"/runs/{run}",
        f"/runs/{run}/events",
        f"/runs/{run}/state",
        f"/threads/{thread}/messages",
        "/approvals",
        "/debug/state",
    )
    return {path: (await request(app, "GET", path)).text for path in paths}


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Commands set up logging for a process of their own."""
    with restored():
        yield


async def test_it_is_masked_wherever_people_look_and_the_tool_gets_it(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    quiet_logs: None,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'journal.db'}")
    app = app_in(tmp_path)
    begun = (await request(app, "POST", "/process", json={"user_input": "log in", "thread_id": "t"})).json()
    shown = await looked_at(app, begun["run_id"], "t")
    approval = begun["approvals"][0]
    assert approval["arguments"] == {"user": "ann", "password": "[sensitive]"}
    await app.stop()

    app = app_in(tmp_path)  # after a restart the journal is all that knows it
    answer = {"answers": [{"approval": approval["approval"], "decision": "approve"}]}
    await request(app, "POST", f"/runs/{begun['run_id']}/resume", json=answer)
    async with stream(app, "GET", f"/runs/{begun['run_id']}/events", headers={"accept": "text/event-stream"}) as events:
        frames = [frame async for frame in events.frames()]
    shown |= {f"{path} at its end": text for path, text in (await looked_at(app, begun["run_id"], "t")).items()}
    direct = {"tool_name": "login", "arguments": {"user": "bob", "password": PASSWORD}}
    called = (await request(app, "POST", "/execute_tool", json=direct)).json()
    shown["direct"] = (await request(app, "GET", f"/runs/{called['run_id']}/events")).text
    await app.stop()

    results = [frame["data"]["data"]["result"] for frame in frames if frame["event"] == "tool_call_finished"]
    assert results == ["ann is in"]
    for command in (["runs", "events", begun["run_id"]], ["runs", "show", begun["run_id"]], ["approvals", "list"]):
        assert await asyncio.to_thread(main, [*command, "--json"]) == 0
    shown |= {
        "stream": repr(frames),
        "log": repr([vars(record) for record in caplog.records]),
        "commands": capsys.readouterr().out,
    }
    assert {place for place, text in shown.items() if PASSWORD in text} == set()
    assert {place for place, text in shown.items() if "[sensitive]" in text} >= {
        f"/runs/{begun['run_id']}/events", f"/runs/{begun['run_id']}/state", "/threads/t/messages", "/approvals",
        "stream", "log", "commands", "direct",
    }  # fmt: skip
