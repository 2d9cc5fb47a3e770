"""Requirement: a run goes on under the definition that it began with, whose secrets are not in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request

AGENT = """\
type: react_agent
name: support
description: "First; ${SHOP_KEY} in it"
prompt: "The key is ${SHOP_KEY}, it costs $5."
model: script:turns.yaml
tools: [{name: get_username, approval: always}]
"""
CALLS = "- {tool_calls: [{name: get_username, arguments: {}}]}\n"
KEY, ROTATED = "cnry-first-0123456789", "cnry-rotated-0123456789"


async def served(folder: Path, *asks: tuple[str, str, Any]) -> list[Any]:
    """What one process answers; of events, all until the run's end."""
    app = App(Settings.read(env_file=None, database_url=f"sqlite:///{folder / 'j.db'}"), folder / "agent.yaml")
    try:
        found = []
        for method, path, body in asks:
            accept = "text/event-stream" if path.endswith("/events") else "application/json"
            answer = await request(app, method, path, json=body, headers={"accept": accept})
            found.append(answer.text if path.endswith("/events") else answer.json())
        return found
    finally:
        await app.stop()


async def paused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """A run that waits, under a definition that the file does not have any more."""
    monkeypatch.setenv("SHOP_KEY", KEY)
    (folder / "agent.yaml").write_text(AGENT)
    (folder / "turns.yaml").write_text(CALLS)
    [run] = await served(folder, ("POST", "/process", {"user_input": "hi"}))
    (folder / "agent.yaml").write_text(AGENT.replace("First; ${SHOP_KEY} in it", "Second").replace("${SHOP_KEY}", "x"))
    (folder / "turns.yaml").write_text(f"{CALLS}- {{text: 'It is {ROTATED}.'}}\n")
    answers = {"answers": [{"approval": run["approvals"][0]["approval"], "decision": "approve"}]}
    return run["run_id"], answers


async def test_it_goes_on_with_the_value_of_now_which_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = await paused(tmp_path, monkeypatch)
    monkeypatch.setenv("SHOP_KEY", ROTATED)
    _, events = await served(tmp_path, ("POST", f"/runs/{run}/resume", answers), ("GET", f"/runs/{run}/events", None))
    assert '"output":"It is [secret]."' in events
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("j.db*"))
    assert KEY.encode() not in stored
    assert ROTATED.encode() not in stored
    assert b"The key is ${SHOP_KEY}, it costs $$5." in stored


async def test_a_run_waits_for_a_variable_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, answers = await paused(tmp_path, monkeypatch)
    monkeypatch.delenv("SHOP_KEY")
    resume = ("POST", f"/runs/{run}/resume", answers)
    refused, after = await served(tmp_path, resume, ("GET", f"/runs/{run}", None))
    assert (refused["status"], refused["code"]) == (409, "agent_away"), refused
    assert (after["status"], len(after["approvals"])) == ("paused", 1)
    monkeypatch.setenv("SHOP_KEY", KEY)
    _, events = await served(tmp_path, resume, ("GET", f"/runs/{run}/events", None))
    assert "run_finished" in events
