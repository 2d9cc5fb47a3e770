from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.errors import ServiceError, ServiceUnavailableError, StaleEpochError, ToolExecutionError
from journeyman.ids import SequentialIds
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import BaseTool, ToolContext, ToolRetry, resource, tool

HOSTILE = Path(__file__).parents[2] / "harness/tool_folders/misbehaving"


class EagerClock(ManualClock):
    """A manual clock whose `sleep` advances the time and returns at once."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


class Service:
    def __init__(self) -> None:
        self.closed = False


OPENED: list[Service] = []


@resource
async def service() -> AsyncIterator[Service]:
    opened = Service()
    OPENED.append(opened)
    await asyncio.sleep(0)
    yield opened
    opened.closed = True


class Numbers(list):
    pass


@resource
def numbers() -> Iterator[Numbers]:
    yield Numbers([1, 2])


class Script(BaseTool):
    """A tool that follows a script: each call does what the next entry says."""

    name = "script"
    description = "Follow a script."
    effects = "idempotent"

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.keys: list[str] = []

    async def run(self, ctx: ToolContext) -> object:
        self.keys.append(ctx.idempotency_key)
        act = self.script.pop(0)
        if isinstance(act, BaseException):
            raise act
        if act == "hang":
            await asyncio.sleep(60)
        return act


@pytest.fixture
def clock() -> EagerClock:
    return EagerClock()


@pytest.fixture
def registry() -> ToolRegistry:
    return ToolRegistry()


@pytest.fixture
def executor(registry, clock) -> Executor:
    return Executor(registry, WorkerPool(), clock, random.Random(7), SequentialIds(), timeout_seconds=5, max_retries=3)


async def run(registry, executor, request_for, host, thing, arguments=None, **facts):
    registered = await registry.register_tool(thing)
    return await executor.execute(request_for(registered, arguments, **facts), host)


@tool(effects="none")
async def greet(name: str, ctx: ToolContext, times: int = 1) -> dict:
    """Greet."""
    await ctx.progress(0.5)
    await ctx.progress(float("nan"))
    await ctx.context.patch(thread={"met": {name: True}}, global_={"count": 1, "old": None})
    ctx.log.info("met %s", name)
    return {"hello": name, "who": ctx.principal, "run": ctx.run_id, "thread": ctx.context.thread, "t": ctx.thread_id}


async def test_a_call_with_all_of_the_context(registry, executor, request_for, host):
    given = {"met": {"x": 1}}
    outcome = await run(registry, executor, request_for, host, greet, {"name": "Ann"}, thread_context=given, attempt=2)
    assert outcome.failure is None
    assert outcome.result == '{"hello":"Ann","who":"local","run":"run_1","thread":{"met":{"x":1,"Ann":true}},"t":"t"}'
    assert (host.attempts, outcome.attempts) == ([2], 1)
    assert host.shown == [0.5, "nan"]
    assert host.patches == [("thread", {"met": {"Ann": True}}), ("global", {"count": 1, "old": None})]
    assert given == {"met": {"x": 1}}


async def test_a_patch_that_is_not_json_fails_in_the_tool(registry, executor, request_for, host):
    @tool(effects="none")
    async def bad_patch(ctx: ToolContext) -> str:
        """Patch nonsense."""
        await ctx.context.patch(thread={"x": float("nan")})
        return "?"

    outcome = await run(registry, executor, request_for, host, bad_patch)
    assert outcome.failure.code == "tool_bad_result"
    assert host.patches == []


async def test_a_once_tool_that_returned_never_reads_like_one_that_did_not_run(registry, executor, request_for, host):
    class Broken:
        def model_dump(self, mode: str) -> object:
            raise SystemExit("while its result is read")

    @tool(effects="once")
    async def pay() -> object:
        """Pay."""
        return {"receipt": Broken(), "amount": float("nan"), b"raw": 1}

    outcome = await run(registry, executor, request_for, host, pay)
    assert (outcome.failure, outcome.unknown) == (None, False)
    assert outcome.result.startswith('{"receipt":"<Broken, ')
    assert outcome.result.endswith('"amount":null,"<bytes, 3 bytes>":1}')


class ForeignInvoker:
    """An invoker whose library raises what it likes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def invoke(self, request: object, host: object) -> object:
        raise self.error


