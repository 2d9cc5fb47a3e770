"""A gateway is not there, for a moment or for an hour."""

from __future__ import annotations

import asyncio

import pytest

from journeyman.agents.spec import NodeSpec
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.events.events import Lack, ModelCalled, RunPaused, RunResumed
from journeyman.events.messages import user
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.requests import RunResult, StartRun
from tests.harness.incomplete_runtime import (
    UNREACHABLE,
    FickleGateway,
    IncompleteRuntime,
    Reply,
    desk,
    graph_of,
    incomplete,
)
from tests.surroundings.table import cell

AWAY = [
    UNREACHABLE,
    ServiceError("no gateway is set", code="gateway_not_set"),
    ServiceUnavailableError("open", code="gateway_circuit_open", retry_after=2.0),
    ServiceUnavailableError("full", code="gateway_overloaded", retry_after=1.0),
    ServiceUnavailableError("slow", code="gateway_throttled", retry_after=1.0),
    ServiceUnavailableError("limit", code="gateway_rate_limited", status=429, retry_after=1.0),
    ServiceError("bad", code="gateway_error", status=502),
    ServiceUnavailableError("busy", code="gateway_error", status=503),
    ServiceUnavailableError("over", code="gateway_error", status=529),
]
FAILS = [
    ServiceError("key", code="gateway_auth", status=401),
    ServiceError("no", code="gateway_rejected", status=404),
    ServiceError("500", code="gateway_error", status=500),
    ServiceError("reply", code="gateway_bad_reply"),
    ServiceError("credit", code="gateway_no_credit", status=402),
    ServiceError("filter", code="gateway_filtered", status=400),
]


def named(error: ServiceError) -> str:
    return error.code if error.status is None else f"{error.code} {error.status}"


NOT_SET, RETRIED = AWAY[1], [AWAY[0], *AWAY[2:]]
CODES_AWAY, CODES_FAILING = ", ".join(map(named, AWAY)), ", ".join(map(named, FAILS))


async def life(runtime: IncompleteRuntime, run_id: str) -> list[str]:
    """Return the pauses and resumptions of a run."""
    return [kind for kind in await runtime.types(run_id) if kind in ("run_paused", "run_resumed")]


@cell(
    "gateway",
    "in a call",
    "The run waits (`waiting_for: gateway`) with two events for the whole outage, and goes on within 2 s of the"
    " return.",
    case=CODES_AWAY,
)
@pytest.mark.parametrize("failure", AWAY, ids=named)
async def test_an_hour_without_it_costs_two_events(failure: ServiceError) -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = failure
        runs = [await runtime.start(f"a{number}") for number in range(5)]
        await runtime.pass_time(30)
        for run_id in runs:
            assert (await runtime.state(run_id)).lacks == Lack("gateway")
        assert runtime.runtime.scheduler.running == 0
        await runtime.pass_time(3600, step=5)
        assert [await life(runtime, run_id) for run_id in runs] == [["run_paused"]] * 5
        runtime.gateway.failure = None
        back = runtime.clock.monotonic()
        await runtime.pass_time(4)
        for run_id in runs:
            state = await runtime.state(run_id)
            assert state.status == "finished"
            assert state.active_us < 15_000_000  # ten seconds of trying count, the hour does not
            assert await life(runtime, run_id) == ["run_paused", "run_resumed"]
            events = [entry.event for entry in await runtime.journal.read(run_id)]
            assert [event.reason for event in events if isinstance(event, RunResumed)] == ["found"]
            assert sum(isinstance(event, ModelCalled) for event in events) == 2
        assert runtime.gateway.asked[0] - back <= 2.0


@cell(
    "gateway",
    "in a call",
    "Back within 10 s, the step tries again and no event is written.",
    case="away for 5 s: " + ", ".join(map(named, RETRIED)),
)
@pytest.mark.parametrize("failure", RETRIED, ids=named)
async def test_a_moment_without_it_costs_nothing(failure: ServiceError) -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = failure
        run_id = await runtime.start("a")
        await runtime.pass_time(5)
        runtime.gateway.failure = None
        await runtime.pass_time(4)
        assert (await runtime.state(run_id)).status == "finished"
        assert await life(runtime, run_id) == []


