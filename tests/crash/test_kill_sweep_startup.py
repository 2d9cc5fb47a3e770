"""kill -9 while the server starts and takes over a run: the next start does it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.strace import busiest, killing, required, spread

_CALLS = ("pwrite64", "fdatasync")  # the process that looks through the tools folder makes none of them


async def _interrupted(env: ServerEnvironment, marker: str) -> str:
    """A run whose second model call is under way when its server is killed: its id."""
    text = reply_script(marker, [["put", {"label": marker}]], {"text": "Done.", "hold_after": 0})
    run = await env.client.start(text, marker, thread_id=f"thread-{marker}")
    await env.gateway.reached(marker, 30)
    await env.server.kill()
    return run


async def _start_traced(env: ServerEnvironment, marker: str, arguments: list[str]) -> bool:
    """Start under strace from the first instruction until the run that was taken over waits for the gateway again:
    whether it came so far. Without --seccomp-bpf: with it strace 6.1 does not count up to an injection."""
    env.gateway.forget(marker)
    child = env.server.spawn(["strace", "-f", "-o", str(env.tracer.log), *arguments])
    back = asyncio.create_task(env.gateway.reached(marker, 40))
    while child.alive and not back.done():
        await asyncio.sleep(0.01)
    back.cancel()
    return child.alive


async def _finish(env: ServerEnvironment, run: str, marker: str) -> list[str]:
    env.gateway.release(marker)
    end = await env.settle(run)
    wrong = await env.violations(run, marker)
    if end["status"] != "finished":
        wrong.append(f"it ended {end['status']}")
    return [f"{marker}: {text}" for text in wrong]


async def _sweep(folder: Path, total: int) -> None:
    wrong: list[str] = []
    killed = 0
    async with server_environment(folder) as env:
        for marker in ("first", "count"):  # the first start after a kill also checkpoints what made the tables
            run = await _interrupted(env, marker)
            assert await _start_traced(env, marker, ["-e", f"trace={','.join(_CALLS)}"]), env.server.tail()
            counts = busiest(env.tracer.log, _CALLS)
            await env.server.close()
            await env.server.start()
            wrong += await _finish(env, run, marker)
        points = spread(counts, total)
        for syscall, number in points:
            marker = f"start-{syscall}-{number}"
            run = await _interrupted(env, marker)
            killed += not await _start_traced(env, marker, killing(syscall, number))
            await env.server.close()
            await env.server.start()
            wrong += await _finish(env, run, marker)
    print(f"{killed} kills in {len(points)} starts, of {counts} calls")
    assert not wrong, "\n".join(wrong)
    assert killed >= 0.7 * len(points), f"only {killed} of {points} were reached"


@pytest.mark.timeout(120)
async def test_a_start_survives_a_kill(tmp_path: Path) -> None:
    required()
    await _sweep(tmp_path, 2)


@pytest.mark.long
async def test_a_start_survives_a_kill_at_more_points(tmp_path: Path) -> None:
    required()
    await _sweep(tmp_path, 10)
