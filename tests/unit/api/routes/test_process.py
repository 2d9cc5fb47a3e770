"""POST /process and POST /execute_tool."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.events.messages import FilePart, ImagePart
from journeyman.runtime.engine.frames import Delta, Progress, Reconnect, Snapshot
from tests.harness.asgi_client import abandon, request, stream
from tests.harness.fake_use_cases import FakeRuns, make_ports

SSE = {"accept": "text/event-stream"}


async def process(app: Any, text: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    return await request(app, "POST", "/process", json={"user_input": text, **fields}, headers=headers)


async def test_the_answer() -> None:
    ports = make_ports()
    answer = await process(build_app(ports), "hi", thread_id="t-1", context={"a": 1}, multitask="reject")
    assert answer.status == 200
    assert answer.json() == {
        "run_id": "run_1",
        "thread_id": "t-1",
        "agent": "support",
        "status": "finished",
        "response": "echo: hi",
        "model": "offline",
        "usage": {"input_tokens": 3, "output_tokens": 4, "cached_tokens": 0, "cost_usd": None},
    }
    assert (answer.headers["x-run-id"], answer.headers["x-thread-id"]) == ("run_1", "t-1")
    asked = ports.runs.inputs["run_1"]  # type: ignore[attr-defined]
    assert (asked.context, asked.multitask, asked.stream, asked.origin.request_id) == (
        {"a": 1}, "reject", False, answer.headers["x-request-id"],
    )  # fmt: skip


async def test_a_message_may_have_parts() -> None:
    ports = make_ports()
    app = build_app(ports)
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    answer = await request(app, "POST", "/process", json={"user_input": parts})
    assert answer.json()["response"] == "echo: ab"
    seen = [{"type": "image", "file": "file_1"}, {"type": "file", "url": "data:,x", "name": "x"}]
    assert (await request(app, "POST", "/process", json={"user_input": seen})).status == 200
    given = ports.runs.inputs["run_2"].input.content  # type: ignore[attr-defined]
    assert given == (ImagePart(file="file_1"), FilePart("data:,x", "x"))


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("fail:gateway_unreachable", 502, "gateway_unreachable"),
        ("fail:gateway_rate_limited", 503, "gateway_rate_limited"),
        ("fail:gateway_timeout", 504, "gateway_timeout"),
        ("busy", 409, "thread_busy"),
    ],
)
async def test_failures_with_a_status(text: str, status: int, code: str) -> None:
    answer = await process(build_app(make_ports()), text)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == answer.json()["detail"]
    assert answer.json()["error_id"]
    if code.startswith("gateway_"):
        assert (answer.json()["run_id"], answer.json()["error_id"]) == ("run_1", "err_run")


async def test_a_run_that_failed_otherwise_is_an_answer() -> None:
    answer = await process(build_app(make_ports()), "fail:output_invalid")
    assert (answer.status, answer.json()["status"]) == (200, "failed")
    assert answer.json()["error"] == {"code": "output_invalid", "message": "it failed", "error_id": "err_run"}


async def test_a_pause_is_an_answer_with_its_approvals() -> None:
    answer = await process(build_app(make_ports()), "pause")
    assert (answer.status, answer.json()["waiting_for"]) == (200, "approval")
    assert answer.json()["approvals"][0]["decisions"] == ["approve", "deny"]


async def test_what_takes_too_long_is_202() -> None:
    answer = await process(build_app(make_ports(request_wait_seconds=0.001)), "hang")
    assert (answer.status, answer.json()["status"]) == (202, "running")


async def test_background() -> None:
    answer = await process(build_app(make_ports(request_wait_seconds=60)), "hang", headers=SSE, background=True)
    assert (answer.status, answer.json()["run_id"]) == (202, "run_1")


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {},
        {"user_input": ""},
        {"user_input": []},
        {"user_input": "x", "thread_id": "../x"},
        {"user_input": "x", "thread_id": "a\n"},
        {"user_input": "x", "on_disconnect": "die"},
        {"user_input": "x", "extra": 1},
        {"user_input": "x", "background": "yes"},
        {"user_input": "x", "context": []},
    ],
)
async def test_bodies_that_do_not_validate(body: Any, shared_app: ASGIApp) -> None:
    answer = await request(shared_app, "POST", "/process", json=body)
    assert (answer.status, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["path"].startswith("body")


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", None]
)
async def test_the_content_type_is_bound_to_the_parser(kind: str | None, shared_app: ASGIApp) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = await request(shared_app, "POST", "/process", body=b'{"user_input":"x"}', headers=headers)
    assert (answer.status, answer.json()["code"]) == (415, "not_json")


async def test_too_large_and_too_slow() -> None:
    app = build_app(make_ports(limits=RequestLimits(body_bytes=50, body_idle_seconds=0.01)))
    large = await process(app, "x" * 100)
    assert (large.status, large.headers["connection"]) == (413, "close")
    headers = {"content-type": "application/json"}
    async with stream(app, "POST", "/process", headers=headers, chunks=[b'{"user']) as slow:
        assert slow.status == 408
    async with stream(app, "POST", "/threads", headers=headers, chunks=[]) as slow:
        assert slow.status == 408


async def test_a_streamed_run() -> None:
    ports = make_ports()
    async with stream(build_app(ports), "POST", "/process", json={"user_input": "hi"}, headers=SSE) as events:
        assert (events.status, events.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (events.headers["x-run-id"], events.headers["x-accel-buffering"]) == ("run_1", "no")
        frames = [frame async for frame in events.frames()]
    assert [(frame["event"], frame["id"]) for frame in frames] == [
        ("run_accepted", "1"),
        ("run_started", "2"),
        ("run_finished", "3"),
    ]
    assert frames[2]["data"] == {
        "run_id": "run_1",
        "seq": 3,
        "type": "run_finished",
        "at": "2023-11-14T22:13:20.000002Z",
        "data": {"output": "echo: hi"},
    }
    runs = ports.runs
    assert isinstance(runs, FakeRuns)
    assert runs.inputs["run_1"].stream
    assert runs.watchers == 0


async def test_live_frames_have_no_id() -> None:
    ports = make_ports()
    runs = ports.runs
    assert isinstance(runs, FakeRuns)
    live = [Snapshot("m1", 1, "so"), Delta("m1", 1, 2, " far\n\n"), Progress("m1.0", 0.5), Reconnect()]
    async with stream(build_app(ports), "POST", "/process", json={"user_input": "hang"}, headers=SSE) as events:
        for frame in (*live, None):
            await runs.live["run_1"].put(frame)
        frames = [frame async for frame in events.frames()][2:]
    assert [frame["event"] for frame in frames] == ["snapshot", "delta", "progress", "reconnect"]
    assert all("id" not in frame for frame in frames)
    assert frames[1]["data"] == {"type": "delta", "call": "m1", "attempt": 1, "offset": 2, "text": " far\n\n"}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("choice", ["cancel", "continue"])
async def test_a_client_that_leaves(streamed: bool, choice: str) -> None:
    ports = make_ports(request_wait_seconds=0.05)
    runs = ports.runs
    assert isinstance(runs, FakeRuns)
    body = {"user_input": "hang", "on_disconnect": choice}
    if streamed:
        async with stream(build_app(ports), "POST", "/process", json=body, headers=SSE) as events:
            events.leave()
            await asyncio.wait_for(events.task, 5)  # type: ignore[attr-defined]
    else:
        sent = await abandon(build_app(ports), "POST", "/process", body)
        assert bool(sent) is (choice == "continue")
    assert runs.cancelled == ([("run_1", "disconnected")] if choice == "cancel" else [])
    assert runs.watchers == 0
