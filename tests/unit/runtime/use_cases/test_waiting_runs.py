"""Runs that wait are cancelled by their kind, their agent and how long they wait."""

from __future__ import annotations

from journeyman.runtime.use_cases.waiting_runs import AT_ONCE, WaitingFilter
from tests.harness.incomplete_runtime import UNREACHABLE, IncompleteRuntime, desk, incomplete


async def waiting(runtime: IncompleteRuntime, count: int) -> list[str]:
    runtime.gateway.failure = UNREACHABLE
    runs = [await runtime.start(f"a{number}") for number in range(count)]
    await runtime.pass_time(15, step=1)
    return runs


async def test_only_those_that_match_are_cancelled() -> None:
    async with incomplete(desk()) as runtime:
        runs = await waiting(runtime, 3)
        cancel = runtime.runtime.waiting.cancel
        assert await cancel("me", WaitingFilter(agent="other")) == []
        assert await cancel("me", WaitingFilter(waiting_for="tool")) == []
        assert await cancel("me", WaitingFilter(older_than=3600.0)) == []
        assert await cancel("me", WaitingFilter(waiting_for="gateway", agent="desk", older_than=1.0)) == runs
        await runtime.pass_time(1)
        assert {(await runtime.state(run_id)).status for run_id in runs} == {"cancelled"}
        assert await cancel("me", WaitingFilter()) == []


async def test_more_than_are_cancelled_at_one_time() -> None:
    async with incomplete(desk()) as runtime:
        runs = await waiting(runtime, AT_ONCE + 3)
        assert await runtime.runtime.waiting.cancel("me", WaitingFilter()) == runs
        await runtime.pass_time(1)
        assert await runtime.journal.lacking() == []
