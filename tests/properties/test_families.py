"""Any order of ends, answers, cancels, commits and crashes keeps what runs and their children promise each other."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from journeyman.agents.spec import LimitAsk, Limits, OnReached
from journeyman.events.events import NodeEntered, NodeLeft, RunAccepted
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage
from tests.harness.random_histories import TEXTS, RandomHistory, check_live
from tests.harness.stepped_child_runtime import SteppedChildRuntime

KINDS = ("worker", "looker", "asker", "payer", "boss", "nobody")
rounds = st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), max_size=2)
plans = st.fixed_dictionaries(dict.fromkeys(TEXTS, rounds))
choices = st.lists(st.integers(0, 2**20), min_size=5, max_size=80)
ASKING = Limits(steps=2, on_reached=OnReached(steps=LimitAsk(ask=True, up_to=5)))
limits = st.sampled_from((Limits(), Limits(), Limits(steps=2), Limits(tokens=5), ASKING))


def play(plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int) -> None:
    runtime = SteppedChildRuntime(plan, limits=limit, slots=slots)
    asyncio.run(RandomHistory(runtime).run(picks, answered))
    assert not runtime.wrong
    for run_id in runtime.run_ids:
        state = runtime.state(run_id)
        _check_end(runtime, state, answered)
        _check_children(runtime, state)
    for state in runtime.rested:
        assert state.ended or state.status == "paused"
        check_live(runtime, state)


def _check_end(runtime: SteppedChildRuntime, state: AgentState, answered: bool) -> None:
    row, types = runtime.disk.tables.runs[state.run_id], runtime.types(state.run_id)
    assert row.status == state.status, types
    assert state.error is None or state.error.code != "internal_error", state.error
    if state.ended:
        assert not state.open_calls
        assert not state.open_children
        return
    assert not answered, (state.status, types)
    assert state.status in ("paused", "queued"), types
    if state.status == "paused":
        waits = [runtime.disk.tables.approvals[approval] for approval in state.waiting_for]
        assert waits
        assert all(approval.answer is None for approval in waits)


def _check_children(runtime: SteppedChildRuntime, state: AgentState) -> None:
    """Each is started once, ends before its parent, is reported once, and counts."""
    run_id = state.run_id
    assert [event.child for event in runtime.events(run_id, NodeEntered) if event.child] == runtime.children(run_id)
    steps = [(event.call, event.attempt) for event in runtime.events(run_id, NodeEntered)]
    left = [(event.call, event.attempt) for event in runtime.events(run_id, NodeLeft)]
    assert len(set(left)) == len(left)
    assert set(left) <= set(steps)
    used = Usage()
    for child in runtime.children(run_id):
        below = runtime.state(child)
        assert (below.principal, below.thread.startswith("me/!")) == ("me", True)
        assert runtime.events(child, RunAccepted)[0].parent.run_id == run_id
        if below.ended:
            used += below.usage
        if state.ended:
            assert below.ended, (runtime.types(run_id), runtime.types(child))
    if state.children and state.ended:
        assert len(left) == len(steps)
        assert state.usage == used


# A child that is asked to end cannot be recorded, and is taken up again while its parent has the only slot.
A_FULL_DISK_AND_A_CANCEL = [141, 689, 0, 48, 6475]
DOSE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(DOSE, max_examples=200, derandomize=True)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
@example({"a": [["worker"]], "b": [], "c": []}, A_FULL_DISK_AND_A_CANCEL, Limits(), True, 1)
def test_any_family_ends_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)


@pytest.mark.long
@settings(DOSE, max_examples=2000)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
def test_many_families_end_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)
