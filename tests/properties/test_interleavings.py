"""Any order of results, answers, cancels, commits and crashes keeps what a run promises."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import NAMES, STORAGE_FULL, THREAD, World, check_transcript

from journeyman.agents.spec import Limits
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    ModelReplied,
    Multitask,
    RunAccepted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.state import AgentState, fold
from journeyman.events.transcript import in_call_order

TEXTS = ("a", "b", "c")
THREADS = (THREAD, "another")
DECISIONS = {
    "tool": ("approve", "deny", "approve_other"),
    "unknown_outcome": ("retry", "done", "fail"),
    "question": ("done", "done", "deny"),
}
plans = st.fixed_dictionaries(
    {text: st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=3) for text in TEXTS}
)
choices = st.lists(st.integers(0, 2**20), min_size=5, max_size=80)
limits = st.sampled_from((Limits(), Limits(), Limits(steps=2), Limits(tool_calls=3)))


class Play:
    """One history: each choice picks the next thing that happens among those that can."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.crashes = 0
        self.failures = 0
        self.said = 0

    async def run(self, picks: Sequence[int], answered: bool) -> None:
        await self.world.boot()
        self._say()
        for pick in picks:
            await self._one(pick)
        last = (lambda row: row.decisions[-1]) if answered else (lambda row: None)
        await self.world.let_go(decision=last)

    def _say(self, thread: str = THREAD, multitask: Multitask = "queue") -> None:
        self.world.spawn(self.world.say, TEXTS[self.said], thread, multitask)
        self.said += 1

    async def _one(self, pick: int) -> None:
        pick, kind = divmod(pick, 24)
        world = self.world
        if kind < 7 and world.disk.held:
            world.disk.write()
        elif kind < 13 and world.gates:
            pick, how = divmod(pick, 7)
            world.open_gate(pick % len(world.gates), ("ok", "ok", "ok", "fail", "again", "unknown", "ask")[how])
        elif kind < 16:
            await self._answer(pick)
        elif kind == 16 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2])
        elif kind == 22 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2], "interrupt")
        elif kind == 17 and world.run_ids:
            world.spawn(world.runs.cancel, "me", world.run_ids[pick % len(world.run_ids)])
        elif kind in (18, 21) and self.crashes < 3:
            self.crashes += 1
            if kind == 21:
                await self._stop()
            await world.crash()
            await world.boot()
            for run_id in world.run_ids:
                if not world.state(run_id).ended:
                    world.spawn(world.follow, run_id)
        elif kind == 19 and world.disk.held and self.failures < 2:
            self.failures += 1
            world.disk.write(STORAGE_FULL)
        elif kind == 20:
            world.clock.advance(2)
        await world.settle((0, 1, 2, 3, 5, 20)[pick % 6])

    async def _stop(self) -> None:
        """The process ends in good order: what was handed over is written."""
        stopping = asyncio.create_task(self.world.worker.stop(0))
        while not stopping.done() or self.world.disk.held:
            await self.world.settle(5)
            if self.world.disk.held:
                self.world.disk.write()
        assert self.world.worker.running == 0

    async def _answer(self, pick: int) -> None:
        open_now = await self.world.disk.approvals(None)
        if not open_now:
            return
        pick, which = divmod(pick, len(open_now))
        decision = DECISIONS[open_now[which].kind][pick % 3]
        arguments = {"by": "human"} if decision == "approve_other" else None
        self.world.spawn(self.world.answer, open_now[which].id, decision.removesuffix("_other"), arguments)


def play(plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int) -> None:
    world = World(plan, limits=limit, slots=slots)
    story = Play(world)
    asyncio.run(story.run(picks, answered))
    assert not world.wrong
    for run_id in world.run_ids:
        _check_run(world, run_id, answered)
    for thread in THREADS:
        _check_thread(world, thread)
        _check_interrupts(world, thread)
    for state in world.rested:
        _check_live(world, state)


