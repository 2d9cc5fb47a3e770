"""Requirement: whatever is sent to a real server, none of it is answered with an error of the server's own, no secret
is written down, no memory, task or descriptor is kept of it, and everybody else is served meanwhile.

`FUZZ_SEED` chooses the requests; the summary and every failure name it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from benchmarks.usage import rss_mb
from journeyman.journal.sqlite.journal import READERS
from tests.harness.malformed_requests import DEEPEST, Known, MalformedRequests
from tests.harness.malformed_sockets import MalformedClient
from tests.harness.raw_http import Answer, Wire
from tests.harness.real_server import RealServer

SEED = int(os.environ.get("FUZZ_SEED", "1"))
ADMIN = "admin-key-that-no-log-may-hold-0123456789"
GATEWAY = "gateway-key-that-no-log-may-hold-0123456789"
TOKENS = "token-secret-that-no-log-may-hold-0123456789"
OTHERS = "credential-of-somebody-that-no-log-may-hold-0123456789"
AGENT = "type: react_agent\nname: support\nmodel: offline\ntools: [get_username]\n"
SETTINGS = {
    "AUTH_MODE": "required",
    "API_KEY": ADMIN,
    "LITELLM_GATEWAY_API_KEY": GATEWAY,
    "JWT_SECRET_KEY": TOKENS,
    "JWT_AUDIENCE": "journeyman",
    "JWT_ISSUER": "https://issuer.example",
    "RATE_LIMIT_ENABLED": "false",
    "REQUEST_WAIT_SECONDS": "5",
    "DEBUG": "true",
    "LOG_FORMAT": "json",
}
# glibc gives back at once what is freed: compared is what is used, not what large bodies have left behind.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
CLIENTS, BREAKERS = 24, 8  # at once: of requests on kept connections, of connections that break
DATABASE_CONNECTIONS = 1 + READERS + 1  # one writes, one reads on the loop, others when needed
CACHED_MB = 10  # more than a connection to the database keeps
GROWTH_MB = 10.0  # of resident memory, after the first fifth
SETTLE_SECONDS = 15.0  # until what was left behind is let go: longer than any bound of the server
Statuses = Counter[tuple[str, str]]


class Assault:
    """Shots at one server, and what is counted of them."""

    def __init__(self, server: RealServer, known: Known, seed: int) -> None:
        self.server, self.known = server, known
        self.statuses: Statuses = Counter()
        clients = [MalformedRequests(seed * 1000 + number, known) for number in range(CLIENTS)]
        self._clients = [(hostile, Wire(server.port)) for hostile in clients]
        self._breakers = [MalformedClient(seed * 1000 + 500 + number, server.port, known) for number in range(BREAKERS)]
        self._left = 0

    async def warm(self) -> None:
        """What grows once, up to its bound: pools, room for the largest bodies, the database's caches."""
        await self.fire(100)
        hostile, wire = self._clients[0]
        for _ in range(20):
            self._judge("deep", b"", await wire.ask(hostile.deep(DEEPEST).data))
        witnesses = [Witness(self.server) for _ in range(4)]
        for _ in range(CACHED_MB * 20):
            await witnesses[0].ask("POST", "/threads/cached/messages", {"content": "x" * 50_000})
        await asyncio.gather(*(witness.read("/threads/cached/messages") for witness in witnesses))
        for witness in witnesses:
            await witness.look()
            witness.close()
        self.statuses.clear()

    async def fire(self, shots: int, slow: int = 0) -> None:
        """So many requests, one in eight on a connection that breaks, `slow` of them by clients that dawdle."""
        async with asyncio.TaskGroup() as group:
            for number in range(slow):
                group.create_task(self._dawdle(number))
            breaks = shots // 8
            self._left = shots - breaks - slow
            for hostile, wire in self._clients:
                group.create_task(self._ask(hostile, wire))
            for number, breaker in enumerate(self._breakers):
                group.create_task(self._break(breaker, breaks // BREAKERS + (number < breaks % BREAKERS)))

    async def _ask(self, hostile: MalformedRequests, wire: Wire) -> None:
        while self._left > 0:
            self._left -= 1
            shot = hostile.next()
            try:
                answer = await wire.ask(shot.data, shot.method)
            except TimeoutError:
                raise AssertionError(f"no answer to {shot.kind}: {shot.data[:2000]!r}") from None
            self._judge(shot.kind, shot.data, answer)
        wire.close()

    def _judge(self, kind: str, data: bytes, answer: Answer) -> None:
        self.statuses[kind, str(answer.status or "closed")] += 1
        admitted = answer.status == 503 and b"retry-after" in answer.headers
        assert answer.status < 500 or admitted, f"{answer.status} to {kind}: {data[:2000]!r}\n{answer.body[:500]!r}"

    async def _break(self, breaker: MalformedClient, times: int) -> None:
        for _ in range(times):
            self.statuses[await breaker.next()] += 1

    async def _dawdle(self, number: int) -> None:
        breaker = self._breakers[number % BREAKERS]
        wire = Wire(self.server.port)
        slow = breaker.slow_head if number % 8 == 7 else breaker.slow_body
        self.statuses[slow.__name__, await slow(wire)] += 1
        wire.close()


class Witness:
    """A client among them that wants something: it is served rightly the whole time."""

    def __init__(self, server: RealServer) -> None:
        self._wire, self.served, self.slowest = Wire(server.port), 0, 0.0

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        answer = await self._wire.ask(head.encode() + raw, method)
        assert answer.status in (200, 201), f"{answer.status} {answer.body!r}"
        return json.loads(answer.body)

    async def look(self) -> None:
        """A run from its question to its events."""
        self.served += 1
        begun = time.monotonic()
        body = {"user_input": "What is my name?", "thread_id": f"witness-{self.served}"}
        run = await self.ask("POST", "/process", body)
        assert (run["status"], run["thread_id"]) == ("finished", body["thread_id"]), run
        assert run["response"], run
        events = (await self.ask("GET", f"/runs/{run['run_id']}/events"))["items"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert events[-1]["type"] == "run_finished", events[-1]
        self.slowest = max(self.slowest, time.monotonic() - begun)

    async def read(self, path: str) -> None:
        """Every page of a list."""
        page = await self.ask("GET", f"{path}?limit=20")
        while page["next_cursor"] is not None:
            page = await self.ask("GET", f"{path}?limit=20&cursor={page['next_cursor']}")

    async def watch(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.look()
            with_pause = asyncio.create_task(over.wait())
            await asyncio.wait([with_pause], timeout=0.25)
            with_pause.cancel()

    async def tasks(self) -> Counter[str]:
        return Counter(task["code"] for task in (await self.ask("GET", "/debug/tasks"))["items"])

    def close(self) -> None:
        self._wire.close()


def descriptors(server: RealServer) -> Counter[str]:
    """How many of what: sockets, each file by its name."""
    found: Counter[str] = Counter()
    for file in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[os.readlink(file).partition(":[")[0].rpartition("/")[2]] += 1
    return found


async def settled(read: Callable[[], Awaitable[Any]], wanted: Any) -> Any:
    """What is read, as soon as it is what is wanted, or else at the end of the time."""
    end = time.monotonic() + SETTLE_SECONDS
    while (found := await read()) != wanted and time.monotonic() < end:
        await asyncio.sleep(0.1)
    return found


@asynccontextmanager
async def watched(witness: Witness) -> AsyncIterator[None]:
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(witness.watch(over))
        try:
            yield
        finally:
            over.set()


async def assault(folder: Path, level: str, shots: int, slow: int) -> None:
    (folder / "agent.yaml").write_text(AGENT)
    server = RealServer(folder, folder / "agent.yaml", {**SETTINGS, **ALLOCATOR, "LOG_LEVEL": level})
    await server.start()
    try:
        await _assault(server, level, shots, slow)
        server.child.stop()  # type: ignore[union-attr]
        _no_secret(server)
    except BaseException:
        print(f"FUZZ_SEED={SEED}\n{server.tail(3000)}")
        raise
    finally:
        await server.close()


async def _assault(server: RealServer, level: str, shots: int, slow: int) -> None:
    witness = Witness(server)
    run = await witness.ask("POST", "/process", {"user_input": "hi", "thread_id": "known"})
    known = Known(ADMIN, run["run_id"], "known", (GATEWAY, TOKENS), OTHERS)
    attack = Assault(server, known, SEED)
    begun = time.monotonic()
    await witness.ask("POST", "/threads", {"thread_id": "cached"})
    await attack.warm()
    tasks, files = await witness.tasks(), descriptors(server)

    async with watched(witness):
        await attack.fire(shots // 5)
        before = rss_mb(server.pid)
        await attack.fire(shots - shots // 5, slow)
    seconds = time.monotonic() - begun

    assert await settled(witness.tasks, tasks) == tasks
    after = rss_mb(server.pid)
    count = descriptors(server)
    await witness.look()
    figures = f"RSS {before:.1f} -> {after:.1f} MB, sockets {files['socket']} -> {count['socket']}, "
    figures += f"descriptors {files.total()} -> {count.total()}, tasks {tasks.total()}"
    print(summary(attack.statuses, seconds, level))
    print(f"  {figures}; a client among them was served {witness.served} times, {witness.slowest:.2f} s at most")
    assert attack.statuses.total() == shots
    more = count - files
    assert {name for name in more if not name.startswith("journal.db")} == set(), more
    assert count["journal.db"] <= DATABASE_CONNECTIONS + 1, count  # one more holds the lock of the file
    assert after - before < GROWTH_MB, figures
    witness.close()


def summary(statuses: Statuses, seconds: float, level: str) -> str:
    """One line for all, one for each kind."""
    by_status: Counter[str] = Counter()
    by_kind: dict[str, list[str]] = {}
    for (kind, status), count in sorted(statuses.items()):
        by_status[status] += count
        by_kind.setdefault(kind, []).append(f"{status}: {count}")
    all_of = ", ".join(f"{status}: {count}" for status, count in sorted(by_status.items()))
    head = f"fuzz: {statuses.total()} requests in {seconds:.0f} s (seed {SEED}, log {level}): {all_of}"
    return "\n".join([head, *(f"  {kind}: {', '.join(counts)}" for kind, counts in by_kind.items())])


def _no_secret(server: RealServer) -> None:
    """Not in what the process wrote, nor in its database."""
    assert server.child is not None
    files = [server.child.out, server.child.err, *server.folder.glob("journal.db*")]
    log = server.child.err.read_bytes()
    assert len(files) >= 3
    assert log.count(b"\n") > 100
    assert b'"level":"error"' not in log, next(line for line in log.splitlines() if b'"level":"error"' in line)
    for file in files:
        content = file.read_bytes()
        found = {secret: content.find(secret.encode()) for secret in (ADMIN, GATEWAY, TOKENS, OTHERS)}
        for secret, at in found.items():
            assert at < 0, f"{secret} in {file.name}: {content[max(0, at - 600) : at + 200]!r}"


@pytest.mark.alone
def test_three_thousand_hostile_requests(tmp_path: Path) -> None:
    uvloop.run(assault(tmp_path, "DEBUG", 3000, slow=4))


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("level", "shots"), [("INFO", 60_000), ("DEBUG", 40_000)])
def test_a_hundred_thousand_hostile_requests(tmp_path: Path, level: str, shots: int) -> None:
    uvloop.run(assault(tmp_path, level, shots, slow=64))
