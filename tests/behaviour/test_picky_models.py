"""Requirement: models that refuse or ignore parts of a request work as they are, typed answers included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.picky_gateway import Body, PickyGateway

FILE = """
type: react_agent
name: picky
model: {name: m, temperature: 0.2, max_tokens: 50}
"""
TYPED = "output: {schema: {type: object, required: [number], properties: {number: {type: integer}}}MORE}\n"
ANSWER = '{"number": 42}'


@asynccontextmanager
async def served(folder: Path, gateway: PickyGateway, more: str = "") -> AsyncIterator[App]:
    (folder / "agent.yaml").write_text(FILE + more)
    settings = Settings.read(database_url="memory://", debug=True, litellm_gateway_url=gateway.url, max_retries=0)
    app = App(settings, folder / "agent.yaml")
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def asked(app: App) -> dict[str, Any]:
    answer = (await request(app, "POST", "/process", json={"user_input": "Which number?"})).json()
    assert isinstance(answer, dict)
    return answer


async def learned(app: App) -> list[dict[str, Any]]:
    page = (await request(app, "GET", "/debug/services")).json()
    items: list[dict[str, Any]] = page["learned"]
    return items


async def test_what_a_model_refuses_is_learned_shown_and_forgotten_at_a_reload(tmp_path: Path) -> None:
    async with PickyGateway(("temperature",)) as gateway, served(tmp_path, gateway) as app:
        assert await learned(app) == []
        assert [(await asked(app))["response"] for _ in range(2)] == ["hello", "hello"]
        assert len(gateway.bodies) == 3
        assert await learned(app) == [
            {
                "gateway": "",
                "model": "m",
                "dropped": ["temperature"],
                "max_completion_tokens": False,
                "without_opaque": [],
                "empty_content": False,
                "responses": False,
            }
        ]
        assert (await request(app, "POST", "/reload", json={})).status == 200
        assert await learned(app) == []


async def test_a_parameter_of_the_user_is_named_in_the_problem(tmp_path: Path) -> None:
    async with PickyGateway(("seed",)) as gateway, served(tmp_path, gateway) as app:
        pass
    text = (tmp_path / "agent.yaml").read_text().replace("max_tokens: 50", "extra: {seed: 1}")
    (tmp_path / "agent.yaml").write_text(text)
    async with PickyGateway(("seed",)) as gateway:
        settings = Settings.read(database_url="memory://", litellm_gateway_url=gateway.url)
        app = App(settings, tmp_path / "agent.yaml")
        await app.start()
        problem = await request(app, "POST", "/process", json={"user_input": "hi"})
        await app.stop()
    assert (problem.status, problem.json()["code"], len(gateway.bodies)) == (502, "gateway_bad_parameter", 1)
    assert "`seed`" in problem.json()["error"]


def told(body: Body) -> str:
    """Answer with JSON only if the messages hold the schema."""
    return ANSWER if '"required":["number"]' in json.dumps(body["messages"]).replace(r"\"", '"') else "It is 42."


async def test_a_typed_answer_where_response_format_is_ignored(tmp_path: Path) -> None:
    async with PickyGateway(answer=told) as gateway, served(tmp_path, gateway, TYPED.replace("MORE", "")) as app:
        answer = await asked(app)
    assert (answer["status"], answer["response"]) == ("finished", ANSWER)
    assert [body["response_format"]["type"] for body in gateway.bodies] == ["json_schema"] * 2


async def test_a_typed_answer_where_response_format_is_refused(tmp_path: Path) -> None:
    typed = TYPED.replace("MORE", "")
    async with PickyGateway(("response_format",), told) as gateway, served(tmp_path, gateway, typed) as app:
        answer = await asked(app)
    assert (answer["status"], answer["response"]) == ("finished", ANSWER)
    assert len(gateway.bodies) == 2


MODES = [("schema", "json_schema", False), ("json", "json_object", True), ("prompt", None, True)]


@pytest.mark.parametrize(("mode", "response_format", "in_prompt"), MODES)
async def test_how_the_model_is_told(tmp_path: Path, mode: str, response_format: str | None, in_prompt: bool) -> None:
    typed = TYPED.replace("MORE", f", mode: {mode}")
    answers = f"<think>hm</think>\n```json\n{ANSWER}\n```"
    async with PickyGateway(answer=lambda _: answers) as gateway, served(tmp_path, gateway, typed) as app:
        answer = await asked(app)
    [body] = gateway.bodies
    assert answer["response"] == ANSWER
    assert body.get("response_format", {}).get("type") == response_format
    assert (told(body) == ANSWER) is in_prompt


@pytest.mark.parametrize("more", [", retries: 0", ", mode: prompt, retries: 0"])
async def test_without_a_second_request_the_prompt_has_the_schema(tmp_path: Path, more: str) -> None:
    async with PickyGateway(answer=told) as gateway, served(tmp_path, gateway, TYPED.replace("MORE", more)) as app:
        assert (await asked(app))["response"] == ANSWER
    assert len(gateway.bodies) == 1
