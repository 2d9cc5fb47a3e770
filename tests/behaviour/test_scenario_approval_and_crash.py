"""Two parallel calls, one that waits for a human and one whose process dies; the server is killed and started again; a
second message arrives meanwhile; the approval is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import invariants
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import plan
from tests.harness.server_environment import Lane


async def scenario(one: Lane, name: str) -> None:
    thread, first, second = f"approval-{name}", f"approval-{name}-1", f"approval-{name}-2"
    calls = [["guarded", {"label": f"{first}-a"}], ["die", {"label": f"{first}-b"}]]
    run = await one.client.start(plan(first, calls, "Both are settled."), first, thread_id=thread)
    waiting = await one.client.until(run, ("paused",))
    assert waiting["status"] == "paused"
    approvals = await one.client.approvals(run)
    assert [approval["tool"] for approval in approvals] == ["guarded"]
    assert not one.world.happened("guarded", f"{first}-a"), "it ran before a human said yes"

    seen = one.server.starts
    await one.server.kill()
    await one.server.revive(seen)
    assert (await one.client.run(run))["status"] == "paused", "a restart must not lose the wait"
    assert await one.client.approvals(run) == approvals
    later = await one.client.start(plan(second, "And this."), second, thread_id=thread)
    assert (await one.client.run(later))["status"] == "queued", "a paused run keeps its thread"

    await one.client.answer(run, approvals[0]["approval"], "approve")
    assert (await one.settle(run))["status"] == "finished"
    assert (await one.settle(later))["status"] == "finished"
    await _judge(one, run, first, later, second, thread)


async def _judge(one: Lane, run: str, first: str, later: str, second: str, thread: str) -> None:
    assert await one.violations(run, first) == []
    assert await one.violations(later, second) == []
    assert one.world.happened("guarded", f"{first}-a")
    events = await one.client.events(run)
    results = {event["data"]["tool"]: event["data"] for event in events if event["type"] == "tool_call_finished"}
    assert results["guarded"]["result"] == f"guarded {first}-a done"
    assert results["die"]["error"]["code"] in ("outcome_unknown", "tool_crashed")
    roles = [role for role, _, _ in invariants.transcript(await one.client.messages(thread))]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user", "assistant"]


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, None)


async def scenario_with_any_kill(one: Lane, name: str) -> None:
    """The same, but where the kill of strace is the restart."""
    thread, first, second = f"approval-{name}", f"approval-{name}-1", f"approval-{name}-2"
    calls = [["guarded", {"label": f"{first}-a"}], ["die", {"label": f"{first}-b"}]]
    run = await one.client.start(plan(first, calls, "Both are settled."), first, thread_id=thread)
    await one.client.until(run, ("paused",))
    later = await one.client.start(plan(second, "And this."), second, thread_id=thread)
    assert (await one.settle(run))["status"] == "finished"
    assert (await one.settle(later))["status"] == "finished"
    await _judge(one, run, first, later, second, thread)
