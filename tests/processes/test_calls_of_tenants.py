"""What a call of one tenant leaves behind in a worker process never reaches a call of another tenant."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from journeyman.clock import SystemClock
from journeyman.errors import ToolExecutionError
from journeyman.ids import SequentialIds
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.spec import ToolOutcome

pytestmark = pytest.mark.asyncio(loop_scope="module")
FOLDER = Path(__file__).parents[1] / "harness/tool_folders/left_behind"
LEVELS = pytest.mark.parametrize("sandbox", [pytest.param("best", marks=pytest.mark.long), "off"])
Call = Callable[..., Awaitable[ToolOutcome]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry() -> AsyncIterator[ToolRegistry]:
    registry = await ToolRegistry.auto_register(FOLDER)
    assert [problem for problem in registry.problems if problem.severity == "error"] == []
    yield registry
    await registry.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[WorkerPool]:
    workers = WorkerPool(limit=3)
    yield workers
    await workers.aclose()


@pytest.fixture
def call(registry: ToolRegistry, workers: WorkerPool, request_for: Any, host: Any, sandbox: str) -> Call:
    executor = Executor(registry, workers, SystemClock(), random.Random(7), SequentialIds(), timeout_seconds=5)

    async def make(name: str, principal: str = "local", **arguments: Any) -> ToolOutcome:
        request = request_for(registry.get(name), arguments, principal=principal)
        spec = request.spec.with_policy(sandbox=sandbox)
        return await executor.execute(msgspec.structs.replace(request, spec=spec), host)

    return make


@LEVELS
async def test_a_process_that_a_tool_forked_and_that_returns_answers_nothing(call: Call) -> None:
    assert (await call("mine", "alice")).result == "of alice"
    assert (await call("fork_and_return", "alice")).result == "of alice: 0"
    assert (await call("mine", "alice")).result == "of alice"


@LEVELS
async def test_a_process_that_a_tool_forked_cannot_speak_for_the_call(call: Call, host: Any) -> None:
    assert (await call("fork_and_fail", "alice")).result == "of alice: 1"
    assert (host.shown, host.patches) == ([], [])
    assert (await call("mine", "alice")).result == "of alice"


@LEVELS
async def test_a_program_that_a_tool_starts_has_no_socket_of_the_worker(call: Call) -> None:
    assert (await call("sockets_of_programs")).result == "none"


@LEVELS
async def test_a_frame_without_the_nonce_of_the_call_ends_the_worker(call: Call) -> None:
    before = (await call("born", "alice")).result
    outcome = await call("answer_twice", "alice")
    assert outcome.failure is not None
    assert outcome.failure.code == "tool_crashed"
    assert "does not belong to the call" in outcome.failure.message
    assert (await call("mine", "alice")).result == "of alice"
    assert (await call("born", "alice")).result != before


@LEVELS
async def test_bytes_that_are_left_after_a_call_end_the_worker(call: Call, tmp_path: Path) -> None:
    when, done = tmp_path / "when", tmp_path / "done"
    for each in (when, done):
        os.mkfifo(each)
    assert (await call("mine", "alice")).result == "of alice"
    before = (await call("born", "alice")).result
    assert (await call("write_later", "alice", when=str(when), done=str(done))).result == "left"
    assert (await call("born", "alice")).result == before
    await asyncio.to_thread(when.write_text, "now")
    assert await asyncio.to_thread(done.read_text) == "done"
    assert (await call("mine", "alice")).result == "of alice"
    assert (await call("born", "alice")).result != before


@LEVELS
async def test_nothing_that_a_call_leaves_behind_is_seen_by_another_principal(
    call: Call, workers: WorkerPool, sandbox: str
) -> None:
    before = json.loads((await call("look_around", "bob")).result or "")
    shared = Path("/dev/shm/left-by-a-call")
    try:
        assert (await call("leave_everything", "alice")).result == "left"
        for _ in range(2):
            assert json.loads((await call("look_around", "bob")).result or "") == before | {"shared": shared.exists()}
        assert not shared.exists() or sandbox == "off" or not (await workers.isolation()).namespaces
    finally:
        shared.unlink(missing_ok=True)
    left = json.loads((await call("look_around", "alice")).result or "")
    assert (left["seen"], left["umask"], left["file"]) == (["of alice"], 0, True), "one's own are as before"


@pytest.mark.long
@LEVELS
async def test_a_pool_of_connections_is_of_one_tenant(call: Call) -> None:
    tenants = ("erin", "frank", "grace")
    for round_ in range(1, 4):
        for tenant in tenants:
            seen = json.loads((await call("query", tenant)).result or "")
            assert seen == {"users": [tenant] * round_, "made": 1}


@pytest.mark.long
@LEVELS
async def test_a_process_ends_when_others_need_its_place_and_is_never_passed_on(
    call: Call, workers: WorkerPool
) -> None:
    tenants = ("alice", "bob", "carol", "dave")
    born = [(await call("born", tenant)).result for tenant in tenants]
    assert len(set(born)) == 4
    assert workers.figures()["idle"] == 3
    assert (await call("born", "dave")).result == born[-1]
    assert (await call("born", "alice")).result not in born


@pytest.mark.long
@LEVELS
async def test_no_more_processes_than_the_limit_exist_however_many_tenants_call_at_once(
    call: Call, workers: WorkerPool
) -> None:
    outcomes = await asyncio.gather(*(call("mine", f"tenant {number % 8}") for number in range(16)))
    assert [outcome.result for outcome in outcomes] == [f"of tenant {number % 8}" for number in range(16)]
    assert workers.figures()["idle"] <= 3


@pytest.mark.parametrize("sandbox", ["off"])
async def test_short_calls_at_once_wait_for_the_process_of_their_principal(call: Call) -> None:
    """To start a process takes as long as dozens of calls, so one per call at once would cost all of them more."""
    tenants = [f"tenant {number % 3}" for number in range(24)]
    born = [outcome.result for outcome in await asyncio.gather(*(call("born", tenant) for tenant in tenants))]
    assert len(set(born)) <= 9, "up to 3 a tenant, where a busy machine makes a call take long"


@pytest.mark.long
async def test_a_worker_refuses_a_call_of_another_principal(
    registry: ToolRegistry, workers: WorkerPool, request_for: Any, host: Any
) -> None:
    tool = registry.get("mine")
    assert tool.target is not None
    async with workers.borrow(tool.target, tool.spec, principal="alice") as borrowed:
        with pytest.raises(ToolExecutionError, match="another principal"):
            await borrowed.invoke(request_for(tool, principal="bob"), host)