@cell("gateway", "in a call", "The run waits at once: only a reload can set a gateway.", case=named(NOT_SET))
async def test_a_gateway_that_is_not_set_is_not_called_again() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = NOT_SET
        run_id = await runtime.start("a")
        assert (await runtime.state(run_id)).lacks == Lack("gateway")
        runtime.gateway.failure = None
        await runtime.pass_time(4)
        assert (await runtime.state(run_id)).status == "finished"
        assert await life(runtime, run_id) == ["run_paused", "run_resumed"]


@cell("gateway", "in a call", "The run fails with that code.", case=CODES_FAILING)
@pytest.mark.parametrize("failure", FAILS, ids=named)
async def test_what_another_try_would_not_change_fails_at_once(failure: ServiceError) -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = failure
        run_id = await runtime.start("a")
        state = await runtime.state(run_id)
        assert state.error is not None
        assert state.error.code == failure.code


@cell(
    "gateway",
    "before the start",
    "A first request whose caller is connected fails at once with the code.",
    case="gateway_unreachable, gateway_circuit_open, gateway_not_set",
)
@pytest.mark.parametrize("failure", AWAY, ids=named)
async def test_a_caller_who_waits_gets_the_failure_at_once(failure: ServiceError) -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = failure
        runs = runtime.runtime.runs

        async def ask() -> RunResult:
            started = await runs.start("local", StartRun(input=user("a")))
            return await runs.wait(started.run_id, 30.0)

        waiting = asyncio.create_task(ask())
        await runtime.settle()
        run_id = (await runtime.journal.runs(RunFilter()))[0].id
        await runtime.pass_time(3)
        at_once = failure.code in ("gateway_unreachable", "gateway_circuit_open", "gateway_not_set")
        state = await runtime.state(run_id)
        assert (state.status == "failed") is at_once
        await runtime.pass_time(40)
        result = await waiting
        assert result.status == ("paused" if state.status != "failed" else "failed")


@cell(
    "gateway",
    "in a call",
    "The call is made again a few times, since each may have been billed; then the run waits once, then it "
    "fails with the code.",
    case="gateway_timeout",
)
async def test_what_may_have_been_billed_is_asked_twice_and_then_fails() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = ServiceTimeoutError("late", code="gateway_timeout")
        run_id = await runtime.start("a")
        assert (await runtime.state(run_id)).lacks == Lack("gateway", billed=True)

        async def here(name: str) -> bool:
            return True

        runtime.runtime.lacking._is_here = here
        await runtime.pass_time(5)
        state = await runtime.state(run_id)
        assert state.error is not None
        assert state.error.code == "gateway_timeout"


@cell(
    "gateway",
    "in a call",
    "The run fails with the last code once `GATEWAY_PATIENCE_SECONDS` have passed.",
    case="with `GATEWAY_PATIENCE_SECONDS`",
)
@pytest.mark.parametrize(("patience", "paused"), [(5.0, 0), (120.0, 1)])
async def test_patience_ends_with_the_last_code(patience: float, paused: int) -> None:
    async with incomplete(desk(), patience=patience) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.pass_time(patience - 3)
        assert (await runtime.state(run_id)).status != "failed"
        await runtime.pass_time(30)
        state = await runtime.state(run_id)
        assert state.error is not None
        assert state.error.code == "gateway_unreachable"
        assert (await runtime.types(run_id)).count("run_paused") == paused


@cell(
    "gateway",
    "in a pause",
    "A gateway that answers probes but fails calls costs under 130 events an hour.",
    case="its probe succeeds, calls fail",
)
async def test_a_gateway_that_answers_and_fails_its_calls_costs_few_events() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE

        async def here(name: str) -> bool:
            return True

        runtime.runtime.lacking._is_here = here
        run_id = await runtime.start("a")
        await runtime.pass_time(3600, step=1)
        assert len(await life(runtime, run_id)) < 130


