"""The same Idempotency-Key 50 times at once: one run, 50 equal answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment

TIMES = 50


async def scenario(env: ServerEnvironment, name: str) -> None:
    key = f"same-{name}"
    body = {"user_input": reply_script(key, [["put", {"label": key}]], "Once."), "agent": "worker", "thread_id": key}
    answers = await asyncio.gather(*(env.client.post("/process", body, key) for _ in range(TIMES)))
    assert {answer.status for answer in answers} == {200}
    assert all(answer.body == answers[0].body for answer in answers), {str(answer.body) for answer in answers}
    assert answers[0].body["response"] == "Once."
    runs = (await env.client.get(f"/threads/{key}/runs"))["items"]
    assert len(runs) == 1, f"one key made {len(runs)} runs"
    assert await env.violations(answers[0].body["run_id"], key) == []
    other = await env.client.post("/process", {**body, "user_input": "Something else."}, key)
    assert other.status == 422
    assert other.body["code"] == "idempotency_mismatch"


async def test_as_it_is(tmp_path: Path) -> None:
    await plain(tmp_path, scenario)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, scenario, None)