def _check_run(world: World, run_id: str, answered: bool) -> None:
    entries, state = world.entries(run_id), world.state(run_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    row = world.disk.tables.runs[run_id]
    assert row.status == state.status, (row.status, state.status, world.types(run_id))
    if answered:
        assert state.ended, (state.status, world.types(run_id))
    elif state.status == "paused":
        assert state.open_approvals
        assert sorted(row.open_approvals) == sorted(state.open_approvals)
    else:
        assert state.ended or state.status == "queued", world.types(run_id)
    assert state.error is None or state.error.code != "internal_error", state.error
    _check_calls(world, run_id, state)


def _check_calls(world: World, run_id: str, state: AgentState) -> None:
    started = Counter((event.call, event.attempt) for event in world.events(run_id, ToolCallStarted))
    assert max(started.values(), default=1) == 1, started
    finished = Counter(event.call for event in world.events(run_id, ToolCallFinished))
    assert max(finished.values(), default=1) == 1, finished
    asked = {
        f"{event.call}.{index}"
        for event in world.events(run_id, ModelReplied)
        for index in range(len(event.message.tool_calls))
    }
    assert {call for call, _ in started} <= asked
    assert set(finished) <= asked
    if state.ended:
        assert set(finished) == asked, world.types(run_id)
        assert not state.open_calls
        assert state.model_call is None
    open_by_call = Counter(event.call for event in world.events(run_id, ApprovalRequested))
    given = Counter(event.approval for event in world.events(run_id, ApprovalGiven))
    assert max(given.values(), default=1) == 1
    for (run, call), times in world.executed.items():
        spec = _spec(world, run_id, call) if run == run_id else None
        if spec == "once":
            assert times <= 1 + world.retries[run, call], (call, times)
    assert set(open_by_call) <= asked


def _spec(world: World, run_id: str, call: str) -> str:
    tools = {event.call: event.tool for event in world.events(run_id, ToolCallStarted)}
    return next((spec.effects for spec in world.specs if spec.name == tools.get(call)), "none")


def _check_thread(world: World, name: str) -> None:
    async def messages() -> None:
        thread = await world.disk.thread(f"me/{name}")
        if thread is None or thread.active_run is not None:
            return
        rows = await world.disk.messages(thread.key, 1, thread.next_no - 1)
        check_transcript(in_call_order(tuple(row.message for row in rows)))

    asyncio.run(messages())


def _check_interrupts(world: World, name: str) -> None:
    """Who came before an interrupting run is over when that begins."""
    runs = [(run_id, accepted) for run_id in world.run_ids for accepted in world.events(run_id, RunAccepted)]
    mine = [run_id for run_id, accepted in runs if accepted.thread == f"me/{name}"]
    for run_id, accepted in runs:
        if accepted.multitask == "interrupt" and run_id in mine and "run_started" in world.types(run_id):
            for earlier in mine[: mine.index(run_id)]:
                assert world.state(earlier).ended, (earlier, world.types(earlier))


def _check_live(world: World, state: AgentState) -> None:
    """What the runner knew is what the journal says."""
    entries = world.entries(state.run_id)[: state.seq]
    assert len(entries) == state.seq
    recorded = fold(state.run_id, ((entry.seq, entry.at, entry.event) for entry in entries))
    assert _plain(recorded) == _plain(state)


def _plain(state: AgentState) -> AgentState:
    return msgspec.structs.replace(state, history=(), at=0, active_us=0)


DOSE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(DOSE, max_examples=400, derandomize=True)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
def test_any_interleaving_ends_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)


@pytest.mark.long
@settings(DOSE, max_examples=5000)
@given(plans, choices, limits, st.booleans(), st.sampled_from((1, 2, 512)))
def test_many_interleavings_end_well(
    plan: dict[str, list[list[str]]], picks: list[int], limit: Limits, answered: bool, slots: int
) -> None:
    play(plan, picks, limit, answered, slots)
