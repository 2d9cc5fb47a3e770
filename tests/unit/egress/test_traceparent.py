"""A traced task sends `traceparent` with its requests to services, and to no public page."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.client import HttpClient
from journeyman.egress.http_messages import HttpRequest
from journeyman.egress.services import Services
from journeyman.egress.traceparent import propagate, with_traceparent
from journeyman.egress.transport import FakeReply, FakeTransport
from journeyman.events.messages import user
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.gateway import Gateway

HEADER = f"00-{'a' * 32}-{'b' * 16}-01"
SENT = {"traceparent": HEADER}


async def within_a_trace() -> None:
    propagate(HEADER)
    assert with_traceparent({"x": "1"}) == {"x": "1", **SENT}
    own = {"traceparent": "of the caller's own"}
    assert with_traceparent(own) is own


async def test_a_trace_stays_in_its_task() -> None:
    await asyncio.create_task(within_a_trace())
    headers = {"x": "1"}
    assert with_traceparent(headers) is headers


@pytest.mark.parametrize(("public_only", "sent"), [(False, HEADER), (True, None)])
async def test_requests_of_tools(public_only: bool, sent: str | None) -> None:
    clock = ManualClock()
    transport = FakeTransport(FakeReply(b"fine"), clock=clock)
    client = HttpClient(Services(clock=clock, rng=random.Random(1)), lambda public: transport, clock)

    async def call() -> None:
        propagate(HEADER)
        request = HttpRequest("GET", "https://shop.example/", public_only=public_only)
        await client.send(request, idempotent=True)

    await asyncio.create_task(call())
    assert transport.requests[0].headers.get("traceparent") == sent


async def test_model_calls() -> None:
    clock = ManualClock()
    reply = {"model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    transport = FakeTransport(FakeReply(json.dumps(reply).encode()), FakeReply(json.dumps(reply).encode()), clock=clock)
    services = Services(clock=clock, rng=random.Random(1))
    to = services.gateway("http://gateway.example")
    gateway = Gateway(transport, "http://gateway.example", "key", guard=to.guard, timeouts=to.timeouts, clock=clock)

    async def call() -> None:
        propagate(HEADER)
        await gateway.call(ModelRequest(model="m", messages=(user("hi"),)))

    await asyncio.create_task(call())
    await gateway.call(ModelRequest(model="m", messages=(user("hi"),)))
    first, second = transport.requests
    assert first.headers["traceparent"] == HEADER
    assert "traceparent" not in second.headers
