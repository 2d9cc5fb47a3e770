"""Replies with signatures and reasoning, killed at commits: each is stored once and comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment


def _call(tool: str, label: str) -> dict[str, Any]:
    return {
        "id": f"call_{label}",
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps({"label": label}), "provider_specific_fields": {"of": tool}},
        "extra_content": {"google": {"thought_signature": f"{label}=="}},
    }


def _replies(name: str) -> list[dict[str, Any]]:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Grüße 😀"}], "signature": name}
    return [
        {
            "content": None,
            "reasoning_content": "First both.",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": f"{name}+/=", "index": 0}],
            "tool_calls": [_call("put", f"{name}-a"), _call("pay", f"{name}-b")],
        },
        {"content": [thinking, {"type": "text", "text": "One more."}], "tool_calls": [_call("look", f"{name}-c")]},
        {"content": "All of it is done.", "reasoning_content": "", "thinking_blocks": [{"data": name}]},
    ]


async def scenario(env: ServerEnvironment, name: str) -> None:
    replies = _replies(name)
    first = reply_script(name, *({"reply": reply} for reply in replies))
    second = reply_script(f"{name}-more", "Nothing more.")
    for marker, text in ((name, first), (f"{name}-more", second)):
        body = {"user_input": text, "agent": "worker", "thread_id": name}
        run = (await env.client.post("/process", body, marker)).must(200, 202)["run_id"]
        assert (await env.settle(run))["status"] == "finished"
        assert await env.violations(run, marker) == []
    said = [{"role": "assistant", **reply} for reply in replies]
    for number in range(1, len(said) + 1):
        assert _sent_back(env, name, number) == said[: number - 1]
    assert _sent_back(env, f"{name}-more", 1) == said
    stored = await env.client.messages(name)
    assert sum(message["role"] == "assistant" for message in stored) == len(said) + 1


def _sent_back(env: ServerEnvironment, marker: str, number: int) -> list[dict[str, Any]]:
    return [message for message in env.gateway.histories[marker, number] if message["role"] == "assistant"]


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None)
