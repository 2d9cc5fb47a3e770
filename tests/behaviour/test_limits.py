"""What a run does at its limits: how tokens count, and what it says in the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from journeyman import tool
from journeyman.agents.spec import EdgeSpec, Limits, OnReached
from journeyman.events.events import LimitReached, ModelReplied, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.quota import Quota
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns
from tests.harness.stepped_child_runtime import SteppedChildRuntime
from tests.harness.stepped_graph_runtime import SteppedGraphRuntime, edge, graph, node
from tests.harness.stepped_runtime import SteppedRuntime, commits

LOOKS = turns(*[{"look": {"name": f"no {number}"}} for number in range(9)], "Done.")
BIG = [{**turn, "usage": {"input_tokens": 20_000, "output_tokens": 10, "cached_tokens": 19_900}} for turn in LOOKS]


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


@pytest.mark.parametrize(
    ("limits", "asked", "stopped_by"),
    [
        ({}, 5, "tokens"),  # as 0.1 has stored it: five replies to a prompt of 20,000 tokens are its 100,000
        ({"on_reached": OnReached()}, 10, None),
        ({"on_reached": OnReached(), "tokens": 330}, 3, "tokens"),
        ({"on_reached": OnReached(), "tokens": None}, 10, None),
    ],
)
async def test_tokens_of_the_cache_count_in_runs_of_0_1_alone(
    limits: dict[str, Any], asked: int, stopped_by: str | None
) -> None:
    async with RuntimeInMemory(ScriptedModel(BIG), [look], **limits) as runtime:
        result = await runtime.runs.wait(await runtime.start("go"), 5)
        calls = (await runtime.types(result.run_id)).count("model_called")
    assert (result.status, result.stopped_by, calls) == ("finished", stopped_by, asked)


# --- the last answer

NOW = OnReached()


async def ended(runtime: RuntimeInMemory) -> tuple[Any, list[str]]:
    result = await runtime.runs.wait(await runtime.start("go"), 5)
    return result, await runtime.types(result.run_id)


async def test_at_a_limit_the_model_answers_once_more_with_tools_that_it_may_not_use() -> None:
    model = ScriptedModel([*LOOKS[:2], *turns("Two are there.")])
    async with RuntimeInMemory(model, [look], steps=2, on_reached=NOW) as runtime:
        result, types = await ended(runtime)
    assert (result.status, result.stopped_by, result.response) == ("finished", "steps", "Two are there.")
    assert types[-4:] == ["limit_reached", "model_called", "model_replied", "run_finished"]
    before, last = list(model.requests)[1:3]
    assert (before.tool_choice, last.tool_choice) == (None, "none")
    assert last.tools == before.tools
    assert last.messages[: len(before.messages)] == before.messages  # the prefix is the one that is in the cache


async def test_a_call_in_the_last_reply_is_refused() -> None:
    turn = {"text": "One moment.", "tool_calls": [{"name": "look", "arguments": {"name": "x"}}]}
    async with RuntimeInMemory(ScriptedModel([turn, LOOKS[0]]), [look], steps=1, on_reached=NOW) as runtime:
        result, types = await ended(runtime)
        events = [entry.event for entry in await runtime.journal.read(result.run_id)]
    assert (result.status, result.stopped_by, result.response) == ("finished", "steps", "One moment.")
    assert types.count("tool_call_started") == 1
    refused = [event for event in events if isinstance(event, ToolCallFinished)][-1]
    assert (refused.call, refused.error and refused.error.code) == ("answer.0", "limit_reached")


async def test_calls_that_are_not_run_are_explained_to_the_model() -> None:
    model = ScriptedModel([LOOKS[0], LOOKS[1], *turns("One is there.")])
    async with RuntimeInMemory(model, [look], tool_calls=1, on_reached=NOW) as runtime:
        result, _ = await ended(runtime)
    assert (result.stopped_by, result.response) == ("tool_calls", "One is there.")
    told = model.requests[2].messages[-1]
    assert told.role == "tool"
    assert "limit_reached" in told.text
    assert "Answer now" in told.text


@pytest.mark.parametrize("on_reached", [None, NOW])
async def test_loops_end_with_an_answer_today_and_without_one_in_runs_of_0_1(on_reached: OnReached | None) -> None:
    model = ScriptedModel([*turns(*[{"look": {"name": "A"}}] * 5), *turns("A is there.")])
    async with RuntimeInMemory(model, [look], repeats=3, on_reached=on_reached) as runtime:
        result, _ = await ended(runtime)
    assert (result.stopped_by, result.response) == ("repeats", "A is there." if on_reached else "")


@pytest.mark.parametrize(
    ("limits", "response"),
    [
        ({}, ""),  # as 0.1 has stored it
        ({"on_reached": OnReached(steps="stop")}, "The run reached its limit `steps` before the model gave an answer."),
        ({"on_reached": NOW}, "The run reached its limit `steps` before the model gave an answer."),
    ],
)
async def test_the_response_is_never_empty(limits: dict[str, Any], response: str) -> None:
    model = ScriptedModel([LOOKS[0], {"error": "500"}])
    async with RuntimeInMemory(model, [look], steps=1, **limits) as runtime:
        result, _ = await ended(runtime)
    assert (result.status, result.stopped_by, result.response) == ("finished", "steps", response)


async def test_an_earlier_text_is_the_response_if_the_last_call_fails() -> None:
    turn = {"text": "I look.", "tool_calls": [{"name": "look", "arguments": {"name": "x"}}]}
    model = ScriptedModel([turn, LOOKS[0], {"error": "500"}])
    async with RuntimeInMemory(model, [look], steps=2, on_reached=NOW) as runtime:
        result, _ = await ended(runtime)
    assert (result.stopped_by, result.response) == ("steps", "I look.")


async def test_work_is_closed_before_the_model_answers_at_the_end_of_time() -> None:
    @tool(effects="once")
    async def hold() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel(turns({"hold": {}}, "I waited in vain."))
    on_reached = OnReached(seconds="answer")
    async with RuntimeInMemory(model, [hold], seconds=0.05, on_reached=on_reached) as runtime:
        result, types = await ended(runtime)
    assert (result.status, result.stopped_by, result.response) == ("finished", "seconds", "I waited in vain.")
    assert "outcome_unknown" in model.requests[1].messages[-1].text
    assert types.count("limit_reached") == 1


async def test_a_second_limit_stops_the_run_that_answers() -> None:
    model = ScriptedModel([LOOKS[0], {"text": "Too late.", "delay_ms": 5000}])
    async with RuntimeInMemory(model, [look], steps=1, seconds=0.2, on_reached=NOW) as runtime:
        result, types = await ended(runtime)
    assert (result.status, result.stopped_by) == ("finished", "steps")
    assert "before the model gave an answer" in result.response
    assert types.count("limit_reached") == 2


async def test_a_shared_budget_that_is_used_up_leaves_no_last_answer() -> None:
    spent = {**LOOKS[0], "usage": {"input_tokens": 900, "output_tokens": 200}}
    model = ScriptedModel([spent, *turns("Never said.")])
    async with RuntimeInMemory(model, [look], steps=1, on_reached=NOW, of_each=Quota(tokens_per_day=1000)) as runtime:
        result, _ = await ended(runtime)
    assert (result.status, result.stopped_by, len(model.requests)) == ("finished", "steps", 1)
    assert "`steps`" in result.response


# --- graphs, children and crashes

PLAN = (("look", "put"), ("look",), ("look",))


async def gone_through(runtime: SteppedRuntime) -> AgentState:
    await runtime.boot()
    runtime.spawn(runtime.say, "a")
    await runtime.let_go()
    assert not runtime.wrong
    return runtime.state(runtime.run_ids[0])


@pytest.mark.parametrize("limits", [Limits(steps=2, on_reached=NOW), Limits(tool_calls=2, on_reached=NOW)])
async def test_graphs_answer_too(limits: Limits) -> None:
    runtime = SteppedGraphRuntime({"Be brief.": PLAN}, limits=limits)
    state = await gone_through(runtime)
    assert (state.status, state.answering) == ("finished", "done")
    assert runtime.requests[-1].tool_choice == "none"
    assert len(runtime.requests[-1].tools) == len(runtime.requests[0].tools) > 0


async def test_branches_are_closed_before_a_graph_answers() -> None:
    parts = (
        node("plan", prompt="Plan."),
        node("left", prompt="L."),
        node("right", prompt="R."),
        node("end_", prompt="E."),
    )
    fan = EdgeSpec(origins=("plan",), targets=("left", "right"))
    join = EdgeSpec(origins=("left", "right"), targets=("end_",))
    shape = graph(*parts, fan, join, edge("end_", "end"))
    runtime = SteppedGraphRuntime({}, graph=shape, limits=Limits(steps=2, on_reached=NOW))
    state = await gone_through(runtime)
    assert (state.status, state.stopped_by, state.answering) == ("finished", "steps", "done")
    assert state.output
    assert state.open_nodes == state.open_model_calls == ()


async def test_a_child_answers_at_what_its_parent_had_left() -> None:
    worker = Limits(steps=20, on_reached=NOW)
    runtime = SteppedChildRuntime({"job": (("looker",),)}, limits=Limits(steps=1, on_reached=NOW), of_worker=worker)
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await runtime.let_go()
    child = runtime.state(runtime.children(runtime.run_ids[0])[0])
    assert (child.status, child.stopped_by, child.answering) == ("finished", "steps", "done")
    assert child.output.startswith("answer to")


@pytest.mark.parametrize("plan", [PLAN, PLAN[:2]])
@pytest.mark.parametrize("limits", [Limits(steps=2, on_reached=NOW), Limits(tool_calls=2, on_reached=NOW)])
async def test_a_crash_at_any_commit_answers_once(plan: Any, limits: Limits) -> None:
    crashes = 0
    while True:
        runtime = SteppedRuntime({"a": plan}, limits=limits)
        await runtime.boot()
        runtime.spawn(runtime.say, "a")
        if await commits(runtime, crashes):
            break
        await runtime.crash()
        await runtime.boot()
        await runtime.let_go()
        if runtime.run_ids:
            run = runtime.run_ids[0]
            replies = [event.call for event in runtime.events(run, ModelReplied)]
            assert (runtime.state(run).status, replies.count("answer")) == ("finished", 1), (
                crashes,
                runtime.types(run),
            )
            assert len(runtime.events(run, LimitReached)) == 1
            assert runtime.state(run).output
            assert not runtime.wrong
        crashes += 1
    assert crashes > 6
