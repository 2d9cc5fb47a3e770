"""kill -9 while files are stored and named by runs: what was acknowledged is there, and nothing else is left.

A client sends a picture, runs an agent with it whose tool returns another picture, and downloads both. The server is
killed at its n-th sync of a file or folder, rename, commit or write. The client sends what was not answered again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from journeyman.journal.sqlite.file_bytes import files_folder
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness import invariants
from tests.harness.pictures import png
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.strace import busiest, killing, required, spread

CALLS = ("fsync", "rename", "fdatasync", "pwrite64", "write")
AGENT = "type: react_agent\nname: eyes\nprompt: Follow the plan.\nmodel: {name: fake}\ntools: [shot]\n"
TOOL = '''
from journeyman import ToolFile, tool


@tool(effects="idempotent")
async def shot(label: str) -> list:
    """Take a picture."""
    return [f"shot {label}", ToolFile(bytes.fromhex("HEX") + label.encode(), f"{label}.png")]
'''


async def _answered(env: ServerEnvironment, method: str, path: str, data: bytes | None = None) -> bytes:
    """Ask until there is a whole answer, through restarts of the server."""
    for _ in range(4):
        seen = env.server.starts
        try:
            async with env.client.http.request(method, env.server.url + path, data=data) as answer:
                body = await answer.read()
                assert answer.status in (200, 201), body
                return body
        except (aiohttp.ClientError, ConnectionError):
            await env.server.revive(seen)
    raise AssertionError(f"{method} {path} was not answered")


async def _sent(env: ServerEnvironment, data: bytes) -> str:
    """Send a file until it is acknowledged. Returns its id."""
    file_id: str = json.loads(await _answered(env, "POST", "/files?name=a.png", data))["file_id"]
    return file_id


async def _got(env: ServerEnvironment, file_id: str) -> bytes:
    return await _answered(env, "GET", f"/files/{file_id}")


async def _look(env: ServerEnvironment, marker: str) -> list[str]:
    """Send a picture and run with it. Returns what is wrong at the end."""
    sent = png(2, 2, marker.encode())
    first = await _sent(env, sent)
    text = reply_script(marker, [["shot", {"label": marker}]], "Seen.")
    parts: list[Any] = [{"type": "text", "text": text}, {"type": "image", "file": first}]
    body = {"user_input": parts, "agent": "eyes", "thread_id": f"thread-{marker}"}
    run = (await env.client.post("/process", body, marker)).must(200, 202)["run_id"]
    end = await env.settle(run)
    events = await env.client.events(run)
    wrong = invariants.journal(events)
    if end["status"] != "finished" or end["response"] != "Seen.":
        wrong.append(f"it ended {end['status']}: {end}")
    result = next(event["data"] for event in events if event["type"] == "tool_call_finished")
    if [part["type"] for part in result.get("files", ())] != ["image"]:
        return [*wrong, f"the result names {result}"]
    if await _got(env, first) != sent:
        wrong.append("the sent picture is another one")
    if await _got(env, result["files"][0]["file"]) != png(5, 5) + marker.encode():
        wrong.append("the picture of the result is another one")
    return [f"{marker}: {text}" for text in wrong]


async def _sweep(folder: Path, total: int) -> None:
    required()
    source = TOOL.replace("HEX", png(5, 5).hex())
    async with server_environment(folder / "env", agents={"eyes": AGENT, "tools/pictures.py": source}) as env:
        wrong = await _look(env, "warm")
        await env.tracer.attach(env.server.pid, ["-e", f"trace={','.join(CALLS)}"])
        wrong += await _look(env, "count")
        await env.tracer.detach()
        points = spread(busiest(env.tracer.log, CALLS), total)
        hits = 0
        for syscall, number in points:
            before = env.server.starts
            await env.tracer.attach(env.server.pid, killing(syscall, number))
            wrong += await _look(env, f"{syscall}-{number}")
            hits += env.server.starts > before
            if env.server.alive:
                await env.tracer.detach()
        await env.server.kill()
        await env.server.start()
        wrong += verify_journal(env.server.database, 10)
        wrong += await _leftovers(env)
        print(f"{hits} kills at {points}")
        assert wrong == []
        assert hits >= 0.6 * len(points), f"only {hits} of {points} struck"


async def _leftovers(env: ServerEnvironment) -> list[str]:
    """Return the files on the disk that no client can get: the start deletes them."""
    names = [path.name for path in files_folder(env.server.database).iterdir()]
    wrong = [f"{name} is left" for name in names if name.endswith(".part")]
    for name in names:
        async with env.client.http.get(f"{env.server.url}/files/{name}") as answer:
            if answer.status != 200:
                wrong.append(f"{name} is on the disk and {answer.status} for its principal")
    return wrong


@pytest.mark.alone
@pytest.mark.timeout(120)
async def test_a_few_kills(tmp_path: Path) -> None:
    await _sweep(tmp_path, 6)


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(900)
async def test_many_kills(tmp_path: Path) -> None:
    await _sweep(tmp_path, 60)