@cell(
    "gateway",
    "in a pause",
    "The approval is named first and can be answered; the other branch goes on when the gateway is back.",
    case="another branch asks a human",
)
async def test_one_branch_waits_for_it_while_another_asks_a_human() -> None:
    nodes = (
        NodeSpec(name="begin", type="function", call="code:nothing"),
        NodeSpec(name="think", type="llm"),
        NodeSpec(name="sure", type="approval", message="Sure?"),
        NodeSpec(name="after", type="function", call="code:nothing"),
    )
    edges = (("begin", "think+sure"), ("think", "end"), ("sure", "end"))

    async def nothing(ctx: object) -> None:
        """Do nothing."""

    graph = graph_of(nodes[:3], edges)
    async with incomplete(graph, nodes={"begin": nothing}) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.pass_time(20)
        state = await runtime.state(run_id)
        assert (state.status, state.lacks) == ("paused", Lack("gateway"))
        [asked] = await runtime.journal.approvals(None)
        assert state.waiting_for == (asked.id,)
        result = await runtime.runtime.runs.result("local", run_id)
        assert result.waiting_for == "approval"
        runtime.gateway.failure = None
        await runtime.pass_time(3)
        state = await runtime.state(run_id)
        assert (state.status, state.lacks, state.waiting_for) == ("paused", None, (asked.id,))


@cell(
    "gateway",
    "in a pause",
    "The parent waits as its child does, also over a restart; both finish when it is back.",
    case="a child waits",
)
async def test_a_parent_waits_as_its_child_does() -> None:
    parent = graph_of(
        (NodeSpec(name="one", type="agent", agent="helper"), NodeSpec(name="two", type="llm")),
        (("one", "two"), ("two", "end")),
    )
    helper = desk()
    async with incomplete() as runtime:
        from msgspec.structs import replace

        runtime.serve(parent, replace(helper, name="helper"))
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.pass_time(20)
        state = await runtime.state(run_id)
        assert (state.status, state.lacks) == ("paused", Lack("gateway"))
        child = state.open_children[0].run_id or ""
        assert (await runtime.state(child)).lacks == Lack("gateway")
        await runtime.stop()
        await runtime.boot(parent, replace(helper, name="helper"))
        await runtime.pass_time(10)
        runtime.gateway.failure = None
        await runtime.pass_time(5)
        assert (await runtime.state(child)).status == "finished"
        assert (await runtime.state(run_id)).status == "finished"
        paused = [entry.event for entry in await runtime.journal.read(run_id) if isinstance(entry.event, RunPaused)]
        assert len(paused) == 1


async def test_a_working_branch_lets_the_other_one_try_again() -> None:
    release = asyncio.Event()

    async def slow(ctx: object) -> None:
        await release.wait()

    async def nothing(ctx: object) -> None:
        """Do nothing."""

    nodes = (
        NodeSpec(name="begin", type="function", call="code:nothing"),
        NodeSpec(name="think", type="llm"),
        NodeSpec(name="slow", type="function", call="code:slow"),
    )
    graph = graph_of(nodes, (("begin", "think+slow"), ("think", "end"), ("slow", "end")))
    async with incomplete(graph, nodes={"begin": nothing, "slow": slow}) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.pass_time(60)
        assert await life(runtime, run_id) == []
        runtime.gateway.failure = None
        await runtime.pass_time(15)
        assert "model_replied" in await runtime.types(run_id)
        release.set()
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"


@cell("gateway", "at resume", "All runs wait for it and finish; none fails.")
async def test_runs_of_a_reboot_wait_for_a_late_gateway() -> None:
    def twice(text: str, number: int) -> Reply:
        return (("look", {"what": text}),) if number == 0 else "seen"

    async with incomplete(desk(), gateway=FickleGateway(twice)) as runtime:
        runtime.gateway.failure = UNREACHABLE
        runs = [await runtime.start(f"a{number}") for number in range(50)]
        await runtime.stop()
        await runtime.boot(desk())
        await runtime.pass_time(5)
        runtime.gateway.failure = None
        await runtime.pass_time(50)
        assert {(await runtime.state(run_id)).status for run_id in runs} == {"finished"}
