"""Any order of results, answers, cancels, commits and crashes keeps what a run promises."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from journeyman.agents.spec import LimitAsk, Limits, OnReached
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    ModelReplied,
    RunAccepted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState
from journeyman.events.transcript import in_call_order
from tests.harness.random_histories import TEXTS, THREADS, RandomHistory, check_live
from tests.harness.stepped_runtime import NAMES, SteppedRuntime, check_transcript

plans = st.fixed_dictionaries(
    {text: st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=3) for text in TEXTS}
)
choices = st.lists(st.integers(0, 2**20), min_size=5, max_size=80)
ASK = LimitAsk(ask=True, up_to=3)
ASKING = Limits(steps=1, tool_calls=2, on_reached=OnReached(steps=ASK, tool_calls=ASK))
limits = st.sampled_from((Limits(), Limits(), Limits(steps=2), Limits(tool_calls=3), ASKING))


def play(plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int) -> None:
    runtime = SteppedRuntime(plan, limits=limit, slots=slots)
    story = RandomHistory(runtime)
    asyncio.run(story.run(picks, answered))
    assert not runtime.wrong
    for run_id in runtime.run_ids:
        _check_run(runtime, run_id, answered)
    for thread in THREADS:
        _check_thread(runtime, thread)
        _check_interrupts(runtime, thread)
    for state in runtime.rested:
        check_live(runtime, state)


def _check_run(runtime: SteppedRuntime, run_id: str, answered: bool) -> None:
    entries, state = runtime.entries(run_id), runtime.state(run_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    row = runtime.disk.tables.runs[run_id]
    assert row.status == state.status, (row.status, state.status, runtime.types(run_id))
    if answered:
        assert state.ended, (state.status, runtime.types(run_id))
    elif state.status == "paused":
        assert state.open_approvals
        assert sorted(row.open_approvals) == sorted(state.open_approvals)
    else:
        assert state.ended or state.status == "queued", runtime.types(run_id)
    assert state.error is None or state.error.code != "internal_error", state.error
    _check_calls(runtime, run_id, state)


def _check_calls(runtime: SteppedRuntime, run_id: str, state: AgentState) -> None:
    started = Counter((event.call, event.attempt) for event in runtime.events(run_id, ToolCallStarted))
    assert max(started.values(), default=1) == 1, started
    finished = Counter(event.call for event in runtime.events(run_id, ToolCallFinished))
    assert max(finished.values(), default=1) == 1, finished
    asked = {
        f"{event.call}.{index}"
        for event in runtime.events(run_id, ModelReplied)
        for index in range(len(event.message.tool_calls))
    }
    assert {call for call, _ in started} <= asked
    assert set(finished) <= asked
    if state.ended:
        assert set(finished) == asked, runtime.types(run_id)
        assert not state.open_calls
        assert state.model_call is None
    requested = runtime.events(run_id, ApprovalRequested)
    open_by_call = Counter(event.call for event in requested if event.limit is None)
    questions = [(event.limit.name, event.limit.value) for event in requested if event.limit is not None]
    assert len(questions) == len(set(questions)), questions
    given = Counter(event.approval for event in runtime.events(run_id, ApprovalGiven))
    assert max(given.values(), default=1) == 1
    assert set(open_by_call) <= asked


def _check_thread(runtime: SteppedRuntime, name: str) -> None:
    async def messages() -> None:
        thread = await runtime.disk.thread(f"me/{name}")
        if thread is None or thread.active_run is not None:
            return
        rows = await runtime.disk.messages(thread.key, 1, thread.next_no - 1)
        check_transcript(in_call_order(tuple(row.message for row in rows)))

    asyncio.run(messages())


def _check_interrupts(runtime: SteppedRuntime, name: str) -> None:
    """Who came before an interrupting run is over when that begins."""
    runs = [(run_id, accepted) for run_id in runtime.run_ids for accepted in runtime.events(run_id, RunAccepted)]
    mine = [run_id for run_id, accepted in runs if accepted.thread == f"me/{name}"]
    for run_id, accepted in runs:
        if accepted.multitask == "interrupt" and run_id in mine and "run_started" in runtime.types(run_id):
            for earlier in mine[: mine.index(run_id)]:
                assert runtime.state(earlier).ended, (earlier, runtime.types(earlier))


# A retry is on the disk when the process that was told of it dies, and the next one runs the call again.
A_RETRY_AND_A_KILL = [24, 120, 0, 480, 0, 21, 21, 0, 9981]
DOSE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(DOSE, max_examples=400, derandomize=True)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
@example({"a": [["pay"]], "b": [], "c": []}, A_RETRY_AND_A_KILL, Limits(), True, 512)
def test_any_interleaving_ends_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)


@pytest.mark.long
@settings(DOSE, max_examples=4000)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
def test_many_interleavings_end_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)
