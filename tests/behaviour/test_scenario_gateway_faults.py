"""What the gateway may do wrong, and what a caller sees of it: one documented outcome each."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.harness.scripted_replies import Step, reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.sse_client import process

_RETRIES = 1
_BILLED = 2 * (1 + _RETRIES)  # calls that may have been billed: once more after a wait
_OK = "It went well in the end."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerEnvironment]:
    settings = {"MAX_RETRIES": str(_RETRIES), "TIMEOUT_SECONDS": "1"}
    async with server_environment(tmp_path_factory.mktemp("faults"), settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fresh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerEnvironment]:
    """A separate server for what must be tried again: the retry budget is not spent by the other cases."""
    settings = {"MAX_RETRIES": str(_RETRIES), "TIMEOUT_SECONDS": "1"}
    async with server_environment(tmp_path_factory.mktemp("passing"), settings) as running:
        yield running


pytestmark = pytest.mark.asyncio(loop_scope="module")


def _code(body: dict[str, Any]) -> str:
    error = body.get("error")
    return str(error["code"] if isinstance(error, dict) else body["code"])


_DEAD: list[tuple[str, dict[str, Any], int, str, int]] = [
    ("refused", {"fault": 401}, 502, "gateway_auth", 1),
    ("forbidden", {"fault": 403}, 502, "gateway_auth", 1),
    ("broken", {"fault": 500}, 502, "gateway_error", 1 + _RETRIES),
    ("silent", {"fault": "hang"}, 504, "gateway_timeout", _BILLED),
    ("garbled", {"fault": "garbage"}, 502, "gateway_bad_reply", 1 + _RETRIES),
    ("empty", {"fault": "empty_choices"}, 502, "gateway_bad_reply", 1 + _RETRIES),
    ("cut", {"fault": "cut"}, 502, "gateway_cut_stream", _BILLED),
]


@pytest.mark.parametrize(("name", "step", "status", "code", "calls"), _DEAD, ids=[case[0] for case in _DEAD])
async def test_a_gateway_that_stays_bad(
    env: ServerEnvironment, name: str, step: dict[str, Any], status: int, code: str, calls: int
) -> None:
    """The answer says whose fault it is and which run failed; the thread can be used again."""
    body = {"user_input": reply_script(name, {**step, "then": _OK}), "agent": "worker", "thread_id": name}
    answer = await env.client.post("/process", body)
    assert (answer.status, _code(answer.body)) == (status, code), answer.body
    assert env.gateway.calls[name, 1] <= calls
    assert (await env.client.run(answer.body["run_id"]))["status"] == "failed"
    events = await env.client.events(answer.body["run_id"])
    assert events[-1]["type"] == "run_failed"
    assert events[-1]["data"]["error"]["code"] == code
    assert "sk-test" not in json.dumps([answer.body, events])
    again = await env.client.post("/process", {**body, "user_input": reply_script(f"{name}-2", _OK)})
    assert again.must(200)["response"] == _OK
    assert env.gateway.refused == []


@pytest.mark.parametrize(("name", "step", "status", "code", "calls"), _DEAD, ids=[case[0] for case in _DEAD])
async def test_the_same_while_somebody_watches(
    env: ServerEnvironment, name: str, step: dict[str, Any], status: int, code: str, calls: int
) -> None:
    name = f"{name}-streamed"
    body = {"user_input": reply_script(name, {**step, "then": _OK}), "agent": "worker", "thread_id": name}
    async with process(env.client, body) as stream:
        frames = [frame async for frame in stream.frames()]
    assert frames[-1].type == "run_failed"
    assert frames[-1].data["data"]["error"]["code"] == code
    assert env.gateway.calls[name, 1] <= calls


@pytest.mark.parametrize("step", [{"fault": 429, "headers": {"Retry-After": "60"}}, {"fault": 503}], ids=["429", "503"])
async def test_a_run_waits_for_a_gateway_that_takes_no_calls(tmp_path: Path, step: dict[str, Any]) -> None:
    settings = {"MAX_RETRIES": "0", "REQUEST_WAIT_SECONDS": "11"}
    async with server_environment(tmp_path, settings) as waiting:
        body = {"user_input": reply_script("limited", {**step, "then": _OK}), "agent": "worker"}
        answer = await waiting.client.post("/process", body)
        assert answer.status == 202, answer.body
        run = await waiting.client.run(answer.body["run_id"])
        assert (run["status"], run["waiting_for"]) in (("paused", "gateway"), ("running", None))
        assert run["error"] is None


_PASSING: list[tuple[str, dict[str, Any]]] = [
    ("limited", {"fault": 429, "headers": {"Retry-After": "1"}}),
    ("broken", {"fault": 500}),
    ("unavailable", {"fault": 503}),
    ("silent", {"fault": "hang"}),
    ("cut", {"fault": "cut"}),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("name", "step"), _PASSING, ids=[case[0] for case in _PASSING])
async def test_a_fault_that_passes_is_tried_again(
    fresh: ServerEnvironment, name: str, step: dict[str, Any], streamed: bool
) -> None:
    name = f"passing-{name}-{streamed}"
    body = {"user_input": reply_script(name, {**step, "times": 1, "then": _OK}), "agent": "worker"}
    begin = time.monotonic()
    if streamed:
        async with process(fresh.client, body) as stream:
            frames = [frame async for frame in stream.frames()]
        assert frames[-1].type == "run_finished", frames[-1]
        assert frames[-1].data["data"]["output"] == _OK
    else:
        assert (await fresh.client.post("/process", body)).must(200)["response"] == _OK
    assert fresh.gateway.calls[name, 1] == 2
    if step["fault"] == 429:
        assert time.monotonic() - begin >= 1, "Retry-After was not kept"


def _call(name: str, arguments: str, id: str = "c1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


_ODD: list[tuple[str, dict[str, Any], list[str | None]]] = [
    ("wrong_name", {"tool_calls": [_call("no_such_tool", "{}")]}, ["tool_not_found"]),
    ("not_json", {"tool_calls": [_call("put", '{"label": ')]}, ["invalid_arguments"]),
    ("not_an_object", {"tool_calls": [_call("put", '["label"]')]}, ["invalid_arguments"]),
    ("wrong_type", {"tool_calls": [_call("put", '{"label": {"a": 1}}')]}, ["invalid_arguments"]),
    (
        "one_id_twice",
        {"tool_calls": [_call("look", '{"label": "twice-a"}'), _call("put", '{"label": "twice-b"}')]},
        [None, None],
    ),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("name", "reply", "codes"), _ODD, ids=[case[0] for case in _ODD])
async def test_an_odd_reply_is_answered_and_the_run_goes_on(
    env: ServerEnvironment, name: str, reply: dict[str, Any], codes: list[str | None], streamed: bool
) -> None:
    name = f"{name}-{streamed}"
    step: Step = {"reply": reply}
    body = {"user_input": reply_script(name, step, _OK), "agent": "worker", "thread_id": name}
    if streamed:
        async with process(env.client, body) as stream:
            frames = [frame async for frame in stream.frames()]
        assert frames[-1].type == "run_finished", frames[-1]
        run = frames[-1].data["run_id"]
    else:
        answer = (await env.client.post("/process", body)).must(200)
        assert (answer["status"], answer["response"]) == ("finished", _OK), answer
        run = answer["run_id"]
    ends = [e["data"] for e in await env.client.events(run) if e["type"] == "tool_call_finished"]
    assert [(end.get("error") or {}).get("code") for end in ends] == codes
    assert len({end["call_id"] for end in ends}) == len(ends), "two calls share an id"
    assert env.gateway.refused == []


async def test_a_gateway_that_is_not_there(env: ServerEnvironment, tmp_path: Path) -> None:
    async with server_environment(tmp_path, {"LITELLM_GATEWAY_URL": "http://127.0.0.1:9", "MAX_RETRIES": "0"}) as other:
        answer = await other.client.post("/process", {"user_input": "Anybody?", "agent": "worker"})
        assert (answer.status, _code(answer.body)) == (502, "gateway_unreachable"), answer.body
        assert (await other.client.run(answer.body["run_id"]))["status"] == "failed"
