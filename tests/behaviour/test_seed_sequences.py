"""Requirement: each arrow of the two sequence diagrams of the document that the project began with.

One server with a gateway and a price list, both on real sockets; four requests; a test for each arrow.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman import create_app
from tests.harness.asgi_client import Answer, request

AGENT = """\
type: react_agent
name: shop
prompt: You tell prices.
model: any-model
tools: [price]
services:
  list: {{match: "{url}", retries: 2}}
"""
TOOL = '''\
from __future__ import annotations

from journeyman import ToolContext, tool


@tool(effects="none")
async def price(item: str, ctx: ToolContext) -> dict:
    """The price of an item.

    Args:
        item: What it is called.
    """
    reply = await ctx.http.get(f"{url}/prices/{{item}}")
    return reply.raise_for_status().json()
'''


@dataclass
class Outside:
    """The external services: a model that asks for the tool that the user names, and a price list."""

    asked: list[dict[str, Any]] = field(default_factory=list)  # of the model
    looked_up: list[str] = field(default_factory=list)

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        last = body["messages"][-1]
        message: dict[str, Any] = {"role": "assistant", "content": f"It says {last['content']}"}
        if last["role"] == "user":
            tool, _, arguments = last["content"].partition(" ")
            call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": arguments}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return web.json_response({"model": "any-model", "choices": [{"message": message, "finish_reason": "stop"}]})

    async def price(self, request: web.Request) -> web.Response:
        item = request.match_info["item"]
        self.looked_up.append(item)
        if item == "flaky" and self.looked_up.count(item) == 1:
            return web.Response(status=503)
        return web.json_response({"item": item, "price": 4})


@dataclass
class Story:
    """What was asked, answered, recorded and counted."""

    outside: Outside
    refused: Answer
    answers: dict[str, Answer]
    events: dict[str, list[dict[str, Any]]]
    agent: dict[str, Any]
    metrics: dict[str, Any]

    def step(self, name: str, type: str) -> dict[str, Any]:
        """The data of the first event of this type in the run."""
        data: dict[str, Any] = next(event["data"] for event in self.events[name] if event["type"] == type)
        return data

    def types(self, name: str) -> list[str]:
        return [event["type"] for event in self.events[name]]


INPUTS = {
    "good": 'price {"item": "tea"}',
    "flaky": 'price {"item": "flaky"}',
    "invalid": 'price {"item": {}}',
    "missing": 'discount {"item": "tea"}',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    folder, outside = tmp_path_factory.mktemp("seed"), Outside()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", outside.complete)
    application.router.add_get("/prices/{item}", outside.price)
    async with TestServer(application) as server:
        url = str(server.make_url("/")).rstrip("/")
        _write(folder, url)
        app = create_app(folder / "agent.yaml", database_url="memory://", litellm_gateway_url=f"{url}/v1")
        yield await _tell(app, outside)
        await app.stop()


def _write(folder: Path, url: str) -> None:
    (folder / "tools").mkdir()
    (folder / "agent.yaml").write_text(AGENT.format(url=url))
    (folder / "tools/prices.py").write_text(TOOL.format(url=url))


async def _tell(app: Any, outside: Outside) -> Story:
    refused = await request(app, "POST", "/process", json={"user_input": 5})
    answers = {
        name: await request(app, "POST", "/process", json={"user_input": text, "thread_id": name})
        for name, text in INPUTS.items()
    }
    events = {}
    for name, answer in answers.items():
        page = await request(app, "GET", f"/runs/{answer.json()['run_id']}/events")
        events[name] = page.json()["items"]
    agent = (await request(app, "GET", "/agents/shop")).json()
    tool = (await request(app, "GET", "/tools/price")).json()
    return Story(outside, refused, answers, events, agent, tool["metrics"])


# --- request processing


def test_client_to_fastapi_http_request(story: Story) -> None:
    assert {name: answer.status for name, answer in story.answers.items()} == dict.fromkeys(INPUTS, 200)


def test_fastapi_to_validator_validate_request(story: Story) -> None:
    assert story.refused.status == 422


def test_validator_to_fastapi_validation_result(story: Story) -> None:
    assert "user_input" in story.refused.json()["error"]
    assert story.refused.headers["content-type"] == "application/problem+json"


def test_fastapi_to_agent_factory_create_agent(story: Story) -> None:
    assert (story.agent["type"], story.agent["name"]) == ("react_agent", "shop")


def test_agent_factory_to_tool_registry_get_tools(story: Story) -> None:
    assert [tool["name"] for tool in story.agent["tools"]] == ["price"]


def test_tool_registry_to_agent_factory_tool_collection(story: Story) -> None:
    [tool] = story.agent["tools"]
    assert tool["parameters"]["properties"]["item"]["type"] == "string"


def test_agent_factory_to_state_manager_initialize_state(story: Story) -> None:
    assert story.types("good")[:2] == ["run_accepted", "run_started"]
    assert story.step("good", "run_accepted")["version"] == story.agent["version"]


def test_state_manager_to_agent_factory_state_instance(story: Story) -> None:
    accepted = story.step("good", "run_accepted")
    assert accepted["input"]["content"] == [{"type": "text", "text": INPUTS["good"]}]


def test_agent_factory_to_agent_initialize(story: Story) -> None:
    assert story.outside.asked[0]["messages"][0] == {"role": "system", "content": "You tell prices."}


def test_agent_to_tool_registry_register_tools(story: Story) -> None:
    [offered] = story.outside.asked[0]["tools"]
    assert offered["function"]["name"] == "price"


def test_tool_registry_to_agent_registration_complete(story: Story) -> None:
    [offered] = story.outside.asked[0]["tools"]
    assert offered["function"]["parameters"]["required"] == ["item"]


def test_agent_to_external_service_process_request(story: Story) -> None:
    assert [body["messages"][-1]["role"] for body in story.outside.asked[:2]] == ["user", "tool"]


def test_external_service_to_agent_service_response(story: Story) -> None:
    assert story.step("good", "model_replied")["message"]["tool_calls"][0]["name"] == "price"


def test_agent_to_state_manager_update_state(story: Story) -> None:
    assert story.types("good")[2:] == [
        "model_called",
        "model_replied",
        "tool_call_started",
        "tool_call_finished",
        "model_called",
        "model_replied",
        "run_finished",
    ]


def test_state_manager_to_agent_state_updated(story: Story) -> None:
    said = [message["role"] for message in story.outside.asked[1]["messages"]]
    assert said == ["system", "user", "assistant", "tool"]


def test_agent_to_fastapi_process_complete(story: Story) -> None:
    assert story.step("good", "run_finished")["output"] == story.answers["good"].json()["response"]


def test_fastapi_to_client_http_response(story: Story) -> None:
    answer = story.answers["good"].json()
    assert (answer["status"], answer["thread_id"]) == ("finished", "good")
    assert '"price":4' in answer["response"]


# --- tool execution


def test_agent_to_tool_registry_request_tool(story: Story) -> None:
    asked = story.step("good", "model_replied")["message"]["tool_calls"][0]
    assert (asked["name"], json.loads(asked["arguments"])) == ("price", {"item": "tea"})


def test_tool_registry_to_metrics_collector_record_tool_request(story: Story) -> None:
    assert story.metrics["requested"] == 3, "tea, flaky, and the one with invalid arguments"


def test_tool_registry_to_tool_validate_arguments(story: Story) -> None:
    assert story.step("good", "tool_call_started")["arguments"] == {"item": "tea"}


def test_tool_to_external_service_execute_api_call(story: Story) -> None:
    assert story.outside.looked_up[0] == "tea"


def test_external_service_to_tool_success_response(story: Story) -> None:
    assert json.loads(story.step("good", "tool_call_finished")["result"]) == {"item": "tea", "price": 4}


def test_tool_to_tool_format_response(story: Story) -> None:
    assert story.step("good", "tool_call_finished")["result"] == '{"item":"tea","price":4}', "compact JSON"


def test_tool_to_tool_registry_return_result(story: Story) -> None:
    finished = story.step("good", "tool_call_finished")
    assert (finished["tool"], finished["attempts"], "error" in finished) == ("price", 1, False)


def test_tool_registry_to_metrics_collector_record_success(story: Story) -> None:
    assert (story.metrics["calls"], story.metrics["errors"]) == (2, 0)


def test_tool_registry_to_agent_return_formatted_result(story: Story) -> None:
    assert story.outside.asked[1]["messages"][-1]["content"] == '{"item":"tea","price":4}'


def test_external_service_to_tool_error_response(story: Story) -> None:
    assert story.outside.looked_up.count("flaky") == 2, "the first was answered 503"


def test_tool_to_error_handler_handle_error(story: Story) -> None:
    assert "tool_call_finished" in story.types("flaky")
    assert "error" not in story.step("flaky", "tool_call_finished")


def test_error_handler_to_tool_retry_decision(story: Story) -> None:
    assert story.step("flaky", "tool_call_finished")["attempts"] == 1, (
        "the guard of the service tried again, not the tool"
    )


def test_tool_to_external_service_retry_api_call(story: Story) -> None:
    assert json.loads(story.step("flaky", "tool_call_finished")["result"])["item"] == "flaky"


def test_tool_to_error_handler_report_validation_error(story: Story) -> None:
    assert story.step("invalid", "tool_call_finished")["error"]["code"] == "invalid_arguments"
    assert "tool_call_started" not in story.types("invalid")


def test_error_handler_to_tool_registry_return_error(story: Story) -> None:
    assert story.metrics["invalid"] == 1


def test_tool_registry_to_agent_return_error_response(story: Story) -> None:
    assert "invalid_arguments" in story.answers["invalid"].json()["response"], "the model read it and the run went on"


def test_tool_registry_to_error_handler_report_missing_tool(story: Story) -> None:
    assert story.step("missing", "tool_call_finished")["error"]["code"] == "tool_not_found"


def test_error_handler_to_agent_return_error_response(story: Story) -> None:
    assert "There is no tool" in story.answers["missing"].json()["response"]


def test_metrics_collector_to_metrics_collector_update_statistics(story: Story) -> None:
    assert story.metrics["error_rate"] == 0.0
    assert 0 < story.metrics["average_duration"] < 5
    assert story.metrics["p95"] >= story.metrics["p50"] > 0
