"""What a real server does when the system gives it no more memory, threads or descriptors."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from journeyman.cli.start_failures import FILES, MEMORY
from tests.harness.real_server import RealServer
from tests.surroundings.table import cell
from tests.surroundings.test_journal_and_disk import ask, say, until

pytestmark = pytest.mark.long
AGENT = "type: react_agent\nname: desk\nmodel: offline\ntools: [{name: calculator, approval: always}]\n"
ROOM = 4 << 20  # bytes that the process may still get: with none at all, libraries in C end it
QUESTION = "What is 2 + 3?"
SAID = ("has no memory for this request", "The journal is not available now")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    (tmp_path / "agent.yaml").write_text(AGENT)
    made = RealServer(tmp_path, tmp_path / "agent.yaml", {})
    yield made
    await made.close()


def memory_of(server: RealServer) -> int:
    """Return the bytes of addresses that the process has."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmSize:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmSize")


def descriptors_of(server: RealServer) -> int:
    """Return the limit with which the process has no free descriptor."""
    return 1 + max(int(file.name) for file in Path(f"/proc/{server.pid}/fd").iterdir())


@contextmanager
def limited(server: RealServer, kind: int, soft: int) -> Iterator[None]:
    """Limit a process that runs."""
    before = resource.prlimit(server.pid, kind)
    resource.prlimit(server.pid, kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, kind, before)


async def refused_start(server: RealServer, limit: str) -> tuple[int, str]:
    """Start a server that cannot start, under a limit of the shell. Returns its exit code and what it said."""
    server.spawn(("sh", "-c", f'ulimit {limit}; exec "$@"', "sh"))
    return await server.died(30), server.tail()


async def asking(server: RealServer) -> tuple[str, Any]:
    """Start a run that asks a human. Returns its id and the body of the answer that lets it go on."""
    run = (await say(server, QUESTION)).body
    [asked] = run["approvals"]
    return run["run_id"], {"answers": [{"approval": asked["approval"], "decision": "approve"}]}


async def until_finished(server: RealServer, run_id: str) -> str:
    async with asyncio.timeout(20):
        while (run := (await ask(server, "GET", f"/runs/{run_id}")).body)["status"] != "finished":
            assert run["status"] in ("paused", "running"), run
            await asyncio.sleep(0.02)
    return str(run["response"])


BEFORE = "The start ends with exit code 1 and one sentence that names the limit to raise."
AT_RESUME = f"{BEFORE} The journal stays as it was: the next start with enough goes on with the run."
LIMITS = [("-v 100000", MEMORY), ("-n 10", FILES)]


@cell("memory", "before the start", BEFORE)
@cell("descriptors", "before the start", BEFORE)
@pytest.mark.parametrize(("limit", "sentence"), LIMITS, ids=["memory", "descriptors"])
async def test_a_start_without_it_ends_with_a_sentence(server: RealServer, limit: str, sentence: str) -> None:
    code, said = await refused_start(server, limit)
    assert (code, "Traceback" in said) == (1, False), said
    assert sentence in said


@cell("memory", "at resume", AT_RESUME)
@cell("descriptors", "at resume", AT_RESUME)
@pytest.mark.parametrize(("limit", "sentence"), LIMITS, ids=["memory", "descriptors"])
async def test_a_start_without_it_leaves_the_runs(server: RealServer, limit: str, sentence: str) -> None:
    await server.start()
    run_id, approve = await asking(server)
    await server.kill()
    code, said = await refused_start(server, limit)
    assert (code, sentence in said) == (1, True), said
    await server.start()
    await ask(server, "POST", f"/runs/{run_id}/resume", approve)
    assert await until_finished(server, run_id) == "calculator says: 5"


async def post_large(server: RealServer) -> tuple[int, str]:
    """Start a run with a large message. Returns the status and the body of the answer; 0 if none came in time."""
    try:
        async with (
            aiohttp.ClientSession(server.url, timeout=aiohttp.ClientTimeout(5)) as http,
            http.post("/process", json={"user_input": "x" * 500_000}) as answer,
        ):
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError):
        return 0, ""


