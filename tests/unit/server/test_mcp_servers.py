"""Requests to MCP servers pass a guard of their own."""

from __future__ import annotations

import random

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.errors import ServiceError, ServiceUnavailableError
from journeyman.server.mcp_servers import guarded_session


async def test_a_failing_server_is_asked_once_a_request_and_then_left_alone() -> None:
    asked: list[str] = []
    through = guarded_session(Services((), clock=ManualClock(), rng=random.Random(1)))

    async def fail() -> str:
        asked.append("docs")
        raise ServiceError("it does not work")

    for _ in range(5):
        with pytest.raises(ServiceError):
            await through("docs", fail)
    assert len(asked) == 5
    with pytest.raises(ServiceUnavailableError) as refused:
        await through("docs", fail)
    assert refused.value.code == "service_circuit_open"
    assert len(asked) == 5

    async def work() -> str:
        return "fine"

    assert await through("other", work) == "fine"
