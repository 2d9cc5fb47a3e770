"""A server under a load that meets whatever happens to servers.

Good runs, failures, approvals, limits, a gateway that breaks, callers who ask too often, more runs at once than there
is place for, a Redis that goes away, a kill -9.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.harness.fake_gateway import FakeGateway
from tests.harness.real_server import RealServer
from tests.harness.redis_server import RedisServer, redis_server
from tests.harness.scripted_replies import Step, reply_script

ADMIN = "admin-key-of-the-busy-shop-0123456789abcdef"
KEYS = {  # name -> how it is made
    "clerk": {"scopes": ["run", "read", "approve"]},
    "greedy": {"scopes": ["read"], "rate": "20/second"},
    "poor": {"scopes": ["run"], "quota": {"tokens_per_day": 100}},
    "crowd": {"scopes": ["run"]},
    "metrics": {"scopes": ["read"]},
}
RUSH = 800  # runs; a process works on 512 at once
SHOP = """\
type: react_agent
name: shop
model: {{name: gpt-5-mini, timeout_seconds: 20}}
tools: [look_up, price, flaky, broken, blocks, crunch, pay, stock]
limits: {{steps: 8}}
services:
  stock: {{match: "{stock}", max_connections: 2, retries: 2, breaker: {{failures: 50, open_seconds: 5}}}}
"""
FRAGILE = """\
type: react_agent
name: fragile
model: {name: gpt-5, timeout_seconds: 5}
tools: [look_up]
limits: {steps: 2}
"""
TOOLS = '''\
from __future__ import annotations

import asyncio
import random
import time

from journeyman import ToolContext, ToolRetry, tool


@tool(effects="none")
async def look_up(order: str) -> str:
    """Where an order is."""
    await asyncio.sleep(random.expovariate(1 / 0.03))
    return f"{order} is on its way"


@tool(effects="none", cache_ttl=60)
async def price(item: str) -> str:
    """What an item costs."""
    return f"{item}: 12.50"


@tool(effects="none", retries=2)
async def flaky() -> str:
    """Fails, often."""
    if random.random() < 0.6:
        raise ToolRetry("not now", after=0.05)
    return "done"


@tool(effects="none")
async def broken() -> str:
    """Fails."""
    raise ValueError("it is broken")


@tool(effects="none")
async def blocks() -> str:
    """Blocks the loop."""
    time.sleep(0.15)
    return "done"


@tool(effects="none")
def crunch(count: int) -> int:
    """Adds up, in a process."""
    return sum(range(count))


@tool(effects="once", approval="always")
async def pay(amount: float) -> str:
    """Pays."""
    return "paid"


@tool(effects="none")
async def stock(item: str, url: str, ctx: ToolContext) -> str:
    """Asks a service."""
    answer = await ctx.http.get(url)
    answer.raise_for_status()
    return str(answer.status)
'''


@dataclass
class MixedLoad:
    """What is under load. `statuses` counts the answers that clients got."""

    server: RealServer
    http: aiohttp.ClientSession
    redis: RedisServer
    stock: str
    keys: dict[str, str] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def ask(self, method: str, path: str, body: Any = None, who: str = "clerk", **headers: str) -> Any:
        """The answer's body; None where the server was away."""
        headers["Authorization"] = f"Bearer {self.keys[who]}"
        try:
            async with self.http.request(method, self.server.url + path, json=body, headers=headers) as answer:
                self.statuses[who, answer.status] += 1
                text = await answer.text()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            await asyncio.sleep(0.2)
            return None
        return json.loads(text) if text.startswith(("{", "[")) else text

    async def run(self, *steps: Step, agent: str = "shop", who: str = "clerk", **headers: str) -> Any:
        text = reply_script(f"m{next(self.numbers)}", *steps)
        return await self.ask("POST", "/process", {"user_input": text, "agent": agent}, who, **headers)


def _slow() -> Step:
    return {"fault": "hang", "seconds": random.expovariate(1 / 0.15)}


async def _ordinary(mixed_load: MixedLoad) -> None:
    await mixed_load.run(
        [["look_up", {"order": "1"}], ["price", {"item": "tea"}], ["crunch", {"count": 100_000}]], _slow()
    )


async def _followed(mixed_load: MixedLoad) -> None:
    await mixed_load.run({"text": "word " * 40, "chunks": 40, "interval": 0.02}, Accept="text/event-stream")


async def _with_bad_tools(mixed_load: MixedLoad) -> None:
    await mixed_load.run(
        [["broken", {}], ["flaky", {}], ["nothing", {}], ["look_up", {"wrong": 1}]], [["blocks", {}]], "Well."
    )


async def _asking_a_service(mixed_load: MixedLoad) -> None:
    paths = ("/slow", "/slow", "/slow", "/sick")
    await mixed_load.run(
        [["stock", {"item": "tea", "url": mixed_load.stock + path}] for path in paths], "There is some."
    )


async def _approved(mixed_load: MixedLoad) -> None:
    answer = await mixed_load.run([["pay", {"amount": 5}]], "Paid.")
    for approval in (answer or {}).get("approvals") or ():
        await asyncio.sleep(random.uniform(0.1, 0.6))
        answers = [{"approval": approval["approval"], "decision": random.choice(("approve", "deny"))}]
        await mixed_load.ask("POST", f"/runs/{answer['run_id']}/resume", {"answers": answers})


