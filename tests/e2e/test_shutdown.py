"""SIGTERM under load, with a watcher and a stuck tool: it ends in time, says reconnect, loses nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from benchmarks.usage import rss_mb
from tests.harness.api_client import ApiClient, ServerGone
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.sse_client import watch

BOUND = 15.0  # seconds from the signal to the end of the process


async def _post_until_refused(env: ServerEnvironment, place: int, answered: dict[str, str]) -> None:
    """Start runs until the server says that it is going: only what was answered 202 is promised."""
    number = 0
    async with ApiClient(env.server) as client:
        while True:
            key = f"load-{place}-{number}"
            body = {
                "user_input": reply_script(key, [["put", {"label": key}]], "Done."),
                "agent": "worker",
                "background": True,
            }
            try:
                answer = await client.once("POST", "/process", body, key)
            except ServerGone:
                return
            if answer.status == 503:
                return
            answered[key] = answer.must(202)["run_id"]
            number += 1
            await asyncio.sleep(0.02)


@pytest.mark.alone
async def test_sigterm_under_load_with_a_watcher(tmp_path: Path) -> None:
    async with server_environment(tmp_path, preloaded=False) as env:
        stuck = await env.client.start(
            reply_script("stuck", [["slow", {"label": "stuck", "seconds": 16}]], "Done."), "stuck"
        )
        key = "watched"
        run = await env.client.start(reply_script(key, {"text": "Held for long.", "hold_after": 0}), key)
        await env.gateway.reached(key)
        answered: dict[str, str] = {}
        load = [asyncio.create_task(_post_until_refused(env, place, answered)) for place in range(8)]
        types = []
        async with watch(env.client, run) as stream:
            frames = stream.frames()
            types.append((await anext(frames)).type)
            await asyncio.sleep(0.5)
            begin = time.monotonic()
            assert env.server.child is not None
            env.server.child.signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            env.server.child.signal(signal.SIGTERM)  # an impatient second one makes it no worse
            types += [frame.type async for frame in frames]
        code = await env.server.died(BOUND + 5)
        seconds = time.monotonic() - begin
        await asyncio.wait_for(asyncio.gather(*load), 10)
        print(f"ended with {code} after {seconds:.2f} s; {len(answered)} runs were accepted")
        assert seconds <= BOUND
        assert code in (0, -signal.SIGTERM)
        assert types[-1] == "reconnect", types
        assert len(answered) >= 8, "there was no load"

        await env.server.start()
        env.gateway.release(key)
        assert (await env.settle(run))["status"] == "finished"
        assert (await env.client.run(stuck))["status"] == "running", "a call that outlasts the drain goes on later"
        for name, each in answered.items():
            assert (await env.settle(each))["status"] == "finished"
            assert await env.violations(each, name) == []


async def _quick(env: ServerEnvironment, key: str) -> float:
    """Seconds that a plain answer takes."""
    begin = time.monotonic()
    quick = (await env.client.post("/process", {"user_input": reply_script(key, "Here."), "agent": "worker"})).must(200)
    assert quick["response"] == "Here."
    return time.monotonic() - begin


@pytest.mark.alone
async def test_a_watcher_that_stops_reading_delays_nobody(tmp_path: Path) -> None:
    """Its stream is 3 MB; while it reads nothing another reads all of it, and memory stays."""
    text = {"text": "x", "repeat": 1_500_000, "chunks": 200}
    async with server_environment(tmp_path, preloaded=False) as env:
        warm = await env.client.start(reply_script("warm", text), "warm")
        await env.settle(warm)
        before = rss_mb(env.server.pid)
        lazy = await asyncio.open_connection("127.0.0.1", env.server.port, limit=1024)
        run = await env.client.start(reply_script("big", {**text, "hold_after": 0}), "big")
        await env.gateway.reached("big")
        request = f"GET /runs/{run}/events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n"
        lazy[1].write(request.encode())
        await lazy[1].drain()
        await asyncio.sleep(0.3)
        env.gateway.release("big")
        async with asyncio.timeout(20):
            async with watch(env.client, run) as stream:
                types = [frame.type async for frame in stream.frames()]
        assert types[-1] == "run_finished"
        assert min([await _quick(env, f"quick-{number}") for number in range(3)]) < 2
        grown = rss_mb(env.server.pid) - before
        lazy[1].close()
        assert grown < 40, f"{grown:.0f} MB for one watcher that does not read"
