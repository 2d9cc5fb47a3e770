"""Tools that take more than they may: each costs one error with a stable code, in time, and the next call is served."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from benchmarks.usage import cpu_ms
from journeyman.clock import SystemClock
from journeyman.ids import SequentialIds
from journeyman.tools.executor import Executor
from journeyman.tools.permissions import Permissions
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.sandbox.detection import AvailableIsolation, detect
from journeyman.tools.spec import CallRequest, ToolOutcome

pytestmark = pytest.mark.asyncio(loop_scope="module")
GREEDY = Path(__file__).parents[1] / "harness/tool_folders/resource_hungry"
COSTS = {
    # tool: code, seconds of its limit, part of the message
    "loop_for_ever": ("tool_timeout", 0.5, "0.5 seconds"),
    "use_cpu": ("tool_limit", 2.0, "more than 1 seconds of CPU"),
    "allocate": ("tool_limit", 0.0, "memory"),
    "map_memory": ("tool_failed", 0.0, "Cannot allocate memory"),
    "fork_bomb": ("tool_timeout", 2.0, "2 seconds"),
    "close_everything": ("tool_crashed", 0.0, "process"),
    "print_gigabyte": ("tool_limit", 0.0, "more than 4 MiB"),
    "endless_threads": ("tool_timeout", 0.5, "0.5 seconds"),
    "mind_no_signal": ("tool_timeout", 0.5, "0.5 seconds"),
    "write_file": ("tool_failed", 0.0, "File too large"),
    "open_files": ("tool_failed", 0.0, "Too many open files"),
}

CPU = "use_cpu"  # its limit counts seconds of CPU, and a busy machine gives those slowly
PASSES = 3  # what else the machine does can only make a pass longer


class Host:
    """A run that asks for nothing."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    async def starting(self, attempt: int) -> None:
        self.attempts.append(attempt)

    def progress(self, value: object) -> None:
        pass

    async def change_context(self, scope: str, patch: object) -> None:
        pass


def request_for(tool, arguments=None) -> CallRequest:
    return CallRequest(
        spec=tool.spec,
        arguments=arguments or {},
        call="m1.0",
        run_id="run_1",
        thread_id="t",
        principal="local",
        idempotency_key="key_1",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry():
    registry = await ToolRegistry.auto_register(GREEDY)
    assert [problem for problem in registry.problems if problem.severity == "error"] == []
    yield registry
    await registry.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel():
    return await detect()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["best", "off"])
async def sandbox(request, kernel):
    """With what the kernel gives, and with none of it."""
    if request.param == "best" and kernel.missing:
        text = f"this machine gives no whole sandbox: {', '.join(kernel.missing)}"
        pytest.fail(text) if "CI" in os.environ else pytest.skip(text)
    return request.param


UNDER_BEST = pytest.mark.parametrize("sandbox", ["best"], indirect=True, scope="module")
SHOWS_NOTHING = ("fork_bomb", "use_cpu")  # without a sandbox: only the limit of time holds the one; the other is slow


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers(sandbox):
    workers = WorkerPool(limit=2)
    yield workers
    await workers.aclose()


@pytest.fixture
def call(registry, workers, sandbox):
    executor = Executor(registry, workers, SystemClock(), random.Random(7), SequentialIds(), timeout_seconds=5)

    async def make(name: str, arguments=None, **policy):
        request = request_for(registry.get(name), arguments)
        spec = request.spec.with_policy(**{"sandbox": sandbox, **policy})
        return await executor.execute(msgspec.structs.replace(request, spec=spec), Host())

    return make


async def _with_time(work: Coroutine[Any, Any, ToolOutcome]) -> tuple[ToolOutcome, float]:
    begun = time.monotonic()
    return await work, time.monotonic() - begun


async def _with_cpu(work: Coroutine[Any, Any, ToolOutcome]) -> tuple[ToolOutcome, float]:
    """Also the most seconds of CPU that this process and those below it were seen to use meanwhile."""
    before = most = cpu_ms(os.getpid())
    task = asyncio.create_task(work)
    while not task.done():
        await asyncio.wait([task], timeout=0.02)
        most = max(most, cpu_ms(os.getpid()))
    return await task, (most - before) / 1000


