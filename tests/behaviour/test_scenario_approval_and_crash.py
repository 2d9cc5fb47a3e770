"""Two parallel calls, one that waits for a human and one whose process dies; the server is killed and started again; a
second message arrives meanwhile; the approval is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import invariants
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment


async def scenario(env: ServerEnvironment, name: str) -> None:
    thread, first, second = f"approval-{name}", f"approval-{name}-1", f"approval-{name}-2"
    calls = [["guarded", {"label": f"{first}-a"}], ["die", {"label": f"{first}-b"}]]
    run = await env.client.start(reply_script(first, calls, "Both are settled."), first, thread_id=thread)
    waiting = await env.client.until(run, ("paused",))
    assert waiting["status"] == "paused"
    approvals = await env.client.approvals(run)
    assert [approval["tool"] for approval in approvals] == ["guarded"]
    assert not env.effects_log.happened("guarded", f"{first}-a"), "it ran before a human said yes"

    seen = env.server.starts
    await env.server.kill()
    await env.server.revive(seen)
    assert (await env.client.run(run))["status"] == "paused", "a restart must not lose the wait"
    assert await env.client.approvals(run) == approvals
    later = await env.client.start(reply_script(second, "And this."), second, thread_id=thread)
    assert (await env.client.run(later))["status"] == "queued", "a paused run keeps its thread"

    await env.client.answer(run, approvals[0]["approval"], "approve")
    assert (await env.settle(run))["status"] == "finished"
    assert (await env.settle(later))["status"] == "finished"
    await _judge(env, run, first, later, second, thread)


async def _judge(env: ServerEnvironment, run: str, first: str, later: str, second: str, thread: str) -> None:
    assert await env.violations(run, first) == []
    assert await env.violations(later, second) == []
    assert env.effects_log.happened("guarded", f"{first}-a")
    events = await env.client.events(run)
    results = {event["data"]["tool"]: event["data"] for event in events if event["type"] == "tool_call_finished"}
    assert results["guarded"]["result"] == f"guarded {first}-a done"
    assert results["die"]["error"]["code"] in ("outcome_unknown", "tool_crashed")
    roles = [role for role, _, _ in invariants.transcript(await env.client.messages(thread))]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user", "assistant"]


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, None)


async def scenario_with_any_kill(env: ServerEnvironment, name: str) -> None:
    """The same, but where the kill of strace is the restart."""
    thread, first, second = f"approval-{name}", f"approval-{name}-1", f"approval-{name}-2"
    calls = [["guarded", {"label": f"{first}-a"}], ["die", {"label": f"{first}-b"}]]
    run = await env.client.start(reply_script(first, calls, "Both are settled."), first, thread_id=thread)
    await env.client.until(run, ("paused",))
    later = await env.client.start(reply_script(second, "And this."), second, thread_id=thread)
    assert (await env.settle(run))["status"] == "finished"
    assert (await env.settle(later))["status"] == "finished"
    await _judge(env, run, first, later, second, thread)
