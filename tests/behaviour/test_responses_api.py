"""Requirement: a model that wants the Responses API is called by it, over a whole thread, and shown as learned."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from journeyman.clock import ManualClock
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.fake.server import fake_llm_app
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.unit.llm.fake.test_server import fetch

FILE = """
type: react_agent
name: helper
model: {name: m, extra: {reasoning_effort: low}MORE}
tools: [add]
"""
TOOL = '''
from journeyman import tool


@tool(effects="none")
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
'''
WANTED = {
    "error": {
        "message": "Function tools with reasoning_effort are not supported for m in /v1/chat/completions. "
        "Please use /v1/responses instead.",
        "param": "reasoning_effort",
    }
}
CALL = {"tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}


@asynccontextmanager
async def responses_gateway(turns: list[dict[str, Any]], sent: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Serve a script as OpenAI's current models do: by the Responses API only. `sent` gets the bodies of requests."""
    fake = fake_llm_app(ScriptedModel(turns), clock=ManualClock())

    async def answer(asked: web.Request) -> web.Response:
        body = await asked.read()
        sent.append(json.loads(body))
        if asked.path == "/chat/completions":
            return web.json_response(WANTED, status=400)
        reply = await fetch(fake, "POST", asked.path, body)
        content = b"".join(piece for piece in reply.body if isinstance(piece, bytes))
        return web.Response(body=content, status=reply.status, headers=dict(reply.headers))

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def served(folder: Path, url: str, more: str = "") -> AsyncIterator[App]:
    (folder / "agent.yaml").write_text(FILE.replace("MORE", more))
    (folder / "tools").mkdir()
    (folder / "tools" / "add.py").write_text(TOOL)
    settings = Settings.read(database_url="memory://", debug=True, litellm_gateway_url=url, max_retries=0)
    app = App(settings, folder / "agent.yaml")
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def ask(app: App, text: str) -> Any:
    body = {"user_input": text, "thread_id": "t"}
    return (await request(app, "POST", "/process", json=body)).json()


@pytest.mark.parametrize(("more", "refused"), [("", 1), (", api: responses", 0)])
async def test_a_thread_with_tools_and_reasoning(tmp_path: Path, more: str, refused: int) -> None:
    sent: list[dict[str, Any]] = []
    turns = [CALL, {"when": "3", "text": "It is 3."}, {"when": "again", "text": "Still 3."}]
    async with responses_gateway(turns, sent) as url, served(tmp_path, url, more) as app:
        assert (await ask(app, "Add 1 and 2."))["response"] == "It is 3."
        assert (await ask(app, "And again?"))["response"] == "Still 3."
        learned = (await request(app, "GET", "/debug/services")).json()["learned"]
    assert [each["responses"] for each in learned] == [True] * refused
    assert sum("messages" in body for body in sent) == refused
    bodies = [body for body in sent if "input" in body]
    assert [body["reasoning"] for body in bodies] == [{"effort": "low"}] * 3
    assert all(after["input"][: len(before["input"])] == before["input"] for before, after in pairwise(bodies))
    assert [item.get("type", item.get("role")) for item in bodies[-1]["input"]] == [
        "user",
        "reasoning",
        "function_call",
        "function_call_output",
        "reasoning",
        "message",
        "user",
    ]


async def test_an_api_that_is_set_is_kept(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    async with responses_gateway([], sent) as url, served(tmp_path, url, ", api: chat") as app:
        problem = await ask(app, "Add 1 and 2.")
    assert (problem["code"], len(sent)) == ("gateway_bad_parameter", 1)