@pytest.mark.alone
@pytest.mark.parametrize(
    ("sandbox", "name"),
    [(level, name) for level in ("best", "off") for name in COSTS if level == "best" or name not in SHOWS_NOTHING],
    indirect=["sandbox"],
    scope="module",
)
async def test_greed_costs_one_error_in_time(call, name, sandbox):
    await call("born")  # a warm process
    code, limit, message = COSTS[name]
    for _ in range(PASSES):
        outcome, took = await (_with_cpu if name == CPU else _with_time)(call(name))
        print(f"{sandbox:5} {name:18} {outcome.failure.code:13} {took:.2f} s  {outcome.failure.message}")
        assert outcome.failure.code == code
        assert message in outcome.failure.message
        assert (await call("born")).failure is None
        if took < limit + 1:
            return
    pytest.fail(f"{took:.2f} s in the last of {PASSES} passes")


@pytest.mark.alone
@UNDER_BEST
async def test_processes_are_counted(call, sandbox):
    for _ in range(2):
        assert int((await call("count_forks")).result) < 24


async def test_a_long_text_is_cut(call):
    result = (await call("five_megabytes")).result
    assert len(result) < 66_000
    assert "[cut: " in result


@pytest.mark.alone
async def test_a_thread_that_runs_on_ends_with_its_process(call):
    before = (await call("leave_busy_thread")).result
    assert (await call("born")).result != before


async def _stays_still(heartbeat: Path) -> bool:
    last = heartbeat.read_text()
    await asyncio.sleep(0.2)
    return heartbeat.read_text() == last


@pytest.mark.alone
@pytest.mark.parametrize(("name", "code"), [("leave_daemon", None), ("hang_with_daemon", "tool_timeout")])
async def test_a_daemon_does_not_outlive_its_call(call, tmp_path, name, code):
    heartbeat = tmp_path / "heartbeat"
    outcome = await call(name, {"heartbeat": str(heartbeat)})
    assert (outcome.failure.code if outcome.failure else None) == code
    assert await _stays_still(heartbeat)


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def reach(call, listening, tmp_path, sandbox, kernel):
    (tmp_path / "file").write_text("secret")

    async def look(**permissions):
        arguments = {"port": listening, "path": str(tmp_path / "file"), "pid": os.getpid()}
        outcome = await call("probe", arguments, **permissions)
        assert outcome.failure is None, outcome.failure
        return json.loads(outcome.result)

    return look


@UNDER_BEST
async def test_what_is_not_declared_is_not_restricted_but_the_server_is_out_of_reach(reach):
    seen = await reach()
    assert (seen["connect"], seen["read"], seen["write"], seen["run"]) == ("done", "done", "done", "done")
    assert (seen["kill"], seen["environ"], seen["user"]) == (
        "ProcessLookupError",
        "FileNotFoundError",
        "PermissionError",
    )


@UNDER_BEST
async def test_no_network_and_no_files_are_kept_by_the_kernel(reach):
    seen = await reach(permissions=Permissions(network=(), files=()))
    assert (seen["connect"], seen["read"], seen["write"]) == ("PermissionError",) * 3
    assert (seen["temporary"], seen["run"]) == ("done", "done")


@UNDER_BEST
async def test_a_folder_of_the_search_path_is_not_read(reach, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))  # as `python -m journeyman` does with the working folder
    seen = await reach(permissions=Permissions(files=()))
    assert (seen["read"], seen["run"]) == ("PermissionError", "done")


@UNDER_BEST
async def test_a_declared_path_can_be_written(reach, tmp_path):
    assert (await reach(permissions=Permissions(files=(str(tmp_path),))))["write"] == "done"


@UNDER_BEST
async def test_only_the_variables_granted_are_seen(reach, monkeypatch):
    monkeypatch.setenv("JM_GRANTED", "yes")
    monkeypatch.setenv("JM_SECRET", "no")
    seen = await reach(permissions=Permissions(env=("JM_GRANTED", "JM_ABSENT")))
    assert (seen["granted"], seen["secret"]) == ("yes", None)


async def test_strict_refuses_what_the_machine_cannot_give(registry):
    async def bare() -> AvailableIsolation:
        return AvailableIsolation(system_calls=True)

    workers = WorkerPool(limit=1, detect=bare)
    executor = Executor(registry, workers, SystemClock(), random.Random(7), SequentialIds())
    request, host = request_for(registry.get("born")), Host()
    strict = request.spec.with_policy(sandbox="strict")
    outcome = await executor.execute(msgspec.structs.replace(request, spec=strict), host)
    assert (outcome.failure.code, host.attempts) == ("tool_refused", [])
    assert "namespaces" in outcome.failure.message
    await workers.aclose()