async def _cancelled(mixed_load: MixedLoad) -> None:
    text = reply_script(f"m{next(mixed_load.numbers)}", {"fault": "hang", "seconds": 3})
    started = await mixed_load.ask("POST", "/process", {"user_input": text, "agent": "shop", "background": True})
    await asyncio.sleep(0.3)
    if started and "run_id" in started:
        await mixed_load.ask("POST", f"/runs/{started['run_id']}/cancel")


async def _failing(mixed_load: MixedLoad) -> None:
    await mixed_load.run({"fault": random.choice((400, "garbage"))}, agent="shop")
    await asyncio.sleep(0.3)


async def _over_a_limit(mixed_load: MixedLoad) -> None:
    await mixed_load.run(*[[["look_up", {"order": str(number)}]] for number in range(5)], agent="fragile")
    await asyncio.sleep(0.3)


async def _breaking_the_gateway(mixed_load: MixedLoad) -> None:
    await mixed_load.run({"fault": 503, "times": 2, "then": "Late."}, agent="shop")  # tried again, with success
    await asyncio.gather(*(mixed_load.run({"fault": 500}, agent="fragile") for _ in range(8)))
    await asyncio.sleep(2)


async def _looking(mixed_load: MixedLoad) -> None:
    for path in ("/runs?limit=20", "/threads", "/tools", "/runs/run_0", "/agents"):
        await mixed_load.ask("GET", path)
    await asyncio.sleep(0.2)


async def _greedy(mixed_load: MixedLoad) -> None:
    await asyncio.gather(*(mixed_load.ask("GET", "/tools", who="greedy") for _ in range(40)))
    await asyncio.sleep(0.2)


async def _poor(mixed_load: MixedLoad) -> None:
    await asyncio.sleep(5)  # the warning comes with the first run: a scrape must have come before it
    await mixed_load.run("Yes.", who="poor")


async def _rush(mixed_load: MixedLoad) -> None:
    """More runs at once than a process works on."""
    text = reply_script("rush", {"fault": "hang", "seconds": 8})
    body = {"user_input": text, "agent": "shop", "background": True}
    await asyncio.gather(*(mixed_load.ask("POST", "/process", body, who="crowd") for _ in range(RUSH)))


DEEDS: tuple[
    tuple[Callable[[MixedLoad], Awaitable[None]], int], ...
] = (  # what is done over and over, by so many clients
    (_ordinary, 6),
    (_followed, 3),
    (_with_bad_tools, 2),
    (_asking_a_service, 3),
    (_approved, 2),
    (_cancelled, 1),
    (_failing, 1),
    (_over_a_limit, 1),
    (_breaking_the_gateway, 1),
    (_looking, 1),
    (_greedy, 2),
    (_poor, 1),
)


async def busy(mixed_load: MixedLoad, seconds: float) -> None:
    """Everything for so long; in the middle Redis is away for a while, and the server is killed and started again."""
    end = time.monotonic() + seconds

    async def over_and_over(deed: Callable[[MixedLoad], Awaitable[None]]) -> None:
        while time.monotonic() < end:
            await deed(mixed_load)
            await asyncio.sleep(random.uniform(0.05, 0.3))

    async with asyncio.TaskGroup() as group:
        for deed, clients in DEEDS:
            for _ in range(clients):
                group.create_task(over_and_over(deed))
        await asyncio.sleep(seconds * 0.35)
        mixed_load.server.child.signal(signal.SIGKILL) if mixed_load.server.child else None
        await mixed_load.server.died(10)
        await mixed_load.server.start()
        await asyncio.sleep(seconds * 0.2)
        await asyncio.to_thread(mixed_load.redis.stop)
        await asyncio.sleep(seconds * 0.15)
        await asyncio.to_thread(mixed_load.redis.start)
        await _rush(mixed_load)


async def _stock(request: web.Request) -> web.Response:
    await asyncio.sleep(0.1)
    return web.Response(status=503 if request.path == "/sick" else 200, text="some")


@asynccontextmanager
async def _stock_service() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{any}", _stock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _agents(folder: Path, stock: str) -> Path:
    agents = folder / "agents"
    (agents / "tools").mkdir(parents=True)
    (agents / "shop.yaml").write_text(SHOP.format(stock=stock))
    (agents / "fragile.yaml").write_text(FRAGILE)
    (agents / "tools" / "shop_tools.py").write_text(TOOLS)
    return agents


@asynccontextmanager
async def mixed_load(folder: Path) -> AsyncIterator[MixedLoad]:
    """A server with everything around it. The key for /metrics stands in `folder/metrics-key`."""
    async with FakeGateway() as gateway, _stock_service() as stock, aiohttp.ClientSession(trust_env=False) as http:
        with redis_server(folder) as redis:
            settings = {
                "LITELLM_GATEWAY_URL": gateway.url,
                "AUTH_MODE": "required",
                "API_KEY": ADMIN,
                "REDIS_URL": redis.url,
                "RATE_LIMIT_REQUESTS": "5000",
                "MAX_RETRIES": "1",
                "LOG_LEVEL": "WARNING",
            }
            server = RealServer(folder, _agents(folder, stock), settings)
            try:
                await server.start()
                made = MixedLoad(server, http, redis, stock, {"admin": ADMIN})
                for name, given in KEYS.items():
                    key = await made.ask("POST", "/keys", {"name": name, **given}, who="admin")
                    made.keys[name] = key["key"]
                (folder / "metrics-key").write_text(made.keys["metrics"])
                yield made
            finally:
                with suppress(ProcessLookupError):
                    await server.close()
