"""Scenario: a run fails, the reason is gone, and a retry goes on from there, whatever dies meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.server_environment import ServerEnvironment

AGENTS = {
    "desk": "type: react_agent\nname: desk\nmodel: script:turns.yaml\ntools: [look]\n",
    "turns.yaml": """
- {tool_calls: [{name: look, arguments: {label: a}}]}
- {error: auth}
- {text: It is there.}
""",
}


async def _post(env: ServerEnvironment, path: str, body: Any, key: str) -> dict[str, Any]:
    answer = await env.client.post(path, body, key)
    run: dict[str, Any] = answer.must(200, 202, 502)
    return run


async def scenario(env: ServerEnvironment, marker: str) -> None:
    body = {"user_input": "look", "agent": "desk", "thread_id": f"t-{marker}"}
    failed = await _post(env, "/process", body, f"{marker}-start")
    assert (await env.settle(failed["run_id"]))["status"] == "failed"
    before = await env.client.events(failed["run_id"])
    retried = await _post(env, f"/runs/{failed['run_id']}/retry", None, f"{marker}-retry")
    ended = await env.settle(retried["run_id"])
    assert (ended["status"], ended["response"]) == ("finished", "It is there.")
    assert (ended["retried_from"], ended["thread_id"]) == (failed["run_id"], f"t-{marker}")
    assert await env.client.events(failed["run_id"]) == before
    events = await env.client.events(ended["run_id"])
    assert sum(event["type"] == "tool_call_finished" for event in events) == 1
    refused = await env.client.post(f"/runs/{failed['run_id']}/retry", None, f"{marker}-again")
    assert (refused.status, refused.body["code"]) == (409, "thread_moved_on")


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario, AGENTS)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_two_commits(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 2, AGENTS)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None, AGENTS)