@cell(
    "memory",
    "in a call",
    "A request for which there is none gets 503 with a sentence and `Retry-After`, or its connection is closed; others "
    "are answered, perhaps late. The server lives, and each run that it took finishes when there is memory again.",
)
async def test_no_memory_is_left_while_requests_come(server: RealServer) -> None:
    await server.start()
    with limited(server, resource.RLIMIT_AS, memory_of(server) + ROOM):
        answers = await asyncio.gather(*(post_large(server) for _ in range(24)))
    refused = [answer for answer in answers if answer[0] not in (0, 200, 202)]
    assert {(status, any(said in body for said in SAID)) for status, body in refused} <= {(503, True)}, refused
    await until(server, 200)
    assert (await say(server, "Hello")).status == 200
    async with asyncio.timeout(30):
        while {run["status"] for run in (await ask(server, "GET", "/runs?limit=100")).body["items"]} != {"finished"}:
            await asyncio.sleep(0.1)


@cell("memory", "in a pause", "An answer gets 503 or is taken; if refused it can be given again, and the run finishes.")
async def test_no_memory_is_left_in_a_pause(server: RealServer) -> None:
    await server.start()
    run_id, approve = await asking(server)
    with limited(server, resource.RLIMIT_AS, memory_of(server) + ROOM):
        given = await ask(server, "POST", f"/runs/{run_id}/resume", approve)
        assert given.status in (200, 202, 503), given
    if given.status == 503:
        await until(server, 200)
        assert (await ask(server, "POST", f"/runs/{run_id}/resume", approve)).status in (200, 202)
    assert await until_finished(server, run_id) == "calculator says: 5"


async def is_taken(server: RealServer, connections: list[asyncio.StreamWriter]) -> bool:
    """Open a connection, which stays open. Returns whether a request on it is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    connections.append(writer)
    writer.write(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
    try:
        await reader.readuntil(b"\r\n\r\n")
    except (OSError, EOFError):
        return False
    return True


@cell(
    "descriptors",
    "in a call",
    "Open connections are served; new ones are closed and the log says why. All are taken when descriptors are free "
    "again.",
)
async def test_no_descriptor_is_left_while_requests_come(server: RealServer) -> None:
    await server.start()
    connections: list[asyncio.StreamWriter] = []
    async with aiohttp.ClientSession(server.url) as http:
        async with http.post("/process", json={"user_input": "Hello"}) as first:
            await first.read()  # read whole: the connection stays open
        with limited(server, resource.RLIMIT_NOFILE, descriptors_of(server)):
            async with http.post("/process", json={"user_input": "Hello"}) as open_one:
                assert (await open_one.json())["status"] == "paused" or open_one.status == 200
            async with asyncio.timeout(20):  # some descriptors below the largest one are free, or become so
                while await is_taken(server, connections) or "cannot open another file" not in server.tail(100_000):
                    await asyncio.sleep(0.05)
    assert (await say(server, "Hello")).status == 200
    for connection in connections:
        connection.close()


@cell("descriptors", "in a pause", "The run is answered over an open connection, and finishes.")
async def test_no_descriptor_is_left_in_a_pause(server: RealServer) -> None:
    await server.start()
    run_id, approve = await asking(server)
    async with aiohttp.ClientSession(server.url) as http:
        async with http.get("/livez") as first:
            await first.read()  # read whole: the connection stays open
        with limited(server, resource.RLIMIT_NOFILE, descriptors_of(server)):
            async with http.post(f"/runs/{run_id}/resume", json=approve) as answered:
                await answered.read()
                assert answered.status in (200, 202)
            async with asyncio.timeout(10):
                status = ""
                while status != "finished":
                    async with http.get(f"/runs/{run_id}") as got:
                        status = (await got.json())["status"]
