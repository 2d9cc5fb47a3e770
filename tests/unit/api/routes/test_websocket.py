"""WS /ws: commands, acknowledgements, many runs on one socket, and its bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.runtime.engine.frames import Delta
from tests.harness.asgi_client import request, socket
from tests.harness.fake_use_cases import FakeRuns, make_ports


async def receive(ws: Any, count: int) -> list[dict[str, Any]]:
    return [await ws.receive() for _ in range(count)]


async def test_start_watches_the_run() -> None:
    async with socket(build_app(make_ports())) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": "hi", "thread_id": "t"})
        got = await receive(ws, 4)
    assert got[0] == {"type": "ack", "id": "1", "run_id": "run_1", "thread_id": "t"}
    assert [(event["type"], event["seq"], event["run_id"]) for event in got[1:]] == [
        ("run_accepted", 1, "run_1"),
        ("run_started", 2, "run_1"),
        ("run_finished", 3, "run_1"),
    ]


async def test_live_frames_name_their_run() -> None:
    ports = make_ports()
    assert isinstance(ports.runs, FakeRuns)
    async with socket(build_app(ports)) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": "hang"})
        await receive(ws, 3)
        await ports.runs.live["run_1"].put(Delta("m1", 1, 0, "é"))
        assert await ws.receive() == {
            "run_id": "run_1", "type": "delta", "call": "m1", "attempt": 1, "offset": 0, "text": "é",
        }  # fmt: skip
        assert ports.runs.watchers == 1
    assert ports.runs.watchers == 0
    assert ports.runs.cancelled == []


async def test_a_run_may_go_with_its_client() -> None:
    ports = make_ports()
    async with socket(build_app(ports)) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": "hang", "on_disconnect": "cancel"})
        await receive(ws, 3)
    assert ports.runs.cancelled == [("run_1", "disconnected")]  # type: ignore[attr-defined]


async def test_subscribe_resume_cancel() -> None:
    ports = make_ports()
    app = build_app(ports)
    await request(app, "POST", "/process", json={"user_input": "pause"})
    async with socket(app) as ws:
        await ws.send({"type": "subscribe", "id": "1", "run_id": "run_1", "after": 1})
        assert [frame.get("seq") for frame in await receive(ws, 3)] == [None, 2, 3]
        answers = [{"approval": "apr_1", "decision": "approve"}]
        await ws.send({"type": "resume", "id": "2", "run_id": "run_1", "answers": answers})
        assert (await ws.receive())["id"] == "2"
        await ws.send({"type": "resume", "id": "3", "run_id": "run_1", "answers": answers})
        refused = await ws.receive()
        assert (refused["type"], refused["id"], refused["code"]) == ("error", "3", "approval_closed")
        await ws.send({"type": "cancel", "id": "4", "run_id": "run_1"})
        assert await ws.receive() == {"type": "ack", "id": "4", "run_id": "run_1", "thread_id": "made"}


@pytest.mark.parametrize(
    ("command", "id", "code"),
    [
        ("not json", None, "invalid_json"),
        ('{"id":"1","a":NaN}', None, "invalid_json"),
        ("[]", None, "invalid_request"),
        ({"type": "start", "id": "7"}, "7", "invalid_request"),
        ({"type": "input", "id": "7", "run_id": "r", "text": "x"}, "7", "not_found"),
        ({"type": "input", "id": "7", "run_id": "r"}, "7", "invalid_request"),
        ({"type": "cancel", "id": "7", "run_id": "nope"}, "7", "not_found"),
        ({"type": "subscribe", "id": "7", "run_id": "nope"}, "7", "not_found"),
        ({"type": "start", "id": "7", "user_input": "busy"}, "7", "thread_busy"),
        ({"type": "start", "id": "7", "user_input": "crash"}, "7", "internal_error"),
        ({"type": "start", "id": "7", "user_input": "x", "thread_id": ".."}, "7", "invalid_request"),
    ],
)
async def test_a_bad_command_costs_one_error(command: Any, id: str | None, code: str, shared_app: ASGIApp) -> None:
    async with socket(shared_app) as ws:
        await ws.send(command)
        error = await ws.receive()
        assert (error["type"], error["id"], error["code"]) == ("error", id, code)
        assert error["error_id"]
        assert "secret" not in error["error"]
        await ws.send({"type": "start", "id": "8", "user_input": "hi"})
        assert (await ws.receive())["id"] == "8"


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"origin": "http://testserver"}, True),
        ({"origin": "https://app.example"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"host": "evil.example", "origin": "http://evil.example"}, False),
    ],
)
async def test_origins(headers: dict[str, str], accepted: bool) -> None:
    async with socket(build_app(make_ports(cors_origins=["https://app.example"])), headers=headers) as ws:
        assert ws.accepted is accepted


async def test_a_frame_too_large_ends_the_socket() -> None:
    async with socket(build_app(make_ports(limits=RequestLimits(body_bytes=100)))) as ws:
        await ws.send("x" * 101)
        await asyncio.wait_for(ws.outbound.get(), 5)
        assert ws.closed == 1009


async def test_a_socket_watches_so_many_runs() -> None:
    async with socket(build_app(make_ports(limits=RequestLimits(socket_runs=1)))) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": "hang"})
        await receive(ws, 3)
        await ws.send({"type": "start", "id": "2", "user_input": "hang"})
        assert (await ws.receive())["code"] == "too_many_runs"


async def test_a_burst_is_taken_a_few_at_a_time() -> None:
    ports = make_ports(limits=RequestLimits(socket_commands=4))
    async with socket(build_app(ports)) as ws:
        for number in range(500):
            await ws.send({"type": "cancel", "id": str(number), "run_id": "nope"})
        assert {frame["code"] for frame in await receive(ws, 500)} == {"not_found"}
