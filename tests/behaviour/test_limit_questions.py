"""What a run does at a limit at which it asks a human: it goes on as far as it may, or stops."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman import tool
from journeyman.agents.spec import EdgeSpec, LimitAsk, Limits, OnReached
from journeyman.errors import ForbiddenError, StateError, ValidationError
from journeyman.events.events import ApprovalGiven, ApprovalRequested, LimitReached, ModelReplied
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.quota import Quota
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, RunResult
from tests.harness.runtime_in_memory import RuntimeInMemory, turns
from tests.harness.stepped_child_runtime import SteppedChildRuntime
from tests.harness.stepped_graph_runtime import SteppedGraphRuntime, edge, graph, node
from tests.harness.stepped_runtime import SteppedRuntime, commits

ASK = LimitAsk(ask=True)
USAGE = {"input_tokens": 8, "output_tokens": 2, "cost_usd": 0.0625}
LOOKS = [
    {**turn, "usage": USAGE}
    for turn in turns(*[{"look": {"name": f"no {number}"}} for number in range(12)], "Twelve are there.")
]


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


def asking(limit: str, value: float, ask: LimitAsk = ASK) -> dict[str, Any]:
    return {limit: value, "on_reached": OnReached(**{limit: ask})}


async def paused(runtime: RuntimeInMemory, **rest: Any) -> RunResult:
    return await runtime.runs.wait(await runtime.start("go", **rest), 5)


async def answered(
    runtime: RuntimeInMemory, result: RunResult, decision: str = "approve", arguments: dict[str, JSON] | None = None
) -> RunResult:
    answer = HumanAnswer(approval=result.approvals[0].id, decision=decision, arguments=arguments)  # type: ignore[arg-type]
    await runtime.runs.answer("local", result.run_id, [answer])
    return await runtime.runs.wait(result.run_id, 5)


async def state_of(runtime: RuntimeInMemory, result: RunResult) -> AgentState:
    return await runtime.runs.state("local", result.run_id)


@pytest.mark.parametrize(
    ("limit", "value", "more", "calls"),
    [
        ("steps", 3, 5, (3, 5)),
        ("tool_calls", 3, 5, (4, 6)),  # the reply that asks for one call too many is made
        ("tokens", 30, 41, (3, 5)),
        ("cost_usd", 0.1875, 0.28, (3, 5)),
    ],
)
async def test_a_run_goes_on_to_the_new_limit_and_asks_again(
    limit: str, value: float, more: float, calls: tuple[int, int]
) -> None:
    model = ScriptedModel(LOOKS)
    async with RuntimeInMemory(model, [look], **asking(limit, value)) as runtime:
        first = await paused(runtime)
        asked = first.approvals[0]
        assert (first.status, first.waiting_for, asked.kind, asked.call) == ("paused", "approval", "limit", limit)
        assert asked.arguments == {limit: 2 * value}
        assert f"its limit `{limit}` ({value:g})" in asked.message
        assert len(model.requests) == calls[0]
        second = await answered(runtime, first, arguments={limit: more})
        assert len(model.requests) == calls[1]
        assert second.approvals[0].arguments == {limit: 2 * value}
        assert f"({more:g})" in second.approvals[0].message
        assert (await state_of(runtime, second)).raised == {limit: more}
        last = await answered(runtime, second)
    assert (last.status, last.stopped_by) == ("finished", limit)
    assert len(model.requests) == (7 if limit == "tool_calls" else 6)
    assert last.response == f"The run reached its limit `{limit}` before the model gave an answer."


async def test_a_run_that_needs_no_more_than_the_new_limit_finishes() -> None:
    ask = LimitAsk(ask=True, up_to=100)
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3, ask)) as runtime:
        result = await answered(runtime, await paused(runtime))
        types = await runtime.types(result.run_id)
    assert (result.status, result.stopped_by, result.response) == ("finished", None, "Twelve are there.")
    assert "limit_reached" not in types


async def test_deny_stops_as_stop_does() -> None:
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3)) as runtime:
        result = await answered(runtime, await paused(runtime), "deny")
        events = [entry.event for entry in await runtime.journal.read(result.run_id)]
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], steps=3, on_reached=OnReached(steps="stop")) as runtime:
        stopped = await paused(runtime)
    assert (result.status, result.stopped_by, result.response) == ("finished", "steps", stopped.response)
    assert [event for event in events if isinstance(event, LimitReached)] == [LimitReached(limit="steps", value=3)]


async def test_a_loop_may_go_on_for_as_many_rounds_in_all() -> None:
    looping = turns(*[{"look": {"name": "A"}}] * 20)
    model = ScriptedModel(looping)
    async with RuntimeInMemory(model, [look], **asking("repeats", 3)) as runtime:
        first = await paused(runtime)
        assert (first.approvals[0].call, len(model.requests)) == ("repeats", 5)  # three ran, the fourth was rejected
        second = await answered(runtime, first, arguments={"repeats": 4})
        assert (second.status, len(model.requests)) == ("paused", 6)
        last = await answered(runtime, second)
        types = await runtime.types(last.run_id)
    assert (last.status, last.stopped_by) == ("finished", "repeats")
    assert types.count("tool_call_started") == 6


async def test_another_loop_is_explained_before_the_raised_limit_is_reached() -> None:
    model = ScriptedModel(turns(*[{"look": {"name": "A"}}] * 5, *[{"look": {"name": "B"}}] * 5, "Enough."))
    async with RuntimeInMemory(model, [look], **asking("repeats", 3)) as runtime:
        first = await paused(runtime)
        last = await answered(runtime, first, arguments={"repeats": 4})
    assert (last.status, last.response) == ("finished", "Enough.")
    told = [message.text for message in model.requests[-1].messages if message.role == "tool"]
    assert [place for place, text in enumerate(told) if "repeated_call" in text] == [3, 9]


async def test_another_limit_that_stops_goes_first() -> None:
    limits = {"tokens": 30, "steps": 3, "on_reached": OnReached(steps=ASK)}
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **limits) as runtime:
        result = await paused(runtime)
    assert (result.status, result.stopped_by) == ("finished", "tokens")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 3}, "more than 3, which is its value now, and at most 6"),
        ({"steps": 7}, "at most 6"),
        ({"steps": 4.5}, "a whole number"),
        ({"steps": "5"}, "a number N of more than 3 and at most 6"),
        ({"steps": True}, "a number N"),
        ({"steps": None}, "a number N"),
        ({"steps": float("nan")}, "more than 3"),
        ({"steps": float("inf")}, "at most 6"),
        ({"cost_usd": 5}, '{"steps": N}'),
        ({"steps": 5, "tokens": 1}, '{"steps": N}'),
        ({}, '{"steps": N}'),
    ],
)
async def test_a_wrong_value_is_refused_and_the_question_stays(arguments: dict[str, JSON], words: str) -> None:
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3)) as runtime:
        first = await paused(runtime)
        with pytest.raises(ValidationError) as refused:
            await answered(runtime, first, arguments=arguments)
        assert words in refused.value.message
        assert (await runtime.runs.result("local", first.run_id)).approvals == first.approvals


async def test_the_answer_to_a_limit_is_to_approve_or_to_deny() -> None:
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3)) as runtime:
        first = await paused(runtime)
        with pytest.raises(ValidationError, match="approve, deny"):
            await answered(runtime, first, "retry")
        with pytest.raises(ValidationError, match="`arguments` are only allowed"):
            await answered(runtime, first, "deny", arguments={"steps": 5})
        await answered(runtime, first, arguments={"steps": 5.0})
        with pytest.raises(StateError):
            await answered(runtime, first)


async def test_by_other_is_kept() -> None:
    ask = LimitAsk(ask=True, by="other")
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3, ask)) as runtime:
        first = await paused(runtime)
        with pytest.raises(ForbiddenError, match="its limit requires"):
            await answered(runtime, first)
        answer = HumanAnswer(approval=first.approvals[0].id, decision="approve", arguments={"steps": 4})
        await runtime.runs.answer("boss", first.run_id, [answer], anyone=True)
        assert (await runtime.runs.wait(first.run_id, 5)).approvals[0].arguments == {"steps": 6}


async def test_a_quota_never_asks() -> None:
    limits = asking("tokens", 10_000)
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], of_each=Quota(tokens_per_day=25), **limits) as runtime:
        result = await paused(runtime)
    assert (result.status, result.stopped_by) == ("finished", "tokens_per_day")


# --- forks


async def test_a_fork_has_what_was_raised_and_may_be_answered_for_itself() -> None:
    model = ScriptedModel([*LOOKS[:5], *LOOKS[:3]])
    async with RuntimeInMemory(model, [look], **asking("steps", 3)) as runtime:
        first = await paused(runtime)
        second = await answered(runtime, first, arguments={"steps": 5})
        before = await runtime.forks.fork("local", ForkRun(run_id=first.run_id, at=first.last_seq))
        waiting = await runtime.runs.wait(before.run_id, 5)
        assert waiting.approvals[0].arguments == first.approvals[0].arguments
        assert waiting.approvals[0].id != first.approvals[0].id
        after = await runtime.forks.fork("local", ForkRun(run_id=first.run_id, at=second.last_seq))
        raised = await runtime.runs.wait(after.run_id, 5)
        assert (await state_of(runtime, raised)).raised == {"steps": 5}
        denied = await answered(runtime, waiting, "deny")
        assert (await runtime.runs.result("local", first.run_id)).status == "paused"
    assert (denied.status, denied.stopped_by) == ("finished", "steps")


async def test_a_fork_is_held_to_the_limits_of_its_own_definition() -> None:
    model = ScriptedModel(LOOKS)
    ask = LimitAsk(ask=True, up_to=9)
    async with RuntimeInMemory(model, [look], **asking("steps", 3, ask)) as runtime:
        second = await answered(runtime, await paused(runtime), arguments={"steps": 8})
        spec = msgspec.structs.replace(
            runtime.agent.spec, limits=Limits(steps=3, on_reached=OnReached(steps=LimitAsk(ask=True, up_to=6)))
        )
        runtime.catalog.put(runtime.build(spec), 0)
        copy = await runtime.forks.fork("local", ForkRun(run_id=second.run_id, at=second.last_seq - 8))
        result = await runtime.runs.wait(copy.run_id, 5)
    assert (result.status, result.stopped_by) == ("finished", "steps")


async def test_a_fork_asks_another_if_its_own_definition_wants_another() -> None:
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3)) as runtime:
        first = await paused(runtime)
        on_reached = OnReached(steps=LimitAsk(ask=True, by="other"))
        limits = Limits(steps=3, on_reached=on_reached)
        runtime.catalog.put(runtime.build(msgspec.structs.replace(runtime.agent.spec, limits=limits)), 0)
        copy = await runtime.forks.fork("local", ForkRun(run_id=first.run_id, at=first.last_seq))
        assert (await runtime.runs.wait(copy.run_id, 5)).approvals[0].answerer == "other"


# --- beside other things


async def test_a_run_that_asks_is_cancelled_like_any_other() -> None:
    async with RuntimeInMemory(ScriptedModel(LOOKS), [look], **asking("steps", 3)) as runtime:
        first = await paused(runtime)
        await runtime.runs.cancel("local", first.run_id)
        assert (await runtime.runs.wait(first.run_id, 5)).status == "cancelled"
        with pytest.raises(StateError) as refused:
            await answered(runtime, first)
        assert refused.value.code == "approval_closed"
        assert (await state_of(runtime, first)).open_approvals == ()


@pytest.mark.parametrize("limit_first", [True, False])
async def test_a_limit_and_a_call_are_answered_in_any_order(limit_first: bool) -> None:
    """One branch asks for a call, the other for a limit: the call does not run before the limit is answered."""
    parts = (
        node("plan", prompt="Plan."),
        node("left", prompt="L."),
        node("tools", "tools"),
        node("right", "function"),
        EdgeSpec(origins=("plan",), targets=("left", "right")),
        edge("left", "tools"),
        edge("tools", "end"),
        edge("right", "end"),
    )

    async def two_models(ctx: Any) -> None:
        await ctx.call_model("one")
        await ctx.call_model("two")

    runtime = SteppedGraphRuntime(
        {"L.": (("pay_asked",),)},
        graph=graph(*parts),
        code={"right": two_models},
        limits=Limits(**asking("steps", 3)),
    )
    await runtime.boot()
    runtime.spawn(runtime.say, "a")
    await runtime.let_go()
    rows = {row.kind: row.id for row in await runtime.disk.approvals(None)}
    assert set(rows) == {"tool", "limit"}
    first, second = ("limit", "tool") if limit_first else ("tool", "limit")
    runtime.spawn(runtime.answer, rows[first], "approve")
    await runtime.let_go()
    assert not runtime.executed
    assert runtime.state(runtime.run_ids[0]).status == "paused"
    await runtime.crash()
    await runtime.boot()
    await runtime.let_go()
    assert not runtime.executed
    runtime.spawn(runtime.answer, rows[second], "approve")
    await runtime.let_go()
    state = runtime.state(runtime.run_ids[0])
    assert (state.status, state.stopped_by, state.model_calls) == ("finished", None, 4)
    assert list(runtime.executed.values()) == [1]
    assert not runtime.wrong
    assert not runtime.errors


# --- graphs, children and crashes

PLAN = (("look", "put"), ("look",), ("look",))
FAN = (
    node("plan", prompt="Plan."),
    node("left", prompt="L."),
    node("right", prompt="R."),
    node("end_", prompt="E."),
    EdgeSpec(origins=("plan",), targets=("left", "right")),
    EdgeSpec(origins=("left", "right"), targets=("end_",)),
    edge("end_", "end"),
)


async def gone_through(runtime: SteppedRuntime, *decisions: str) -> AgentState:
    """Say something, give these decisions one after the other, and return the state of the run."""
    await runtime.boot()
    runtime.spawn(runtime.say, "a")
    await runtime.let_go()
    for decision in decisions:
        open_ones = await runtime.disk.approvals(None)
        assert [row.kind for row in open_ones] == ["limit"]
        runtime.spawn(runtime.answer, open_ones[0].id, decision)
        await runtime.let_go()
    assert not runtime.wrong
    assert not runtime.errors
    return runtime.state(runtime.run_ids[0])


@pytest.mark.parametrize("limits", [Limits(**asking("steps", 2)), Limits(**asking("tool_calls", 2))])
async def test_graphs_ask_too(limits: Limits) -> None:
    runtime = SteppedGraphRuntime({"Be brief.": PLAN}, limits=limits)
    state = await gone_through(runtime, "approve")
    assert (state.status, state.stopped_by) == ("finished", None)
    assert len(runtime.events(runtime.run_ids[0], ApprovalRequested)) == 1


async def test_branches_that_reach_a_limit_together_ask_once() -> None:
    runtime = SteppedGraphRuntime(
        {}, graph=graph(*FAN), limits=Limits(**asking("steps", 1, LimitAsk(ask=True, up_to=9)))
    )
    state = await gone_through(runtime, "approve")
    assert (state.status, state.stopped_by, state.model_calls) == ("finished", None, 4)
    assert len(runtime.events(runtime.run_ids[0], ApprovalRequested)) == 1


async def test_branches_that_reach_a_limit_are_closed_when_a_human_says_no() -> None:
    runtime = SteppedGraphRuntime({}, graph=graph(*FAN), limits=Limits(**asking("steps", 2)))
    state = await gone_through(runtime, "deny")
    assert (state.status, state.stopped_by) == ("finished", "steps")
    assert state.open_nodes == state.open_model_calls == state.open_approvals == ()


async def test_a_graph_of_too_many_nodes_asks() -> None:
    async def turn(ctx: Any) -> None:
        pass

    shape = graph(node("turn", "function"), edge("turn", "turn"))
    runtime = SteppedGraphRuntime({}, graph=shape, code={"turn": turn}, limits=Limits(**asking("steps", 1)))
    state = await gone_through(runtime, "approve")
    assert (state.status, state.stopped_by, state.walk.visits) == ("finished", "steps", {"turn": 20})


async def test_code_of_nodes_goes_on_where_it_was() -> None:
    async def work(ctx: Any) -> None:
        for number in range(4):
            await ctx.call_tool("put", {"n": number})
        return None

    shape = graph(node("work", "function"), edge("work", "end"))
    runtime = SteppedGraphRuntime({}, graph=shape, code={"work": work}, limits=Limits(**asking("tool_calls", 2)))
    state = await gone_through(runtime, "approve")
    assert (state.status, state.stopped_by, state.tool_calls) == ("finished", None, 4)
    assert set(runtime.executed.values()) == {1}
    assert len(runtime.events(runtime.run_ids[0], ApprovalRequested)) == 1


@pytest.mark.parametrize(("of_parent", "stopped_by", "steps"), [(20, None, 2), (2, "steps", 2), (3, None, 2)])
async def test_a_child_asks_for_itself_and_gets_no_more_than_its_parent_has_left(
    of_parent: int, stopped_by: str | None, steps: int
) -> None:
    worker = Limits(**asking("steps", 1, LimitAsk(ask=True, up_to=50)))
    plans = {"job": (("looker",),), "job/0.0 looker": (("look",),) * (1 if stopped_by is None else 4)}
    runtime = SteppedChildRuntime(plans, limits=Limits(steps=of_parent), of_worker=worker)
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await runtime.let_go()
    parent = runtime.run_ids[0]
    child = runtime.children(parent)[0]
    asked = (await runtime.disk.approvals(None))[0]
    assert (asked.run, asked.kind, asked.arguments) == (child, "limit", {"steps": min(50, of_parent)})
    assert (await runtime.runs.result("me", parent)).approvals == (asked,)
    runtime.spawn(runtime.answer, asked.id, "approve")
    await runtime.let_go()
    state = runtime.state(child)
    assert (state.status, state.stopped_by, state.model_calls) == ("finished", stopped_by, steps)
    assert runtime.state(parent).status == "finished"
    assert not runtime.errors


@pytest.mark.parametrize("limits", [Limits(**asking("steps", 1)), Limits(**asking("tool_calls", 2))])
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_crash_at_any_commit_loses_no_question_and_no_answer(limits: Limits, decision: str) -> None:
    crashes = 0
    while True:
        runtime = SteppedRuntime({"a": PLAN[:2]}, limits=limits)
        await runtime.boot()
        runtime.spawn(runtime.say, "a")
        if await commits(runtime, crashes, decision):
            break
        await runtime.crash()
        await runtime.boot()
        await runtime.let_go(decision=lambda row: decision)
        if runtime.run_ids:
            _is_as_without_crash(runtime, decision, f"{crashes} {runtime.types(runtime.run_ids[0])}")
        crashes += 1
    _is_as_without_crash(runtime, decision, "without a crash")
    assert crashes > 6


def _is_as_without_crash(runtime: SteppedRuntime, decision: str, note: str) -> None:
    run = runtime.run_ids[0]
    state = runtime.state(run)
    asked = runtime.events(run, ApprovalRequested)
    assert len(asked) == len(runtime.events(run, ApprovalGiven)) == 1, note
    assert state.status == "finished", note
    replies = [event.call for event in runtime.events(run, ModelReplied)]
    assert len(replies) == len(set(replies)), note
    if decision == "deny":
        assert (state.stopped_by, len(runtime.events(run, LimitReached))) == (asked[0].limit.name, 1), note
    else:
        assert state.raised, note
    assert not runtime.wrong, note
