"""No bytes make the API answer 5xx: every route that reads a body, an address or a header."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.api.app import build_app
from tests.harness.asgi_client import request, socket
from tests.harness.fake_use_cases import make_ports

POSTS = [
    ("POST", "/process"),
    ("POST", "/execute_tool"),
    ("POST", "/threads"),
    ("POST", "/threads/t/messages"),
    ("PATCH", "/threads/t/context"),
    ("PATCH", "/context"),
    ("POST", "/runs/run_1/resume"),
    ("POST", "/runs/run_1/cancel"),
]
_WORDS = (
    b'{ } [ ] " : , \\ \\ud800 \\u0000 \xff 1e999 NaN null true 9007199254740993 "user_input" "hi" "thread_id" ".." '
    b'"tool_name" "get_username" "arguments" "answers" "approval" "decision" "approve" "content" "context" "title"'
).split(b" ")
_BYTES = st.binary(max_size=100) | st.lists(st.sampled_from(_WORDS), max_size=30).map(b" ".join)
_NAMES = (
    "user_input thread_id agent context multitask on_disconnect background tool_name arguments title meta content "
    "role answers approval decision result type text url"
)
_KEYS = st.sampled_from(_NAMES.split(" "))
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["hi", ".."])
_SHAPES = st.recursive(_LEAVES, lambda i: st.lists(i, max_size=3) | st.dictionaries(_KEYS, i, max_size=5), max_leaves=9)
_BODIES = _BYTES | _SHAPES.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
_HEADERS = st.fixed_dictionaries(
    {"content-type": st.sampled_from(["application/json", "application/json", "text/plain", "", "é"])},
    optional={
        "idempotency-key": st.text(st.characters(max_codepoint=255), max_size=10),
        "content-length": st.sampled_from(["0", "-1", "x", "9" * 30]),
        "x-request-id": st.text(st.characters(max_codepoint=255), max_size=10),
        "traceparent": st.text(st.characters(max_codepoint=255), max_size=10),
        "origin": st.sampled_from(["null", "http://testserver", "x"]),
        "accept": st.sampled_from(["text/event-stream", "*/*", ""]),
    },
)


@cache
def _app() -> Any:
    """One application for all examples: building one costs more than asking it."""
    app = build_app(make_ports(request_wait_seconds=0.001))

    async def prepare() -> None:
        await request(app, "POST", "/process", json={"user_input": "pause"})
        await request(app, "POST", "/threads", json={"thread_id": "t"})

    asyncio.run(prepare())
    return app


@pytest.mark.parametrize(("method", "path"), POSTS, ids=[path for _, path in POSTS])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_BODIES, headers=_HEADERS)
def test_no_body_is_a_5xx(method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    app = _app()

    async def send() -> None:
        answer = await request(app, method, path, body=body, headers=headers)
        assert answer.status < 500, answer.text
        if answer.status >= 400:
            assert answer.json()["error_id"]

    asyncio.run(send())


_PATHS = (
    "/runs /runs/{} /runs/{}/events /runs/{}/state /threads /threads/{} /threads/{}/messages /threads/{}/context "
    "/threads/{}/runs /agents /agents/{} /agents/{}/graph /tools /tools/{} /approvals /{}"
)
_ADDRESSES = st.sampled_from(_PATHS.split(" "))
_PIECE = st.text(max_size=8) | st.sampled_from(["..", "%00", "%FF", "run_1", "t", "support", "%2e%2e", "%ED%A0%80"])
_FILTERS = "cursor limit after at status agent thread tool since until format"
_QUERY = st.lists(st.tuples(st.sampled_from(_FILTERS.split(" ")), _PIECE), max_size=3)


@settings(max_examples=150, deadline=None)
@given(address=_ADDRESSES, piece=_PIECE, query=_QUERY, stream=st.booleans(), last=st.none() | st.text(max_size=5))
def test_no_address_is_a_5xx(
    address: str, piece: str, query: list[tuple[str, str]], stream: bool, last: str | None
) -> None:
    app = _app()

    async def send() -> None:
        path = address.format(piece.replace("?", "%3F")) + "?" + "&".join(f"{name}={value}" for name, value in query)
        headers = {"accept": "text/event-stream"} if stream else {}
        if last is not None:
            headers["last-event-id"] = last.encode("utf-8", "replace").decode("latin-1")
        answer = await request(app, "GET", path, headers=headers)
        assert answer.status < 500, answer.text

    asyncio.run(send())


@settings(max_examples=80, deadline=None)
@given(frames=st.lists(_BODIES, max_size=5))
def test_no_frame_ends_the_socket(frames: list[bytes]) -> None:
    app = _app()

    async def send() -> None:
        async with socket(app) as ws:
            for frame in frames:
                await ws.inbound.put({"type": "websocket.receive", "bytes": frame})
                answer = await ws.receive()
                assert answer["type"] == "error"
                assert answer["status"] < 500
            await ws.send({"type": "cancel", "id": "last", "run_id": "nope"})
            assert (await ws.receive())["id"] == "last"

    asyncio.run(send())
