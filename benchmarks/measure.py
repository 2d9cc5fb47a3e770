"""What is measured: runs, streams, long threads, idle threads, start. Every load is bounded in count and time."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers
from benchmarks.figures import Figure
from benchmarks.gateway import ANSWER
from benchmarks.load import Batch, drive, read_stream, request
from benchmarks.servers import Server


@dataclass(frozen=True)
class Dose:
    """How much of everything. A batch of runs is repeated, and the cheapest batch counts."""

    runs: tuple[tuple[int, int], ...] = ((1, 200), (32, 1500), (128, 1500))  # concurrency, requests
    batches: int = 3
    node_runs: int = 1000
    pairs: int = 24  # of batches with logs and metrics, and without
    pair_runs: int = 250
    streams: int = 8
    tokens: int = 400
    stream_rounds: int = 3
    first_tokens: int = 40
    turns: int = 1000
    turn_threads: int = 8
    idle_threads: int = 10_000


FULL = Dose()
SHORT = Dose(
    runs=((32, 1000),),
    pairs=14,
    pair_runs=200,
    stream_rounds=2,
    tokens=200,
    first_tokens=15,
    turns=0,
    turn_threads=0,
    idle_threads=0,
)


def run_all(dose: Dose) -> list[Figure]:
    """Every figure of one pass. Raises LoadError or ChildFailed when something does not work."""
    figures: list[Figure] = []
    figures.append(Figure("a million additions in Python (speed of the machine)", _speed(), "ms"))
    with tempfile.TemporaryDirectory(prefix="journeyman-bench-") as name:
        folder = Path(name)
        with servers.gateway(folder, 1, 0) as url:
            with servers.floor(folder, url) as floor, servers.journeyman(folder, url) as server:
                figures += starts(server, floor)
                figures += asyncio.run(runs(server, floor, dose))
                figures.append(asyncio.run(nodes(server, dose)))
                figures.append(Figure("RSS loaded", server.rss_mb, "MB", floor.rss_mb))
            with servers.blind(folder, url) as blind, servers.journeyman(folder, url, "INFO") as server:
                figures.append(asyncio.run(seeing(server, blind, dose)))
            figures += _threads(folder, url, dose)
        with (
            servers.gateway(folder, dose.tokens, 0.002) as url,
            servers.floor(folder, url) as floor,
            servers.journeyman(folder, url) as server,
        ):
            figures += asyncio.run(streams(server, floor, dose))
    return figures


def _threads(folder: Path, url: str, dose: Dose) -> list[Figure]:
    """Long and idle threads, each on a server of its own."""
    figures: list[Figure] = []
    if dose.turns:
        with servers.journeyman(folder, url) as server:
            figures += asyncio.run(long_threads(server, dose))
    if dose.idle_threads:
        with servers.journeyman(folder, url) as server:
            figures.append(asyncio.run(idle_threads(server, dose)))
    return figures


def _speed() -> float:
    begin, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return (time.process_time() - begin) * 1000


def starts(server: Server, floor: Server) -> list[Figure]:
    return [
        Figure("cold start to /readyz", server.cold, "s", floor.cold, target=1.5, ratio_bound=1.8),
        Figure("RSS idle", server.rss_mb, "MB", floor.rss_mb, bound=90),
    ]


# --- runs


def _sums(count: int, agent: str = "adder") -> Iterator[bytes]:
    """The same question on a fresh thread each time."""
    for _ in range(count):
        yield request("POST", "/process", {"user_input": "What is 1 + 2?", "agent": agent})


async def _batch(server: Server, concurrency: int, count: int, agent: str = "adder") -> tuple[float, Batch]:
    """CPU ms per run, and what the clients saw."""
    before = server.cpu_ms
    batch = await drive(server.port, _sums(count, agent), concurrency, ANSWER, 120)
    return (server.cpu_ms - before) / count, batch


async def runs(server: Server, floor: Server, dose: Dose) -> list[Figure]:
    """Batches of floor and server take turns, so that both meet the same noise."""
    figures = []
    for warm in (floor, server):
        await drive(warm.port, _sums(200), 8, ANSWER, 60)
    for concurrency, count in dose.runs:
        ours, floors = [], []
        for _ in range(dose.batches):
            floors.append(await _batch(floor, concurrency, count))
            ours.append(await _batch(server, concurrency, count))
        (cpu, batch), (floor_cpu, floor_batch) = min(ours, key=_cost), min(floors, key=_cost)
        gated = concurrency == 32
        figures += [
            Figure(
                f"CPU per run, c{concurrency}",
                cpu,
                "ms",
                floor_cpu,
                target=1.0 if gated else None,
                ratio_bound=2.2 if gated else None,
            ),
            Figure(f"p50, c{concurrency}", batch.percentile(0.5), "ms", floor_batch.percentile(0.5)),
            Figure(f"p99, c{concurrency}", batch.percentile(0.99), "ms", floor_batch.percentile(0.99)),
            Figure(f"runs per second, c{concurrency}", batch.rate, "/s", floor_batch.rate),
        ]
    return figures


def _cost(pair: tuple[float, Batch]) -> float:
    return pair[0]


_NODES = 3  # that the job passes as a graph: llm, tools, llm


async def nodes(server: Server, dose: Dose) -> Figure:
    """CPU µs per node: the same job, with the same calls and commits, as a graph and without one.

    In it are two events a node and, for two nodes of three, a condition, which takes the CEL library 20 to 50 µs.
    """
    await drive(server.port, _sums(200, "walker"), 8, ANSWER, 60)
    plain, walked = [], []
    for _ in range(dose.batches):
        plain.append((await _batch(server, 32, dose.node_runs))[0])
        walked.append((await _batch(server, 32, dose.node_runs, "walker"))[0])
    return Figure("CPU per node of a graph", (min(walked) - min(plain)) * 1000 / _NODES, "µs", target=80)


async def seeing(server: Server, blind: Server, dose: Dose) -> Figure:
    """CPU per run with logs and metrics as shipped; the floor is the same server with neither.

    Small batches take turns, each pair in the other order than the one before; the ratio is the median of theirs.
    """
    for warm in (blind, server):
        await drive(warm.port, _sums(200), 8, ANSWER, 60)
    pairs = []
    for place in range(dose.pairs):
        order = (server, blind) if place % 2 else (blind, server)
        costs = {each.port: (await _batch(each, 32, dose.pair_runs))[0] for each in order}
        pairs.append((costs[server.port], costs[blind.port]))
    unseen = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(seen / unseen for seen, unseen in pairs)
    return Figure("CPU per run with logs and metrics, c32", unseen * ratio, "ms", unseen, ratio_bound=1.15)


# --- streams

_TALK = {"user_input": "Talk.", "agent": "talker"}


async def _stream_cost(server: Server, dose: Dose) -> float:
    """CPU ms per 1,000 tokens over parallel streams."""
    message = request("POST", "/process", _TALK, "text/event-stream")
    before = server.cpu_ms
    counts = await asyncio.gather(*(read_stream(server.port, message, lambda _: None, 60) for _ in range(dose.streams)))
    if any(count != dose.tokens for count in counts):
        raise AssertionError(f"tokens lost: {counts} of {dose.tokens} each")
    return (server.cpu_ms - before) * 1000 / sum(counts)


async def _first_token(server: Server, dose: Dose) -> float:
    """Median ms from the gateway's first write to the arrival at the client, one stream at a time."""
    firsts = []
    for _ in range(dose.first_tokens):
        seen: list[int] = []
        await read_stream(server.port, request("POST", "/process", _TALK, "text/event-stream"), seen.append, 60)
        firsts.append(seen[0] / 1e6)
    return statistics.median(firsts)


