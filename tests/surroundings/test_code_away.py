"""A process starts without the agent, the code of a node, or the code of a tool that an open run needs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.agents.spec import AgentSpec, NodeSpec
from journeyman.errors import StateError
from journeyman.events.events import Lack, RunPaused, RunResumed, ToolCallStarted
from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall
from tests.harness.incomplete_runtime import (
    UNREACHABLE,
    FickleGateway,
    IncompleteRuntime,
    Reply,
    desk,
    graph_of,
    incomplete,
    look,
    pay,
)
from tests.surroundings.table import cell

GRAPH = graph_of(
    (NodeSpec(name="ask", type="llm"), NodeSpec(name="score", type="function", call="code:score")),
    (("ask", "score"), ("score", "end")),
)


async def score(ctx: Any) -> None:
    """Do nothing."""


def paying(text: str, number: int) -> Reply:
    return (("pay", {"amount": 5}),) if number == 0 else "paid"


def looking(text: str, number: int) -> Reply:
    return (("look", {"what": text}),) if number == 0 else "seen"


async def pauses(runtime: IncompleteRuntime, run_id: str) -> list[RunPaused]:
    return [entry.event for entry in await runtime.journal.read(run_id) if isinstance(entry.event, RunPaused)]


async def reasons(runtime: IncompleteRuntime, run_id: str) -> list[str]:
    entries = await runtime.journal.read(run_id)
    return [entry.event.reason for entry in entries if isinstance(entry.event, RunResumed)]


async def interrupted(runtime: IncompleteRuntime, text: str = "a") -> str:
    """Start a run and end the process while its model call is under way."""
    runtime.gateway.failure = UNREACHABLE  # the call is tried again when the process ends
    run_id = await runtime.start(text)
    await runtime.stop()
    runtime.gateway.failure = None
    return run_id


@cell(
    "node code",
    "at resume",
    "The run waits (`waiting_for: node`), and goes on when a start or a reload finds the code.",
)
@cell(
    "tool code",
    "at resume",
    "The run waits (`waiting_for: tool`), and goes on when a start or a reload finds the code.",
)
@pytest.mark.parametrize(
    ("agent", "away", "lack"),
    [
        (GRAPH, {"tools": (), "nodes": {}}, Lack("node", "score")),
        (desk(), {"tools": (look,)}, Lack("tool", "pay")),
        (desk(), {"tools": ()}, Lack("tool", "look")),
    ],
    ids=["node code", "one tool", "all tools"],
)
async def test_a_run_that_was_under_way_waits_for_it(agent: AgentSpec, away: dict[str, Any], lack: Lack) -> None:
    here = {"nodes": {"score": score}} if agent.graph is not None else {}
    async with incomplete(agent, **here) as runtime:
        run_id = await interrupted(runtime)
        for _ in range(2):  # the second time, nothing is written
            await runtime.boot(**away)
            assert [pause.lacks for pause in await pauses(runtime, run_id)] == [lack]
            result = await runtime.runtime.runs.result("local", run_id)
            assert (result.status, result.waiting_for) == ("paused", lack.kind)
            assert lack.name in (result.waiting_reason or "")
            assert [row.id for row in await runtime.journal.lacking()] == [run_id]
            await runtime.stop()
        await runtime.boot(agent, **here)
        await runtime.pass_time(2)
        assert (await runtime.state(run_id)).status == "finished"
        assert await reasons(runtime, run_id) == ["taken_over", "found"]
        assert await runtime.journal.lacking() == []


async def test_it_does_not_count_in_the_limit_of_seconds() -> None:
    async with incomplete(desk()) as runtime:
        run_id = await interrupted(runtime)
        await runtime.boot(tools=())
        await runtime.pass_time(10_000, step=1000)
        await runtime.stop()
        await runtime.boot(desk())
        state = await runtime.state(run_id)
        assert state.status == "finished"
        assert state.active_us < 1_000_000


@cell(
    "tool code",
    "at resume",
    "The call fails with `tool_not_found`, which the model reads.",
    case="the served agent no longer lists it",
)
async def test_a_tool_that_the_served_agent_no_longer_lists_is_not_found_as_before() -> None:
    async with incomplete(desk(), gateway=FickleGateway(looking)) as runtime:
        run_id = await interrupted(runtime)
        await runtime.boot(desk(prompt="new"), tools=(pay,))
        await runtime.pass_time(1)
        state = await runtime.state(run_id)
        assert state.status == "finished"
        assert [error.code for error in state.errors] == ["tool_not_found"]


async def test_an_agent_without_tools_goes_on_from_its_stored_definition() -> None:
    async with incomplete(desk(), tools=()) as runtime:
        run_id = await interrupted(runtime)
        await runtime.boot(tools=())
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"


async def test_a_reload_finds_the_runs_that_wait() -> None:
    async with incomplete(desk()) as runtime:
        run_id = await interrupted(runtime)
        await runtime.boot(tools=())
        for each in (look, pay):
            await runtime.registry.register_tool(each)
        runtime.runtime.lacking.look()
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"


@cell("tool code", "in a pause", "`deny` is taken; the run then waits for the code that it still needs.", case="denied")
async def test_a_pause_for_a_human_stays_one_and_the_answer_acts_when_the_tool_is_here() -> None:
    async with incomplete(desk(), gateway=FickleGateway(paying)) as runtime:
        run_id = await runtime.start("a")
        [asked] = await runtime.journal.approvals(None)
        await runtime.stop()
        await runtime.boot(tools=())
        answer = HumanAnswer(approval=asked.id, decision="deny")  # needs no code
        await runtime.runtime.runs.answer("local", run_id, [answer])
        await runtime.settle()
        assert [pause.lacks for pause in await pauses(runtime, run_id)] == [None, Lack("tool", "look")]
        await runtime.stop()
        await runtime.boot(desk())
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"


@cell(
    "tool code",
    "in a pause",
    "`approve` is refused with 409 `tool_away` and nothing is recorded; it can be given later.",
    case="approved",
)
async def test_an_answer_that_would_run_code_that_is_not_here_is_refused_before_it_is_recorded() -> None:
    async with incomplete(desk(), gateway=FickleGateway(paying)) as runtime:
        run_id = await runtime.start("a")
        [asked] = await runtime.journal.approvals(None)
        await runtime.stop()
        for away in ((), (look,)):
            await runtime.boot(tools=away)
            before = await runtime.types(run_id)
            with pytest.raises(StateError) as refused:
                await runtime.runtime.runs.answer("local", run_id, [HumanAnswer(approval=asked.id, decision="approve")])
            assert refused.value.code == "tool_away"
            assert refused.value.message.endswith("Without it you can answer with `deny`."), "no decision of others"
            assert await runtime.types(run_id) == before
            await runtime.stop()
        await runtime.boot(desk())
        await runtime.runtime.runs.answer("local", run_id, [HumanAnswer(approval=asked.id, decision="approve")])
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"


@cell(
    "tool code",
    "in a pause",
    "The default is given at the deadline; then the run waits for the code.",
    case="a deadline passes",
)
async def test_the_default_of_a_deadline_is_given_without_the_agent_and_then_the_run_waits() -> None:
    async with incomplete(gateway=FickleGateway(paying)) as runtime:
        spec = runtime.registry.tools["pay"].spec
        approval = msgspec.structs.replace(spec.policy.approval, deadline_seconds=60.0, default="approve")
        strict = msgspec.structs.replace(spec, policy=msgspec.structs.replace(spec.policy, approval=approval))
        agent = desk(tools=(strict,))
        runtime.serve(agent)
        run_id = await runtime.start("a")
        await runtime.stop()
        await runtime.boot(tools=())
        await runtime.pass_time(100, step=10)
        state = await runtime.state(run_id)
        assert (state.status, state.lacks, state.waiting_for) == ("paused", Lack("tool", "pay"), ())
        assert (await runtime.types(run_id)).count("tool_call_started") == 0
        await runtime.stop()
        await runtime.boot(agent)
        await runtime.pass_time(1)
        assert (await runtime.state(run_id)).status == "finished"
        assert (await runtime.types(run_id)).count("tool_call_started") == 1


@cell("tool code", "in a pause", "The run is cancelled without its code.", case="cancelled")
async def test_a_waiter_is_cancelled_without_its_code() -> None:
    async with incomplete(desk()) as runtime:
        run_id = await interrupted(runtime)
        await runtime.boot(tools=())
        await runtime.runtime.runs.cancel("local", run_id)
        await runtime.settle()
        assert (await runtime.state(run_id)).status == "cancelled"
        assert await runtime.journal.lacking() == []


async def test_runs_queued_behind_a_waiter_say_so_and_an_interrupt_cancels_all() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE
        first = await runtime.start("a", "t1")
        await runtime.stop()
        runtime.gateway.failure = None
        await runtime.boot(desk(), tools=(look, pay))
        await runtime.stop()
        await runtime.boot(tools=())
        runtime.serve(desk(prompt="new"))
        behind = [await runtime.start(f"b{number}", "t1") for number in range(16)]
        result = await runtime.runtime.runs.wait(behind[0], 30)
        assert (result.status, result.waiting_for) in (("queued", "thread"), ("finished", None))
        last = await runtime.start("z", "t1", multitask="interrupt")
        await runtime.pass_time(1)
        statuses = [(await runtime.state(run_id)).status for run_id in (first, *behind)]
        assert set(statuses) <= {"cancelled", "finished"}
        assert (await runtime.state(last)).status == "finished"


async def test_a_lone_call_waits_for_its_tool() -> None:
    async with incomplete(desk()) as runtime:
        call = StartCall(tool="pay", arguments={"amount": 1}, unlisted=True)
        started = await runtime.runtime.runs.call("local", call)
        await runtime.settle()
        [asked] = await runtime.journal.approvals(None)
        await runtime.stop()
        await runtime.boot(tools=())
        await runtime.journal.read(started.run_id)
        await runtime.runtime.scheduler.recover()
        runtime.runtime.scheduler.notify(started.run_id)
        await runtime.settle()
        await runtime.stop()
        await runtime.boot(desk())
        await runtime.runtime.runs.answer("local", started.run_id, [HumanAnswer(approval=asked.id, decision="approve")])
        await runtime.pass_time(1)
        assert (await runtime.state(started.run_id)).status == "finished"
        events = [entry.event for entry in await runtime.journal.read(started.run_id)]
        assert sum(isinstance(event, ToolCallStarted) for event in events) == 1
