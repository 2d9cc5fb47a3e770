"""Requirement: a script has no cursor but the journal, whatever dies: each thread begins at the first turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from tests.harness.asgi_client import request
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.server_environment import ServerEnvironment

TURNS = """
- {text: first, delay_ms: 20}
- {text: second}
- {text: third}
"""
CHAT = "type: react_agent\nname: chat\nmodel: script:turns.yaml\n"
WORKER = CHAT.replace("chat", "scripted") + "tools: [look]\n"
LOOKS = """
- {tool_calls: [{name: look, arguments: {label: a}}]}
- {tool_calls: [{name: look, arguments: {label: b}}]}
- {text: both}
- {text: after}
"""
AGENTS = {"scripted": WORKER, "turns.yaml": LOOKS}


@asynccontextmanager
async def served(folder: Path, agent: str = CHAT, turns: str = TURNS) -> AsyncIterator[Any]:
    (folder / "agent.yaml").write_text(agent)
    (folder / "turns.yaml").write_text(turns)
    app = create_app(folder / "agent.yaml", database_url=f"sqlite:///{folder / 'j.db'}")
    yield app
    await app.stop()


async def say(app: Any, thread: str, text: str = "hi") -> dict[str, Any]:
    answer = await request(app, "POST", "/process", json={"user_input": text, "thread_id": thread})
    assert answer.status == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def events(app: Any, run: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    listed = await request(app, "GET", f"/runs/{run['run_id']}/events", headers={"accept": "application/json"})
    return [event["data"] for event in listed.json()["items"] if event["type"] == kind]


async def test_two_threads_at_once_each_begin_at_the_first_turn(tmp_path: Path) -> None:
    async with served(tmp_path) as app:
        both = await asyncio.gather(*(say(app, name) for name in "ab"))
        assert [run["response"] for run in both] == ["first", "first"]
        assert [(await say(app, name))["response"] for name in "abb"] == ["second", "second", "third"]


async def test_a_restart_goes_on_with_the_next_turn(tmp_path: Path) -> None:
    said = []
    for _ in range(3):
        async with served(tmp_path) as app:
            run = await say(app, "a")
            said.append(run["response"])
            (replied,) = await events(app, run, "model_replied")
            assert replied["turn"] == {"script": replied["model"], "number": len(said)}
    assert said == ["first", "second", "third"]
    async with served(tmp_path) as app:
        assert (await say(app, "b"))["response"] == "first"
        run = await say(app, "a", "once more")
        assert (run["status"], run["error"]["code"]) == ("failed", "script_exhausted")
        assert "no turn left in this thread that fits 'once more': it has 3 turns" in run["error"]["message"]


async def test_a_failure_takes_its_turn_and_a_turn_waits_for_its_text(tmp_path: Path) -> None:
    turns = "- {error: auth}\n- {when: late, text: at last}\n- {text: early}\n"
    async with served(tmp_path, turns=turns) as app:
        answer = await request(app, "POST", "/process", json={"user_input": "hi", "thread_id": "a"})
        assert answer.json()["code"] == "gateway_auth"
        (event,) = await events(app, answer.json(), "model_failed")
        assert event["turn"]["number"] == 1
    async with served(tmp_path, turns=turns) as app:
        assert (await say(app, "a"))["response"] == "early"
        assert (await say(app, "a", "late"))["response"] == "at last"


async def test_a_fork_goes_on_after_the_turns_that_its_parents_thread_had_used(tmp_path: Path) -> None:
    async with served(tmp_path) as app:
        await say(app, "a")
        second = await say(app, "a")
        forked = await request(app, "POST", f"/runs/{second['run_id']}/fork", json={"at": 2})
        run = forked.json()["run_id"]
        async with asyncio.timeout(5):
            while (shown := (await request(app, "GET", f"/runs/{run}")).json())["status"] != "finished":
                await asyncio.sleep(0.01)
        assert shown["response"] == "second"


async def test_a_recording_is_counted_in_the_same_way(tmp_path: Path) -> None:
    async with served(tmp_path) as app:
        recorded = await say(app, "a")
    agent = CHAT.replace("script:turns.yaml", f"replay:{recorded['run_id']}")
    async with served(tmp_path, agent) as app:
        both = [await say(app, name) for name in "bc"]
        assert [run["response"] for run in both] == ["first", "first"]
    async with served(tmp_path, agent) as app:
        assert (await say(app, "c"))["error"]["code"] == "replay_exhausted"


async def scenario(env: ServerEnvironment, marker: str) -> None:
    said = []
    for text in ("look", "and then"):
        body = {"user_input": text, "agent": "scripted", "thread_id": f"t-{marker}"}
        run = (await env.client.post("/process", body, f"{marker}-{text}")).must(200, 202)
        ended = await env.settle(run["run_id"])
        said.append((ended["status"], ended["response"]))
        replied = [one["data"] for one in await env.client.events(run["run_id"]) if one["type"] == "model_replied"]
        assert [one["turn"]["number"] for one in replied] == ([1, 2, 3] if text == "look" else [4])
    assert said == [("finished", "both"), ("finished", "after")]


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario, AGENTS)


@pytest.mark.timeout(90)
async def test_a_kill_at_two_commits_goes_on_with_the_next_turn(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 2, AGENTS)


@pytest.mark.long
async def test_a_kill_at_every_commit_goes_on_with_the_next_turn(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None, AGENTS)
