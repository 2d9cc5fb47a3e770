"""What isolation costs: CPU per call, the loop's lag under many calls, other clients' waiting beside hostile ones."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from pathlib import Path

import pytest

from benchmarks.usage import cpu_ms
from journeyman.clock import SystemClock
from journeyman.ids import RandomIds
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.spec import CallRequest
from tests.harness.asgi_client import request

GREEDY = Path(__file__).parents[1] / "harness/tool_folders/resource_hungry"
COUNT = 100  # calls of a pass that measures their cost
PASSES = 5  # a p99 is the fourth worst of 400: what else the machine does can only make it worse
HOSTILE = ("loop_for_ever", "allocate", "fork_bomb", "close_everything", "print_gigabyte", "endless_threads")


class Host:
    async def starting(self, attempt: int) -> None:
        pass

    def progress(self, value: object) -> None:
        pass

    async def change_context(self, scope: str, patch: object) -> None:
        pass


@pytest.fixture
async def call():
    registry = await ToolRegistry.auto_register(GREEDY)
    workers = WorkerPool()
    executor = Executor(registry, workers, SystemClock(), random.Random(7), RandomIds())
    spec = registry.get("born").spec
    request = CallRequest(
        spec=spec, arguments={}, call="m1.0", run_id="run_1", thread_id="t", principal="local", idempotency_key="k"
    )

    async def make() -> None:
        assert (await executor.execute(request, Host())).failure is None

    yield make
    await workers.aclose()
    await registry.aclose()


@pytest.mark.alone
async def test_an_isolated_call_costs_less_than_a_millisecond(call) -> None:
    for _ in range(20):
        await call()
    costs = []
    for _ in range(PASSES):
        before = cpu_ms(os.getpid())
        for _ in range(COUNT):
            await call()
        costs.append((cpu_ms(os.getpid()) - before) / COUNT)
    print(f"{min(costs):.3f} ms of CPU for one call, server and worker, the best of {costs}")
    assert min(costs) < 1.0


async def _lag(until: asyncio.Event) -> list[float]:
    lags = []
    while not until.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - begun - 0.005)
    return sorted(lags)


@pytest.mark.alone
@pytest.mark.long
async def test_32_at_once_leave_the_loop_alone(call) -> None:
    for _ in range(PASSES):
        done = asyncio.Event()
        lagging = asyncio.create_task(_lag(done))
        begun = time.perf_counter()
        for _ in range(30):
            await asyncio.gather(*(call() for _ in range(32)))
        took = time.perf_counter() - begun
        done.set()
        lags = await lagging
        p99 = lags[int(len(lags) * 0.99)]
        print(f"30 times 32 calls in {took:.2f} s, workers started too; lag p99 {p99 * 1000:.1f} ms of {len(lags)}")
        if p99 < 0.05:
            return
    pytest.fail(f"the loop's lag had a p99 of {p99 * 1000:.1f} ms in the last of {PASSES} passes")


async def _p99(asgi, count: int) -> float:
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        answer = await request(asgi, "POST", "/execute_tool", json={"tool_name": "current_time", "arguments": {}})
        taken.append(time.perf_counter() - begun)
        assert answer.status == 200
        await asyncio.sleep(0.003)
    return sorted(taken)[int(count * 0.99)]


@pytest.mark.alone
@pytest.mark.long
async def test_other_clients_do_not_wait_for_hostile_tools() -> None:
    app = App(Settings.read(None, database_url="memory://", tools_path=GREEDY, default_model="offline"))
    asgi = await app.start()

    async def misuse(enough: asyncio.Event) -> None:
        for name in itertools.cycle(HOSTILE):
            if enough.is_set():
                return
            answer = await request(asgi, "POST", "/execute_tool", json={"tool_name": name, "arguments": {}})
            assert "error" in answer.json()

    async def windows() -> tuple[float, float]:
        quiet = await _p99(asgi, 400)
        enough = asyncio.Event()
        misusing = asyncio.create_task(misuse(enough))
        beside = await _p99(asgi, 400)
        enough.set()
        await misusing
        print(f"p99 quiet {quiet * 1000:.1f} ms, beside hostile tools {beside * 1000:.1f} ms")
        return quiet, beside

    await _p99(asgi, 100)
    try:
        for _ in range(PASSES):
            quiet, beside = await windows()
            if beside < 3 * quiet:
                return
    finally:
        await app.stop()
    pytest.fail(f"beside hostile tools p99 was {beside / quiet:.1f} times the quiet one in the last of {PASSES} passes")
