"""Cancel in the middle of a call, cancel in the middle of a reply, then a turn that a strict gateway accepts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness import invariants
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import Step, reply_script
from tests.harness.server_environment import ServerEnvironment
from tests.harness.sse_client import process

_HALF = "".join(f"half{number:03d} " for number in range(40))


async def _cancel(env: ServerEnvironment, run: str) -> None:
    """Ask for the end of a run; after a crash it may have ended already."""
    answer = await env.client.ask("POST", f"/runs/{run}/cancel", {})
    assert answer.status in (200, 202, 409), answer
    assert (await env.client.until(run))["status"] == "cancelled"


async def _event(env: ServerEnvironment, run: str, type: str, **data: Any) -> None:
    """Wait until the run's journal has such an event."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        for event in await env.client.events(run):
            if event["type"] == type and data.items() <= event["data"].items():
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {type} {data} in {[e['type'] for e in await env.client.events(run)]}")


async def scenario(env: ServerEnvironment, name: str) -> None:
    thread, keys = f"cancel-{name}", [f"cancel-{name}-{turn}" for turn in (1, 2, 3)]
    calls = [["slow", {"label": keys[0], "seconds": 25}], ["put", {"label": keys[0]}]]
    first = await env.client.start(reply_script(keys[0], calls, "Never said."), keys[0], thread_id=thread)
    await _event(env, first, "tool_call_started", tool="slow")
    await _event(env, first, "tool_call_finished", tool="put")
    await _cancel(env, first)

    reply: Step = {"text": _HALF, "chunks": 20, "hold_after": 10}
    second = await env.client.start(reply_script(keys[1], reply), keys[1], thread_id=thread)
    await env.reached(keys[1])
    await _cancel(env, second)
    env.gateway.release(keys[1])

    third = await env.client.start(reply_script(keys[2], "A new turn."), keys[2], thread_id=thread)
    assert (await env.settle(third))["status"] == "finished"
    for run, key in zip((first, second, third), keys, strict=True):
        assert await env.violations(run, key) == []
    _judge_call(await env.client.events(first), killed=name != "plain")
    history = env.gateway.histories[keys[2], 1]
    assert sum(message["role"] == "tool" for message in history) == 2, "each call of the cancelled turn has its result"


def _judge_call(events: list[dict[str, Any]], killed: bool) -> None:
    """The open call was cancelled; if its process died before that, its end is unknown."""
    ends = {event["data"]["tool"]: event["data"] for event in events if event["type"] == "tool_call_finished"}
    assert ends["slow"]["error"]["code"] in (("cancelled", "outcome_unknown") if killed else ("cancelled",))
    assert events[-1]["type"] == "run_cancelled"
    assert not any(event["type"] == "model_called" and event["data"]["call"] == "m2" for event in events)


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario)


async def test_a_stopped_reply_keeps_its_text_marked_partial(tmp_path: Path) -> None:
    async def watched(env: ServerEnvironment, name: str) -> None:
        body = {
            "user_input": reply_script(name, {"text": _HALF, "chunks": 20, "hold_after": 10}),
            "agent": "worker",
            "thread_id": name,
        }
        run, text = "", ""
        async with process(env.client, body) as stream:
            async for frame in stream.frames():
                run = run or (frame.data.get("run_id") or "")
                text += frame.data["text"] if frame.type == "delta" else ""
                if len(text) >= len(_HALF) // 2 and text != _HALF:
                    break
        await _cancel(env, run)
        messages = invariants.transcript(await env.client.messages(name))
        assert messages[-1][:2] == ("assistant", text)
        raw = (await env.client.messages(name))[-1]
        assert raw.get("partial") is True
        env.gateway.release(name)
        after = await env.client.start(reply_script(f"{name}-2", "Go on."), f"{name}-2", thread_id=name)
        assert (await env.settle(after))["status"] == "finished"
        assert env.gateway.refused == []

    await plain(tmp_path, watched)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None)
