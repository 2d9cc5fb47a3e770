"""A server of 0.1 is killed at work, and today's goes on with its journal: what ran, what waited, what was queued."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import journeyman
from tests.harness.api_client import ApiClient
from tests.harness.effects_log import EffectsLog
from tests.harness.fake_gateway import FakeGateway
from tests.harness.real_server import ROOT, RealServer
from tests.harness.scripted_replies import reply_script

RELEASED = "8109aac76616813fd5839bc4172a524c7e5fec7d"  # 0.1
TODAY = Path(journeyman.__file__).parent.parent

HOLDING = '''
"""Tools that take as long as a file stands there."""
from __future__ import annotations

import asyncio
import time
from pathlib import Path

from journeyman import BlockingToolContext, ToolContext, tool

HOLD = Path(__file__).parent.parent.parent / "hold"


@tool(effects="idempotent")
async def hold_put(label: str, ctx: ToolContext) -> str:
    """Put something, slowly."""
    while HOLD.exists():
        await asyncio.sleep(0.02)
    return f"put {label} with {ctx.idempotency_key}"


@tool(effects="none")
def hold_look(label: str) -> str:
    """Look at something slowly, in a process."""
    while HOLD.exists():
        time.sleep(0.02)
    return f"looked at {label}"


@tool(effects="once")
async def hold_pay(label: str) -> str:
    """Pay slowly; a human is asked whether it happened."""
    while HOLD.exists():
        await asyncio.sleep(0.02)
    return f"paid {label}"


@tool
async def hold_bare(label: str) -> str:
    """Nobody said what it does."""
    while HOLD.exists():
        await asyncio.sleep(0.02)
    return f"did {label}"
'''
CLERK = """\
type: react_agent
name: clerk
prompt: Follow the plan.
model: {name: fake}
tools: [look, guarded, hold_put, hold_look, hold_pay, hold_bare]
services: {gateway: {match: gateway, breaker: {failures: 1000}}}
"""
BOSS = """\
type: custom_react_agent
name: boss
model: {name: fake}
graph:
  start: plan
  nodes:
    plan: {type: llm}
    ask: {type: agent, agent: clerk}
    review: {type: approval, message: "Is it good?"}
  edges:
    - {from: plan, to: ask}
    - {from: ask, to: review}
    - {from: review, to: end}
"""
HELD = ("hold_put", "hold_look", "hold_pay", "hold_bare")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source folder of 0.1, out of the history."""
    archive = subprocess.run(["git", "archive", RELEASED, "src"], cwd=ROOT, capture_output=True)
    if archive.returncode:
        text = f"the history lacks the commit of 0.1 ({RELEASED[:7]}): fetch all of it (git fetch --unshallow)"
        pytest.fail(text, pytrace=False) if "CI" in os.environ else pytest.skip(text)
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def home(source: Path) -> str:
    """Which package a process with this PYTHONPATH imports."""
    code = "import journeyman; print(journeyman.__file__)"
    env = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


class Life:
    """The server of one release on the journal of `folder`."""

    def __init__(self, folder: Path, source: Path, agents: Path, gateway: FakeGateway) -> None:
        settings = {"LITELLM_GATEWAY_URL": gateway.url, "MAX_RETRIES": "0", "PYTHONPATH": str(source)}
        self.server = RealServer(folder, agents, settings)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ApiClient]:
        try:
            await self.server.start()
            async with ApiClient(self.server) as client:
                yield client
        finally:
            await self.server.close()


async def seen(client: ApiClient, run: str, type_: str) -> None:
    async with asyncio.timeout(15):
        while not any(event["type"] == type_ for event in await client.events(run)):
            await asyncio.sleep(0.02)


async def begin(client: ApiClient, gateway: FakeGateway) -> dict[str, str]:
    """Runs of every standing: ids by what they are about."""
    runs: dict[str, str] = {}

    async def start(name: str, text: str, thread: str = "", agent: str = "clerk") -> str:
        runs[name] = await client.start(text, name, agent=agent, thread_id=thread or name)
        return runs[name]

    await client.until(await start("finished", reply_script("finished", [["look", {"label": "a"}]], "Seen.")))
    paused = await start("paused", reply_script("paused", [["guarded", {"label": "g"}]], "Paid after a yes."))
    await client.until(paused, ("paused",))
    await start("behind_paused", reply_script("behind_paused", "My turn."), "paused")
    for tool in HELD:
        run = await start(tool, reply_script(tool, [[tool, {"label": tool}]], f"{tool} is done."))
        await seen(client, run, "tool_call_started")
    await start("behind_running", reply_script("behind_running", "My turn, too."), "hold_put")
    saying = {"text": "Said at last.", "hold_after": 0}
    await start("saying", reply_script("saying", saying))
    await gateway.reached("saying")
    child = reply_script("child", {"text": "The child is done.", "hold_after": 0})
    await start("parent", reply_script("parent", child), agent="boss")
    await gateway.reached("child")
    runs["child"] = (await client.get(f"/runs?parent={runs['parent']}"))["items"][0]["run_id"]
    return runs