FOREIGN = [
    (RuntimeError("the handler is closed"), "tool_failed", True),
    (AttributeError("'NoneType' object has no attribute 'write'"), "tool_failed", True),
    (ConnectionResetError("gone"), "tool_failed", True),
    (ServiceError("cut", code="service_cut"), "service_cut", True),
    (ServiceUnavailableError("not sent", code="circuit_open"), "circuit_open", False),
]


@pytest.mark.parametrize(("error", "code", "may_have_run"), FOREIGN, ids=lambda value: str(value)[:12])
@pytest.mark.parametrize("effects", ["once", "none"])
async def test_an_error_of_a_library_fails_the_call_and_not_the_run(
    registry, executor, request_for, host, error, code, may_have_run, effects
):
    @tool(effects=effects)
    async def far() -> str:
        """Call something far away."""
        return ""

    registered = await registry.register_tool(far)
    registry.remove("far")
    outcome = await executor.execute(
        request_for(registry.add(msgspec.structs.replace(registered, invoker=ForeignInvoker(error)))), host
    )
    unknown = effects == "once" and may_have_run
    assert outcome.unknown is unknown
    assert outcome.failure.code == ("outcome_unknown" if unknown else code)


async def test_an_error_of_the_journal_passes(registry, executor, request_for, host):
    registered = await registry.register_tool(greet)
    registry.remove("greet")
    invoker = ForeignInvoker(StaleEpochError("another process has the run"))
    with pytest.raises(StaleEpochError):
        await executor.execute(
            request_for(registry.add(msgspec.structs.replace(registered, invoker=invoker)), {"name": "Ann"}), host
        )


async def test_resources_are_opened_once_and_closed_at_the_end(registry, executor, request_for, host):
    OPENED.clear()

    @tool(effects="none")
    async def use(db: Service, n: Numbers) -> str:
        """Use both."""
        return f"{db.closed} {n[1]}"

    registered = await registry.register_tool(use)
    assert registered.spec.parameters["properties"] == {}
    outcomes = await asyncio.gather(*(executor.execute(request_for(registered), host) for _ in range(5)))
    assert {outcome.result for outcome in outcomes} == {"False 2"}
    assert len(OPENED) == 1
    await registry.aclose()
    assert OPENED[0].closed


async def test_tries_again_with_one_key_and_full_jitter(registry, executor, request_for, host, clock):
    script = Script(ConnectionResetError("gone"), TimeoutError(), ToolRetry(after=2.5), {"ok": 1})
    outcome = await run(registry, executor, request_for, host, script)
    assert (outcome.result, outcome.attempts) == ('{"ok":1}', 4)
    assert host.attempts == [1, 2, 3, 4]
    assert set(script.keys) == {"key_1"}
    assert 0 <= clock.slept[0] <= 0.2
    assert 0 <= clock.slept[1] <= 0.4
    assert clock.slept[2] == 2.5
    assert outcome.duration_ms == pytest.approx(sum(clock.slept) * 1000)


async def test_retries_end(registry, executor, request_for, host):
    outcome = await run(registry, executor, request_for, host, Script(*[ConnectionError("down")] * 9))
    assert (outcome.failure.code, outcome.attempts) == ("tool_failed", 4)
    assert outcome.failure.message == "ConnectionError: down"


@pytest.mark.parametrize(
    "exc", [ValueError("no"), FileNotFoundError(2, "No such file", "/etc/x/y"), PermissionError("no")]
)
async def test_faults_of_the_call_are_not_tried_again(registry, executor, request_for, host, exc):
    outcome = await run(registry, executor, request_for, host, Script(exc))
    assert (outcome.failure.code, outcome.attempts) == ("tool_failed", 1)
    assert "/etc" not in outcome.failure.message


class Once(Script):
    effects = "once"


@pytest.mark.parametrize("exc", [ConnectionError("down"), ToolRetry()])
async def test_once_is_never_tried_again(registry, executor, request_for, host, exc):
    outcome = await run(registry, executor, request_for, host, Once(exc))
    assert (outcome.failure.code, outcome.attempts, outcome.unknown) == ("tool_failed", 1, False)


