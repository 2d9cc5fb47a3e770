"""A client that waits for its run, and one that leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from journeyman.api.disconnects import HALF_CLOSED, cancel_for, leaving_at_eof, wait_or_cancel
from journeyman.api.json_body import ClientDisconnected
from journeyman.events.messages import user
from journeyman.runtime.use_cases.requests import StartRun
from tests.harness.fake_use_cases import FakeRuns


async def started(runs: FakeRuns, text: str) -> str:
    return (await runs.start("local", StartRun(input=user(text)))).run_id


async def stay() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def leave() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def test_a_client_that_stays_gets_the_result() -> None:
    runs = FakeRuns()
    result = await wait_or_cancel(runs, "local", await started(runs, "hi"), 5, stay)
    assert (result.status, runs.cancelled) == ("finished", [])


async def test_a_client_that_leaves_takes_its_run_with_it() -> None:
    runs = FakeRuns()
    run = await started(runs, "hang")
    with pytest.raises(ClientDisconnected):
        await wait_or_cancel(runs, "local", run, 5, leave)
    assert runs.cancelled == [(run, "disconnected")]


async def test_a_run_that_has_ended_is_left_alone() -> None:
    runs = FakeRuns()
    await cancel_for(runs, "local", await started(runs, "hi"))
    assert runs.cancelled == []


async def test_the_end_of_what_a_client_sends_may_count_as_a_disconnect() -> None:
    scope: dict[str, Any] = {}

    async def woken() -> dict[str, Any]:
        scope[HALF_CLOSED] = True
        return {"type": "http.request"}

    assert await leaving_at_eof(scope, leave)() == {"type": "http.disconnect"}
    assert await leaving_at_eof(scope, woken)() == {"type": "http.disconnect"}
    assert await leaving_at_eof(scope, stay)() == {"type": "http.disconnect"}  # known before it listens
