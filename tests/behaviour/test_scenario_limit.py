"""A run reaches a limit, asks, is killed while it waits, goes on beyond the limit with a payment, and asks again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.effects_log import AGENT
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment

AGENTS = {"worker": AGENT + "limits: {steps: 2, on_reached: {steps: {ask: true, up_to: 5}}}\n"}


def _plan(marker: str) -> str:
    rounds = [
        [["pay", {"label": f"{marker}-{number}"}], ["put", {"label": f"{marker}-{number}p"}]] for number in "abcd"
    ]
    return reply_script(marker, *rounds, "All of it is paid.")


async def scenario(env: ServerEnvironment, name: str) -> None:
    run = await env.client.start(_plan(name), name, thread_id=f"limit-{name}")
    await env.client.until(run, ("paused",))
    (asked,) = await env.client.approvals(run)
    assert (asked["kind"], asked["arguments"]) == ("limit", {"steps": 5})
    seen = env.server.starts
    await env.server.kill()
    await env.server.revive(seen)
    assert await env.client.approvals(run) == [asked]
    await env.client.answer(run, asked["approval"], "approve", arguments={"steps": 4})
    await _judge(env, run, name)


async def scenario_with_any_kill(env: ServerEnvironment, name: str) -> None:
    """The same, but where the kill of strace is the restart. A payment that it hits asks for its outcome first."""
    run = await env.client.start(_plan(name), name, thread_id=f"limit-{name}")
    while (asked := (await env.client.until(run, ("paused",)))["approvals"][0])["kind"] != "limit":
        await env.answer_one(run, asked)
    await env.client.answer(run, asked["approval"], "approve", arguments={"steps": 4})
    await _judge(env, run, name)


async def _judge(env: ServerEnvironment, run: str, name: str) -> None:
    assert (await env.settle(run))["response"] == "All of it is paid."
    assert await env.violations(run, name) == []
    assert all(env.effects_log.happened("pay", f"{name}-{number}") for number in "abcd")
    events = await env.client.events(run)
    limits = [each["data"] for each in events if each["type"] == "approval_requested" and "limit" in each["data"]]
    assert [each["limit"] for each in limits] == [
        {"name": "steps", "value": 2.0, "up_to": 5.0},
        {"name": "steps", "value": 4.0, "up_to": 5.0},
    ]
    given = [each["data"] for each in events if each["type"] == "approval_given"]
    answers = {each["approval"]: each["arguments"] for each in given if "arguments" in each}
    assert [answers[each["approval"]] for each in limits] == [{"steps": 4}, {"steps": 5}]


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario, AGENTS)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_two_commits(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, 2, AGENTS)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario_with_any_kill, None, AGENTS)