async def test_a_timeout_stops_the_tool(registry, executor, request_for, host):
    class Hang(Script):
        timeout_seconds = 0.01
        retries = 1

    outcome = await run(registry, executor, request_for, host, Hang("hang", "hang"))
    assert (outcome.failure.code, outcome.attempts, outcome.unknown) == ("tool_timeout", 2, False)


async def test_a_once_call_that_timed_out_is_unknown(registry, executor, request_for, host):
    class Hang(Once):
        timeout_seconds = 0.01

    outcome = await run(registry, executor, request_for, host, Hang("hang"))
    assert (outcome.failure.code, outcome.attempts, outcome.unknown) == ("outcome_unknown", 1, True)


@pytest.mark.parametrize("exc", [SystemExit(3), KeyboardInterrupt(), BaseException("x"), asyncio.CancelledError("own")])
async def test_nothing_a_tool_raises_passes_the_executor(registry, executor, request_for, host, exc):
    outcome = await run(registry, executor, request_for, host, Script(exc))
    assert outcome.failure.code == "tool_failed"
    assert not outcome.unknown


async def test_cancellation_passes_through_and_stops_the_tool(registry, executor, request_for, host):
    stopped = asyncio.Event()
    started = asyncio.Event()

    @tool(effects="none")
    async def wait() -> str:
        """Wait."""
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return "?"

    registered = await registry.register_tool(wait)
    task = asyncio.create_task(executor.execute(request_for(registered), host))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


async def test_what_the_host_raises_at_the_start_is_not_the_tools(registry, executor, request_for):
    class TakenOver:
        async def starting(self, attempt: int) -> None:
            raise StaleEpochError("another writer")

    registered = await registry.register_tool(greet)
    with pytest.raises(StaleEpochError):
        await executor.execute(request_for(registered, {"name": "a"}), TakenOver())


async def test_a_missing_tool_is_an_outcome(registry, executor, request_for, host):
    registered = await ToolRegistry().register_tool(greet)
    outcome = await executor.execute(request_for(registered), host)
    assert (outcome.failure.code, outcome.attempts, host.attempts) == ("tool_not_found", 0, [])


async def test_the_log_has_the_traceback_and_the_model_has_not(registry, executor, request_for, host, caplog):
    with caplog.at_level(logging.WARNING):
        outcome = await run(registry, executor, request_for, host, Script(RuntimeError("in /srv/app/keys.txt")))
    assert outcome.failure.message == "RuntimeError: in …/keys.txt"
    record = caplog.records[-1]
    assert "Traceback" in record.detail
    assert (record.call, record.tool, record.error_id) == ("m1.0", "script", outcome.failure.error_id)


async def test_an_error_of_our_tree_keeps_its_code(registry, executor, request_for, host):
    outcome = await run(registry, executor, request_for, host, Script(ToolExecutionError("sold out", code="sold_out")))
    assert (outcome.failure.code, outcome.failure.message) == ("sold_out", "sold out")


HIDDEN = "\x1b[2J\x9b\u202egnp.exe\u2066\u200f\u061c\U000e0041\x00"


async def test_invisible_characters_are_removed_from_results_and_failures(registry, executor, request_for, host):
    script = Script(f"a{HIDDEN}b\tc\nd", {"k": f"x{HIDDEN}"}, ToolExecutionError(f"no{HIDDEN}!"))
    outcomes = [await run(registry, executor, request_for, host, script)]
    registered = registry.get("script")
    outcomes += [await executor.execute(request_for(registered), host) for _ in range(2)]
    assert [outcome.result for outcome in outcomes] == ["a[2Jgnp.exeb\tc\nd", outcomes[1].result, None]
    assert not any(char in outcomes[1].result for char in HIDDEN if not char.isascii())
    assert outcomes[2].failure.message == "no[2Jgnp.exe!"


async def test_a_failure_is_capped(registry, executor, request_for, host):
    outcome = await run(registry, executor, request_for, host, Script(ToolExecutionError("x" * 100_000)))
    assert len(outcome.failure.message) == 4000
