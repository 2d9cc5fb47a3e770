"""A run starts two others that work side by side, one of which waits for a human, and then a third; the server is
killed and started again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness import invariants
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment

AGENTS = {
    "foreman": "type: foreman:Foreman\ndescription: Has others work\nmodel: {name: fake}\n",
    "foreman.py": '''
import json

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import AwaitChild, Finish


class Foreman(BaseAgent):
    """Its input is JSON: rounds of tasks for the worker; those of a round are done side by side."""

    type = "foreman"

    def decide(self, state):
        known = {child.call: child for child in state.children}
        for number, tasks in enumerate(json.loads(state.input.text)):
            steps = [(f"n{number}.{place}", task) for place, task in enumerate(tasks)]
            if new := [(call, task) for call, task in steps if call not in known]:
                return tuple(AwaitChild(call=call, agent="worker", input=task) for call, task in new)
            if any(known[call].status == "open" for call, _ in steps):
                return ()
        return (Finish(output=" ".join(str(child.result or child.failure) for child in state.children)),)
''',
}


async def scenario(env: ServerEnvironment, name: str) -> None:
    first, second, third = (f"children-{name}-{number}" for number in (1, 2, 3))
    rounds = [
        [
            reply_script(first, [["guarded", {"label": first}]], "One."),
            reply_script(second, [["look", {"label": second}], ["pay", {"label": second}]], "Two."),
        ],
        [reply_script(third, [["crunch", {"label": third}]], "Three.")],
    ]
    run = await env.client.start(json.dumps(rounds), f"children-{name}", agent="foreman")
    ended = await env.settle(run)
    assert (ended["status"], ended["response"]) == ("finished", "One. Two. Three.")
    events = await env.client.events(run)
    assert invariants.journal(events) == []
    started = [event["data"]["child"] for event in events if event["type"] == "node_entered"]
    listed = await env.client.get(f"/runs?parent={run}")
    assert [row["run_id"] for row in reversed(listed["items"])] == started, "each was started once"
    assert len(started) == sum(event["type"] == "node_left" for event in events) == 3
    used = 0
    for child, marker in zip(started, (first, second, third), strict=True):
        assert await env.violations(child, marker) == []
        used += (await env.client.run(child))["usage"]["output_tokens"]
    assert ended["usage"]["output_tokens"] == used
    shown = (await env.client.get("/threads"))["items"]
    assert not any(thread["thread_id"].startswith("!") for thread in shown)


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario, AGENTS)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 2, AGENTS)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None, AGENTS)


async def test_a_stream_and_a_waiting_request_end_when_the_child_asks(tmp_path: Path) -> None:
    await plain(tmp_path, asked, AGENTS)


async def asked(env: ServerEnvironment, name: str) -> None:
    label = f"asked-{name}"
    body = {
        "user_input": json.dumps([[reply_script(label, [["guarded", {"label": label}]], "Done.")]]),
        "agent": "foreman",
    }
    waiting = (await env.client.post("/process", body, f"{label}-wait")).must(200)
    assert (waiting["status"], waiting["waiting_for"]) == ("paused", "approval")
    approval = waiting["approvals"][0]
    assert approval["run_id"] != waiting["run_id"], "it is the child's"
    listed = (await env.client.get("/approvals"))["items"]
    assert [row["approval"] for row in listed] == [approval["approval"]]
    await env.client.answer(waiting["run_id"], approval["approval"], "approve")
    assert (await env.settle(waiting["run_id"]))["response"] == "Done."
    again = {**body, "user_input": body["user_input"].replace(label, f"{label}-2")}
    run = await env.client.start(again["user_input"], f"{label}-cancel", agent="foreman")
    await env.client.until(run, ("paused",))
    await env.client.ask("POST", f"/runs/{run}/cancel", tries=1)
    assert (await env.client.until(run))["status"] == "cancelled"
    child = (await env.client.get(f"/runs?parent={run}"))["items"][0]
    assert child["status"] == "cancelled"
    assert not env.effects_log.happened("guarded", f"{label}-2")