async def streams(server: Server, floor: Server, dose: Dose) -> list[Figure]:
    for warm in (floor, server):
        await _stream_cost(warm, dose)
    pairs = [(await _stream_cost(floor, dose), await _stream_cost(server, dose)) for _ in range(dose.stream_rounds)]
    first_floor, first = await _first_token(floor, dose), await _first_token(server, dose)
    return [
        Figure(
            f"CPU per 1,000 tokens, {dose.streams} streams",
            min(ours for _, ours in pairs),
            "ms",
            min(floors for floors, _ in pairs),
            target=60,
            ratio_bound=1.8,  # 60 ms over the reference floor's best, 33 ms
        ),
        Figure("first token, gateway to client, p50", first, "ms", first_floor, bound=3),
    ]


# --- threads


_WINDOW = 25  # turns: a multiple of the trim's period (5 messages of 20, 50 of 200, two a turn)


async def _turns(server: Server, agent: str, group: str, dose: Dose, first: int, last: int) -> float:
    """Take turns first..last on every thread of a group; CPU ms per turn."""
    before = server.cpu_ms
    for turn in range(first, last + 1):
        bodies = [
            {"user_input": f"Turn {turn:04d}.", "agent": agent, "thread_id": f"{agent}-{group}-{thread}"}
            for thread in range(dose.turn_threads)
        ]
        messages = (request("POST", "/process", body) for body in bodies)
        await drive(server.port, messages, dose.turn_threads, ANSWER, 60)
    return (server.cpu_ms - before) / (dose.turn_threads * (last - first + 1))


async def long_threads(server: Server, dose: Dose) -> list[Figure]:
    """Old threads against young ones, the young as the floor: windows take turns, and the cheapest of each counts."""
    figures = []
    for agent, young, bound in (("short", 10, 1.2), ("long", 100, 1.05)):
        await _turns(server, agent, "young", dose, 1, young - 1)
        await _turns(server, agent, "old", dose, 1, dose.turns - 1)
        pairs = []
        for place in range(dose.batches + 1):
            first = [await _turns(server, agent, "young", dose, *_window(young, place))]
            first.append(await _turns(server, agent, "old", dose, *_window(dose.turns, place)))
            pairs.append(first)
        early, late = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        name = f"turn {dose.turns} against turn {young}, {agent}"
        figures.append(Figure(name, late, "ms", early, ratio_bound=bound))
    return figures


def _window(start: int, place: int) -> tuple[int, int]:
    return start + place * _WINDOW, start + (place + 1) * _WINDOW - 1


async def idle_threads(server: Server, dose: Dose) -> Figure:
    """Growth of RSS in MB by the last four fifths of the threads; the first fifth fills caches."""

    def creations(first: int, last: int) -> Iterator[bytes]:
        return (request("POST", "/threads", {"thread_id": f"idle-{number}"}) for number in range(first, last))

    fifth = dose.idle_threads // 5
    await drive(server.port, creations(0, fifth), 16, b"idle-", 120)
    before = server.rss_mb
    await drive(server.port, creations(fifth, dose.idle_threads), 16, b"idle-", 120)
    count = await asyncio.to_thread(_first_page, server.port)
    if not count:
        raise AssertionError("the threads are not there")
    return Figure(f"RSS growth by {dose.idle_threads - fifth} idle threads", server.rss_mb - before, "MB", bound=4)


def _first_page(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/threads", timeout=10) as answer:
        return len(json.load(answer)["items"])
