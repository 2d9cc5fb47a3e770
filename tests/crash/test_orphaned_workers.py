"""A server that is killed leaves no tool process behind, and its port and database are free at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.usage import tree
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import server_environment


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_tool_processes_end_with_their_server(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env:
        run = await env.client.start(reply_script("orphan", [["crunch", {"label": "orphan"}]], "Done."), "orphan")
        await env.settle(run)
        workers = {effect.pid for effect in env.effects_log.effects()} - {env.server.pid}
        assert workers, "the plain function ran in the server's own process"
        everyone = set(tree(env.server.pid))  # a worker in its own namespace reports an id of that namespace
        await env.server.kill()
        end = time.monotonic() + 5
        while (left := {pid for pid in everyone if _runs(pid)}) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert not left, f"still there 5 s after the kill: {left}"
        await env.server.start()
        assert (await env.client.run(run))["status"] == "finished"
