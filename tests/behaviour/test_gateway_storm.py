"""The gateway fails 100 % for a while under load; a real server, real sockets, an open loop of calls.

Retries add at most 20 % traffic, the breaker opens, callers get 503 with Retry-After at once, all is normal within 5 s
after recovery, and no run is lost.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp
import pytest
from aiohttp import web

from tests.harness.real_server import RealServer

AGENT = "type: react_agent\nname: worker\nmodel: m\n"
QUIET, AFTER = 1.0, 6.0  # seconds of load before the outage and after it


@dataclass
class Answer:
    at: float
    status: int
    code: str
    took: float
    retry_after: str | None
    run_id: str | None


@dataclass
class Weather:
    """A gateway with a switch: while it is down it answers 500, or closes the connection, by turns."""

    down: bool = False
    hits: Counter[str] = field(default_factory=Counter)  # by the call's marker
    hits_while_down: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.hits[body["messages"][-1]["content"]] += 1
        if not self.down:
            message = {"role": "assistant", "content": "well"}
            return web.json_response({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]})
        self.hits_while_down += 1
        if self.hits_while_down % 2 and request.transport is not None:
            request.transport.close()
        return web.Response(status=500)


@asynccontextmanager
async def storm(folder: Path) -> AsyncIterator[tuple[Weather, RealServer]]:
    weather = Weather()
    app = web.Application()
    app.router.add_post("/chat/completions", weather.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (folder / "agents").mkdir()
    (folder / "agents" / "worker.yaml").write_text(AGENT)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = {"LITELLM_GATEWAY_URL": url, "LOG_LEVEL": "WARNING"}
    server = RealServer(folder, folder / "agents", settings, preloaded=True)
    try:
        await server.start()
        yield weather, server
    finally:
        await server.close()
        await runner.cleanup()


async def call(session: aiohttp.ClientSession, server: RealServer, marker: str, origin: float) -> Answer:
    began = time.monotonic()
    async with session.post(f"{server.url}/process", json={"user_input": marker}) as response:
        body = json.loads(await response.read())
        took = time.monotonic() - began
        advice = response.headers.get("Retry-After")
        return Answer(began - origin, response.status, body.get("code", ""), took, advice, body.get("run_id"))


async def weathered(folder: Path, outage: float, rate: float) -> None:
    async with (
        storm(folder) as (weather, server),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await call(session, server, "warm", 0.0)
        origin, tasks, number = time.monotonic(), [], 0
        async with asyncio.timeout(QUIET + outage + AFTER + 40):
            while (now := time.monotonic() - origin) < QUIET + outage + AFTER:
                weather.down = QUIET <= now < QUIET + outage
                if number < now * rate:
                    tasks.append(asyncio.create_task(call(session, server, f"call-{number}", origin)))
                    number += 1
                else:
                    await asyncio.sleep(0.002)
            answers = await asyncio.gather(*tasks)
        under_way = await unfinished(session, server)
    report(weather, answers, outage)
    judge(weather, answers, outage)
    assert under_way == 0


async def unfinished(session: aiohttp.ClientSession, server: RealServer) -> int:
    """Runs that neither finished nor failed."""
    count = 0
    for status in ("queued", "running", "paused"):
        async with session.get(f"{server.url}/runs", params={"status": status}) as response:
            count += len(json.loads(await response.read())["items"])
    return count


def report(weather: Weather, answers: list[Answer], outage: float) -> None:
    """The traffic, second by second."""
    print("\nsecond calls 200 502 503 slowest_ms")
    for second in range(int(QUIET + outage + AFTER)):
        these = [answer for answer in answers if int(answer.at) == second]
        by = Counter(answer.status for answer in these)
        slowest = max((answer.took for answer in these), default=0.0) * 1000
        print(f"{second:>6} {len(these):>5} {by[200]:>3} {by[502]:>3} {by[503]:>3} {slowest:>10.0f}")
    retries = sum(hits - 1 for hits in weather.hits.values())
    refused = sorted(answer.took for answer in answers if answer.code == "gateway_circuit_open")
    print(f"gateway asked {weather.hits_while_down} times while down; {retries} retries for {len(answers)} calls")
    if refused:
        middle, last = median(refused) * 1000, refused[-1] * 1000
        print(f"refused by the breaker: {len(refused)}, median {middle:.1f} ms, slowest {last:.1f} ms")


def judge(weather: Weather, answers: list[Answer], outage: float) -> None:
    assert all(answer.run_id for answer in answers)  # accepted, recorded, answered
    during = [answer for answer in answers if QUIET + 0.1 < answer.at < QUIET + outage]
    retries = sum(hits - 1 for hits in weather.hits.values())
    assert retries <= 0.2 * len(during), (retries, len(during))
    refused = [answer for answer in answers if answer.code == "gateway_circuit_open"]
    assert len(refused) >= 0.8 * len(during)
    assert all(answer.status == 503 and int(answer.retry_after or 0) >= 1 for answer in refused)
    took = sorted(answer.took for answer in refused)
    assert took[int(0.95 * len(took))] < 1.0, took[-5:]
    bad = [answer for answer in answers if answer.at < QUIET - 0.2 and answer.status != 200]
    assert not bad, bad[:3]
    late = [answer for answer in answers if answer.at > QUIET + outage + 5 and answer.status != 200]
    assert not late, late[:3]


@pytest.mark.alone
async def test_a_short_storm(tmp_path: Path) -> None:
    await weathered(tmp_path, outage=3.0, rate=40)


@pytest.mark.alone
@pytest.mark.long
async def test_the_storm_of_ten_seconds(tmp_path: Path) -> None:
    await weathered(tmp_path, outage=10.0, rate=100)
