"""Any graph ends within its limits, its joins fire once, and a crash after any commit changes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.agents.spec import GraphSpec, LimitAsk, Limits, OnReached
from journeyman.events.events import (
    ApprovalRequested,
    BranchEnded,
    NodeEntered,
    NodeLeft,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.transcript import in_call_order
from journeyman.journal.journal import ApprovalRow
from tests.harness.random_graphs import Block, Builder, blocks
from tests.harness.stepped_graph_runtime import SteppedGraphRuntime
from tests.harness.stepped_runtime import check_transcript

TEXT = "a"
RUN = "run_1"
LIMITS = Limits(steps=40, tool_calls=200)


async def code(ctx: Any) -> dict[str, Any]:
    """Remembers, calls a tool, changes its own context key, and gives another."""
    key = f"{ctx.node}_{ctx.visit}"
    once = await ctx.remember("once", lambda: key)
    said = await ctx.call_tool("put", {"from": key})
    await ctx.context.patch(thread={f"{key}_early": once})
    return {key: said}


def world_of(graph: GraphSpec, limits: Limits = LIMITS) -> SteppedGraphRuntime:
    functions = {node.name: code for node in graph.nodes if node.type == "function"}
    plans = {node.prompt: (("look", "put"), ("touch_not",)) for node in graph.nodes if node.retry}
    return SteppedGraphRuntime(
        {key or "": plan for key, plan in plans.items()}, graph=graph, code=functions, limits=limits
    )


async def lived(runtime: SteppedGraphRuntime, picks: list[int], crashes: list[int]) -> AgentState:
    """One history: `picks` choose what happens next, `crashes` are numbers of commits after which all is lost."""
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    written = 0
    for turn in range(4000):
        await runtime.settle(6)
        pick = picks[turn % len(picks)] if picks else 0
        if runtime.disk.held and (pick % 3 or not runtime.gates):
            runtime.disk.write()
            written += 1
            if written in crashes:
                await runtime.crash()
                await runtime.boot()
                await runtime.release_held()
        elif runtime.gates:
            runtime.open_gate(pick % len(runtime.gates))
        elif rows := await runtime.disk.approvals(None):
            runtime.spawn(runtime.answer, rows[0].id, "approve", _little_more(runtime, rows[0]))
            await runtime.settle(6)
        elif (run := runtime.disk.tables.runs.get(RUN)) is not None and run.ended_at is not None:
            return runtime.state(RUN)
        elif not runtime.disk.held:
            runtime.clock.advance(3)
    raise AssertionError(f"no end: {runtime.types(RUN)[-20:]}")


def _little_more(runtime: SteppedGraphRuntime, row: ApprovalRow) -> dict[str, JSON] | None:
    """Return the value of a limit that lets the run go on to the next question. None: it is another approval."""
    question = runtime.state(row.run).limit_question if row.kind == "limit" else None
    return {row.call: min(question.asked.value + 2, question.asked.up_to)} if question else None


def outcome(state: AgentState) -> dict[str, Any]:
    """What a run leaves behind. Which visit is whose depends on who was faster, so keys are taken without it."""
    context = Counter(
        key.rpartition("_")[0] if key[-1].isdigit() else key.split("_")[0] for key in state.thread_context
    )
    return {
        "status": state.status,
        "stopped_by": state.stopped_by,
        "error": state.error and state.error.code,
        "messages": [(message.role, message.text, len(message.tool_calls)) for message in state.messages],
        "output": state.output,
        "context": context,
        "visits": state.walk.visits,
    }


def check(runtime: SteppedGraphRuntime, state: AgentState) -> None:
    assert not runtime.wrong
    assert (state.open_calls, state.open_model_calls, state.open_nodes) == ((), (), ())
    assert state.error is None or state.error.code != "internal_error", state.error
    entered = runtime.events(RUN, NodeEntered)
    joined = Counter(name for event in entered for name in event.joins)
    assert max(joined.values(), default=1) == 1, joined
    ended = Counter(event.path.branch for event in runtime.events(RUN, BranchEnded))
    assert max(ended.values(), default=1) <= 2  # a branch whose own branches joined within it may end again
    attempts = Counter((event.call, event.attempt) for event in entered if event.child is None and not event.agent)
    assert max(attempts.values(), default=1) == 1, attempts
    left = Counter((event.call, event.attempt) for event in runtime.events(RUN, NodeLeft))
    assert max(left.values(), default=1) == 1, left
    finished = Counter(event.call for event in runtime.events(RUN, ToolCallFinished))
    assert max(finished.values(), default=1) == 1, finished
    assert {event.call for event in runtime.events(RUN, ToolCallStarted)} <= set(finished)
    if state.status == "finished" and not state.stopped_by:
        asyncio.run(_check_thread(runtime, state))


async def _check_thread(runtime: SteppedGraphRuntime, state: AgentState) -> None:
    """The thread tells what the trunk says, as a gateway would take it."""
    rows = await runtime.disk.messages("me/t", 1, 10_000)
    told = in_call_order(tuple(row.message for row in rows))
    check_transcript(told)
    assert told == state.messages


def play(block: Block, picks: list[int], crashes: list[int], limits: Limits = LIMITS) -> None:
    graph = Builder().graph(block)
    calm = world_of(graph, limits)
    expected = asyncio.run(lived(calm, [], []))
    check(calm, expected)
    assert sum(expected.walk.visits.values()) <= limits.steps * 10 + len(graph.nodes)
    stormy = world_of(graph, limits)
    state = asyncio.run(lived(stormy, picks, crashes))
    check(stormy, state)
    if not expected.stopped_by:  # where a limit cuts is a matter of who was faster
        assert outcome(state) == outcome(expected)


DOSE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
choices = st.lists(st.integers(0, 1000), max_size=30)
kills = st.lists(st.integers(1, 60), max_size=3)


@settings(DOSE, max_examples=150, derandomize=True)
@given(blocks, choices, kills)
def test_a_crash_after_any_commit_changes_nothing(block: Block, picks: list[int], crashes: list[int]) -> None:
    play(block, picks, crashes)


@settings(DOSE, max_examples=50, derandomize=True)
@given(blocks, choices, kills, st.integers(1, 4))
def test_any_graph_ends_within_its_limits(block: Block, picks: list[int], crashes: list[int], steps: int) -> None:
    play(("loop", block, 1000), picks, crashes, Limits(steps=steps, tool_calls=30))


ASKING = Limits(
    steps=1,
    tool_calls=0,
    on_reached=OnReached(steps=LimitAsk(ask=True, up_to=40), tool_calls=LimitAsk(ask=True, up_to=200)),
)


def play_asking(block: Block, picks: list[int], crashes: list[int]) -> None:
    graph = Builder().graph(block)
    expected = asyncio.run(lived(world_of(graph), [], []))
    asking = world_of(graph, ASKING)
    state = asyncio.run(lived(asking, picks, crashes))
    check(asking, state)
    asked = [(event.limit.name, event.limit.value) for event in asking.events(RUN, ApprovalRequested) if event.limit]
    assert len(asked) == len(set(asked)), asked
    if not expected.stopped_by:
        assert outcome(state) == outcome(expected)


@settings(DOSE, max_examples=100, derandomize=True)
@given(blocks, choices, kills)
def test_limits_that_humans_raise_change_nothing(block: Block, picks: list[int], crashes: list[int]) -> None:
    play_asking(block, picks, crashes)


@pytest.mark.long
@settings(DOSE, max_examples=1000)
@given(blocks, choices, kills)
def test_limits_that_humans_raise_often_change_nothing(block: Block, picks: list[int], crashes: list[int]) -> None:
    play_asking(block, picks, crashes)


@pytest.mark.long
@settings(DOSE, max_examples=1500)
@given(blocks, choices, kills)
def test_many_crashes_change_nothing(block: Block, picks: list[int], crashes: list[int]) -> None:
    play(block, picks, crashes)
