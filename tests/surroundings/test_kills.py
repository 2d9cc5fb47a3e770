"""A process is killed at each commit of a run that waits for its gateway: the run ends as without a kill."""

from __future__ import annotations

import pytest

from journeyman.events.events import ModelReplied, RunPaused, ToolCallFinished
from tests.harness.stepped_runtime import SteppedRuntime

PLAN = (["look", "pay"], ["put"])


async def outage(runtime: SteppedRuntime, since: int, most: int) -> int:
    """Run until the gateway is away and the run waits, then until it has gone on, for at most `most` commits.

    Returns how many commits there were.
    """
    written = 0
    runtime.spawn(runtime.say, "a")
    for tick in range(400):
        runtime.away = since <= tick < 200
        await runtime.settle(6)
        while runtime.disk.held:
            if written == most:
                return written
            runtime.disk.write()
            written += 1
            await runtime.settle(6)
        while runtime.gates:
            runtime.open_gate(0)
        if tick >= since:
            runtime.clock.advance(0.25)
        if runtime.run_ids and runtime.state(runtime.run_ids[0]).ended:
            return written
    return written


async def patient() -> SteppedRuntime:
    runtime = SteppedRuntime({"a": PLAN}, patient=True)
    await runtime.boot()
    return runtime


@pytest.mark.parametrize("since", [2, 3])
@pytest.mark.parametrize("back", [True, False], ids=["gateway is back", "gateway is away"])
async def test_a_kill_at_each_commit(back: bool, since: int) -> None:
    whole = await patient()
    total = await outage(whole, since, 10_000)
    assert whole.state("run_1").status == "finished", whole.types("run_1")
    assert len(whole.events("run_1", RunPaused)) == 1
    assert total >= 8
    await whole.crash()
    for commits in range(1, total + 1):
        runtime = await patient()
        await outage(runtime, since, commits)
        await runtime.crash()
        runtime.away = not back
        await runtime.boot()
        runtime.lacking.look()
        if not back:  # the next process waits too, and the one after it does not
            await runtime.let_go(decision=lambda row: "done" if row.kind == "unknown_outcome" else "approve")
            await runtime.crash()
            runtime.away = False
            await runtime.boot()
            runtime.lacking.look()
        await runtime.let_go(decision=lambda row: "done" if row.kind == "unknown_outcome" else "approve")
        if not runtime.run_ids:  # the acceptance was not committed
            continue
        state = runtime.state("run_1")
        assert state.status == "finished", (commits, runtime.types("run_1"))
        assert len(runtime.events("run_1", ModelReplied)) == 3
        assert len(runtime.events("run_1", ToolCallFinished)) == 3
        assert not runtime.wrong
        assert await runtime.disk.lacking() == []
        await runtime.crash()
