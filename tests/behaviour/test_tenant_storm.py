"""Requirement: one tenant floods connections, bytes, tool calls and the writer; another is answered. Real sockets."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.harness.real_server import RealServer

pytestmark = pytest.mark.alone
ADMIN = "seed-of-the-first-admin-key-0123456789"
STORM_SECONDS = 6.0
MOST_SECONDS = 5.0  # for a request of the other tenant: it takes turns with the flood, and its own process starts
SETTINGS = {
    "AUTH_MODE": "required",
    "API_KEY": ADMIN,
    "RATE_LIMIT_ENABLED": "false",
    "LOG_LEVEL": "ERROR",
    "CONNECTIONS": "120",
    "CONNECTIONS_PER_ADDRESS": "80",
    "REQUEST_BYTES_PER_PRINCIPAL": "2097152",
    "ACCEPT_BACKLOG_PER_PRINCIPAL": "4",
    "RUN_SLOTS": "8",
    "RUN_SLOTS_PER_PRINCIPAL": "4",
    "RUN_BACKLOG_PER_PRINCIPAL": "50",
    "TOOL_WORKERS": "2",
    "TOOL_WORKERS_PER_PRINCIPAL": "1",
    "TOOL_BACKLOG_PER_PRINCIPAL": "2",
}
AGENT = "type: react_agent\nname: a\nmodel: offline\ntools: [nap]\n"
TOOLS = '''\
import time

from journeyman import tool


@tool(effects="none")
def nap() -> str:
    """Take a nap."""
    time.sleep(0.2)
    return "rested"
'''
GREEDY, OTHER = "127.0.0.1", "127.0.0.2"  # the addresses of the two tenants


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/naps.py").write_text(TOOLS)
    (tmp_path / "agent.yaml").write_text(AGENT)
    server = RealServer(tmp_path, tmp_path / "agent.yaml", SETTINGS)
    await server.start()
    yield server
    await server.kill()


class Client:
    """A tenant with an address, and what it was answered."""

    def __init__(self, server: RealServer, address: str, key: str) -> None:
        self.server, self.address, self.key = server, address, key
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        connector = aiohttp.TCPConnector(limit=0, local_addr=(address, 0))
        self.session = aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {key}"})

    async def ask(self, path: str, body: object = None) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            method = "GET" if body is None else "POST"
            timeout = aiohttp.ClientTimeout(20)
            async with self.session.request(method, f"{self.server.url}{path}", json=body, timeout=timeout) as answer:
                text = await answer.text()
                code = json.loads(text).get("code", "") if answer.content_type.endswith("json") else "connection"
                self.answers[f"{answer.status} {code}".strip()] += 1
        except (aiohttp.ClientError, OSError) as exc:
            self.answers[type(exc).__name__] += 1
        self.slowest = max(self.slowest, loop.time() - begin)


async def key_of(server: RealServer, name: str) -> str:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN}"}) as session:
        body = {"name": name, "scopes": ["run", "read", "tools"]}
        async with session.post(f"{server.url}/keys", json=body) as answer:
            made: dict[str, str] = await answer.json()
            return made["key"]


class Flood:
    """What the greedy tenant does at the same time, until the end of the block."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Flood:
        message = {"user_input": "hello", "background": True}
        call = {"tool_name": "nap", "arguments": {}}
        kinds = [self._again("/process", message) for _ in range(16)]
        kinds += [self._again("/execute_tool", call) for _ in range(16)]
        kinds += [self._silent() for _ in range(100)]
        kinds += [self._slow_body() for _ in range(20)]
        self._tasks = [asyncio.create_task(kind) for kind in kinds]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again(self, path: str, body: object) -> None:
        while True:
            await self._client.ask(path, body)
            await asyncio.sleep(0.01)

    async def _silent(self) -> None:
        """Connect and say nothing, again whenever the server closes."""
        while True:
            with suppress(OSError):
                reader, writer = await self._connection()
                await reader.read()
                writer.close()
            await asyncio.sleep(0.05)

    async def _slow_body(self) -> None:
        """Announce a body of 1 MiB, and send a byte of it now and then."""
        head = f"POST /process HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._client.key}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"
        while True:
            with suppress(OSError):
                reader, writer = await self._connection()
                writer.write(head.encode())
                with suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        line = (await reader.readline()).decode().split(" ")
                        self._client.answers[f"body {line[1] if len(line) > 1 else 'closed'}"] += 1
                writer.close()
            await asyncio.sleep(0.1)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1", self._client.server.port, local_addr=(self._client.address, 0)
        )


async def test_one_tenant_floods_and_another_is_answered(server: RealServer) -> None:
    greedy = Client(server, GREEDY, await key_of(server, "greedy"))
    other = Client(server, OTHER, await key_of(server, "other"))
    loop = asyncio.get_running_loop()
    try:
        async with Flood(greedy):
            end = loop.time() + STORM_SECONDS
            while loop.time() < end:
                await other.ask("/process", {"user_input": "hello"})
                await other.ask("/execute_tool", {"tool_name": "nap", "arguments": {}})
                await other.ask("/process", {"user_input": "x" * 200_000, "background": True})
                await other.ask("/livez")
    finally:
        await greedy.session.close()
        await other.session.close()
    assert set(other.answers) <= {"200", "202"}, (other.answers, greedy.answers)
    assert other.slowest < MOST_SECONDS, (other.slowest, other.answers)
    assert greedy.answers["503 overloaded"], greedy.answers
    assert greedy.answers["body 429"], greedy.answers
