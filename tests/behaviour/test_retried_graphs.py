"""Requirement: a graph that failed goes on from the step that failed, its finished nodes and children stay done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journeyman import create_app
from tests.harness.asgi_client import request

GRAPH = """
type: custom_react_agent
name: main
model: script:turns.yaml
graph:
  start: draft
  nodes:
    draft: {type: llm}
    ask: {type: agent, agent: helper}
    polish: {type: llm}
  edges:
    - {from: draft, to: ask}
    - {from: ask, to: polish}
    - {from: polish, to: end}
"""
HELPER = "type: react_agent\nname: helper\nmodel: script:helper.yaml\n"


@asynccontextmanager
async def served(folder: Path, turns: str, helper: str) -> AsyncIterator[Any]:
    agents = folder / "agents"
    agents.mkdir()
    (agents / "main.yaml").write_text(GRAPH)
    (agents / "turns.yaml").write_text(turns)
    (agents / "helper.yaml").write_text(HELPER.replace("helper.yaml", "h.turns"))
    (agents / "h.turns").write_text(helper)
    app = create_app(agents, database_url=f"sqlite:///{folder / 'j.db'}")
    yield app
    await app.stop()


async def failed_run(app: Any) -> str:
    answer = await request(app, "POST", "/process", json={"user_input": "go", "agent": "main", "thread_id": "t"})
    assert answer.json()["code"] == "gateway_auth", answer.text
    run: str = answer.json()["run_id"]
    return run


async def retried(app: Any, run: str) -> dict[str, Any]:
    again = (await request(app, "POST", f"/runs/{run}/retry")).json()
    async with asyncio.timeout(5):
        while (shown := (await request(app, "GET", f"/runs/{again['run_id']}")).json())["status"] == "running":
            await asyncio.sleep(0.01)
    result: dict[str, Any] = shown
    return result


async def test_a_node_that_failed_is_done_again_and_its_run_replays(tmp_path: Path) -> None:
    turns = "- {text: draft}\n- {error: auth}\n- {text: polished}\n"
    async with served(tmp_path, turns, "- {text: helped}\n") as app:
        run = await failed_run(app)
        shown = await retried(app, run)
        assert (shown["status"], shown["response"], shown["retried_from"]) == ("finished", "polished", run)
        children = (await request(app, "GET", "/runs?agent=helper")).json()["items"]
        assert len(children) == 1, "the child that ended is not run again"
        (child,) = children
        refused = await request(app, "POST", f"/runs/{child['run_id']}/retry")
        assert (refused.status, refused.json()["code"]) == (409, "not_retryable")


async def test_a_child_that_failed_is_run_again_by_the_retry_of_its_parent(tmp_path: Path) -> None:
    turns = "- {text: draft}\n- {text: polished}\n"
    async with served(tmp_path, turns, "- {when: never, text: x}\n- {error: auth}\n") as app:
        answer = await request(app, "POST", "/process", json={"user_input": "go", "agent": "main", "thread_id": "t"})
        run = answer.json()["run_id"]
        (child,) = (await request(app, "GET", "/runs?agent=helper")).json()["items"]
        refused = await request(app, "POST", f"/runs/{child['run_id']}/retry")
        assert refused.json()["code"] == "not_retryable"
        assert f"belongs to run {run}" in refused.json()["error"]
        await retried(app, run)
        children = (await request(app, "GET", "/runs?agent=helper")).json()["items"]
        assert len(children) == 2, "a child has its own thread, and so begins at the first turn of its script"
