"""A real server under load, against gateways that are late, limit the rate or take long."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.harness.real_server import RealServer
from tests.surroundings.table import cell

AGENT = "type: react_agent\nname: worker\nmodel: m\nlimits: {seconds: 600}\n"


@dataclass
class Gateway:
    """A gateway that answers after `seconds` and takes `limit` calls in any second."""

    limit: int = 1_000_000
    seconds: float = 0.0
    calls: list[tuple[float, int]] = field(default_factory=list)  # time and status
    _taken: deque[float] = field(default_factory=deque)
    _runner: web.AppRunner | None = None

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            self.calls.append((now, 429))
            return web.Response(status=429, headers={"Retry-After": "1"})
        self._taken.append(now)
        self.calls.append((now, 200))
        await asyncio.sleep(self.seconds)
        message = {"role": "assistant", "content": "well"}
        return web.json_response({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]})

    async def start(self, port: int = 0) -> int:
        app = web.Application()
        app.router.add_post("/chat/completions", self.answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@asynccontextmanager
async def served(folder: Path, gateway: Gateway, port: int = 0) -> AsyncIterator[tuple[RealServer, int]]:
    """Start the gateway and the server."""
    port = await gateway.start(port)
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "worker.yaml").write_text(AGENT)
    environment = {"LITELLM_GATEWAY_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "ERROR"}
    server = RealServer(folder, folder / "agents", environment, preloaded=True)
    try:
        await server.start()
        yield server, port
    finally:
        await server.close()
        await gateway.stop()


async def start_runs(server: RealServer, count: int) -> None:
    """Start this many runs in the background."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session:

        async def one(number: int) -> None:
            body = {"user_input": f"call {number}", "background": True}
            async with session.post(f"{server.url}/process", json=body) as response:
                assert response.status in (200, 202), await response.text()

        await asyncio.gather(*map(one, range(count)))


async def statuses(server: RealServer) -> Counter[str]:
    """Return how many runs there are of each status."""
    found: Counter[str] = Counter()
    async with aiohttp.ClientSession() as session:
        cursor = ""
        while True:
            async with session.get(f"{server.url}/runs?limit=100{cursor}") as response:
                page: Any = json.loads(await response.read())
            found.update(item["status"] for item in page["items"])
            if not page.get("next_cursor"):
                return found
            cursor = f"&cursor={page['next_cursor']}"


async def until_finished(server: RealServer, count: int, seconds: float) -> float:
    """Wait until this many runs have finished, none failed. Returns the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while (found := await statuses(server)) != {"finished": count}:
            assert not found["failed"], found
            await asyncio.sleep(0.5)
    return time.monotonic() - began


@cell(
    "gateway",
    "in a call",
    "All runs finish; after the first 429 no more calls are made than the gateway takes.",
    case="300 runs, 429 above 50 calls a second",
)
@pytest.mark.alone
@pytest.mark.long
async def test_300_runs_and_a_gateway_that_takes_50_calls_a_second(tmp_path: Path) -> None:
    gateway = Gateway(limit=50)
    async with served(tmp_path, gateway) as (server, _):
        await start_runs(server, 300)
        took = await until_finished(server, 300, 60)
    first = next(at for at, status in gateway.calls if status == 429)
    later = [at - first for at, _ in gateway.calls if at >= first + 2]
    most = max((sum(at <= other < at + 1 for other in later) for at in later), default=0)
    refused = sum(status == 429 for _, status in gateway.calls)
    print(f"\n300 runs in {took:.1f} s, {refused} calls refused, at most {most} calls in a second after the first two")
    assert most <= 55


@cell(
    "gateway",
    "in a call",
    "Calls wait for a free connection as long as the run may take; all finish.",
    case="520 runs, replies after 12 s",
)
@pytest.mark.alone
@pytest.mark.long
async def test_520_runs_and_a_model_that_takes_12_seconds(tmp_path: Path) -> None:
    async with served(tmp_path, Gateway(seconds=12.0)) as (server, _):
        await start_runs(server, 520)
        print(f"\n520 runs in {await until_finished(server, 520, 120):.1f} s")


@cell(
    "gateway",
    "at resume",
    "50 and 500 runs wait for it; all finish within 60 s of its return.",
    case="5 s late after a reboot",
)
@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("count", [50, 500])
async def test_a_reboot_with_runs_under_way_and_a_gateway_that_is_late(tmp_path: Path, count: int) -> None:
    async with served(tmp_path, Gateway(seconds=300.0)) as (server, port):
        await start_runs(server, count)
        while (await statuses(server))["running"] < count:
            await asyncio.sleep(0.1)
        await server.kill()
    gateway = Gateway()
    environment = {"LITELLM_GATEWAY_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "ERROR"}
    again = RealServer(tmp_path, tmp_path / "agents", environment)
    try:
        await again.start()
        await asyncio.sleep(5)
        await gateway.start(port)
        print(f"\n{count} runs in {await until_finished(again, count, 60):.1f} s after the gateway came")
    finally:
        await again.close()
        await gateway.stop()