STANDING = {
    "finished": "finished",
    "paused": "paused",
    "behind_paused": "queued",
    "behind_running": "queued",
    "parent": "running",
    "child": "running",
    "saying": "running",
    **dict.fromkeys(HELD, "running"),
}


async def go_on(client: ApiClient, runs: dict[str, str]) -> dict[str, Any]:
    """Answer what asks; every run when it has come to its end."""
    await client.until(runs["hold_pay"], ("paused",))
    [unknown] = await client.approvals(runs["hold_pay"])
    assert unknown["kind"] == "unknown_outcome"
    await client.answer(runs["hold_pay"], unknown["approval"], "retry")
    [asked] = await client.approvals(runs["paused"])
    await client.answer(runs["paused"], asked["approval"], "approve")
    await client.until(runs["parent"], ("paused",))
    [review] = await client.approvals(runs["parent"])
    assert (review["kind"], review["message"]) == ("node", "Is it good?")
    await client.answer(runs["parent"], review["approval"], "approve")
    return {name: await client.until(run) for name, run in runs.items()}


@pytest.mark.long
async def test_todays_server_goes_on_where_0_1_was_killed(tmp_path: Path, released: Path) -> None:
    assert home(released).strip() == str(released / "journeyman" / "__init__.py")
    assert home(TODAY).strip() == str(TODAY / "journeyman" / "__init__.py")
    world = EffectsLog(tmp_path, {"clerk": CLERK, "boss": BOSS, "tools/hold.py": HOLDING})
    (tmp_path / "hold").touch()
    async with FakeGateway() as gateway:
        old = Life(tmp_path, released, world.agents, gateway)
        async with old.client() as client:
            runs = await begin(client, gateway)
            assert {name: (await client.run(run))["status"] for name, run in runs.items()} == STANDING
            before = {name: await client.events(run) for name, run in runs.items()}
            await old.server.kill()
        (tmp_path / "hold").unlink()
        gateway.release("saying")
        gateway.release("child")
        today = Life(tmp_path, TODAY, world.agents, gateway)
        async with today.client() as client:
            ended = await go_on(client, runs)
            after = {name: await client.events(run) for name, run in runs.items()}
            answered = await client.start(
                reply_script("finished", [["look", {"label": "a"}]], "Seen."),
                "finished",
                agent="clerk",
                thread_id="finished",
            )
        assert gateway.refused == []
    assert {name: run["status"] for name, run in ended.items()} == dict.fromkeys(runs, "finished")
    assert {name: run["response"] for name, run in ended.items()} == {
        "finished": "Seen.",
        "paused": "Paid after a yes.",
        "behind_paused": "My turn.",
        "behind_running": "My turn, too.",
        "saying": "Said at last.",
        "child": "The child is done.",
        "parent": "The child is done.",
        **{tool: f"{tool} is done." for tool in HELD},
    }
    for name, events in before.items():
        assert after[name][: len(events)] == events, name
    assert answered == runs["finished"]  # its Idempotency-Key is the one of before
    assert len([effect for effect in world.effects() if effect.tool == "guarded"]) == 1
    results = {
        e["data"]["tool"]: e["data"] for each in after.values() for e in each if e["type"] == "tool_call_finished"
    }
    assert results["hold_put"]["result"] == f"put hold_put with {runs['hold_put']}:m1.0"
    assert results["hold_bare"]["error"]["code"] == "outcome_unknown"
    whole(today.server)


def whole(server: RealServer) -> None:
    """`journeyman db verify` of today finds nothing."""
    command = [sys.executable, "-m", "journeyman", "db", "verify", str(server.database)]
    done = subprocess.run(command, env=server.env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is not damaged" in done.stdout
