"""Sub-agents: what a run and the runs that it starts mean to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from journeyman.agents.spec import Limits
from journeyman.errors import NotFoundError
from journeyman.events.events import CancelRequested, LimitReached, NodeEntered, NodeLeft, RunAccepted, RunPaused
from journeyman.events.messages import Usage, user
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.requests import Answer, ForkRun, StartRun
from tests.harness.stepped_child_runtime import Family
from tests.harness.stepped_runtime import STORAGE_FULL, World


def family(*plan: Sequence[str], **rest: Any) -> Family:
    return Family({"job": plan}, **rest)


async def started(world: World, text: str = "job") -> str:
    await world.boot()
    world.spawn(world.say, text)
    await world.let_go()
    return world.run_ids[0]


async def at_the_gate(*plan: Sequence[str], **rest: Any) -> Family:
    """Up to the first call of a model, which waits."""
    world = family(*plan, **rest)
    await world.boot()
    world.spawn(world.say, "job")
    while not world.gates:
        await world.settle()
        if world.disk.held:
            world.disk.write()
    return world


async def test_a_child_answers_and_the_run_goes_on() -> None:
    world = family(("worker",))
    run = await started(world)
    child = world.children(run)[0]
    assert world.types(run) == ["run_accepted", "run_started", "node_entered", "node_left", "run_finished"]
    assert world.state(run).output == "answer to job/0.0 worker"
    accepted = world.events(child, RunAccepted)[0]
    assert accepted.parent.run_id == run
    assert accepted.parent.depth == 1
    assert accepted.thread.startswith("me/!")
    assert (await world.disk.run(child)).parent == run
    left = world.events(run, NodeLeft)[0]
    assert left.spent.steps == 1
    assert world.state(run).usage == world.state(child).usage == Usage(1, 1)


async def test_a_child_belongs_to_the_request_and_the_trace_of_its_parent() -> None:
    world = family(("worker",))
    await world.boot()
    world.spawn(world.runs.start, "me", StartRun(input=user("job"), request_id="req_1", trace_id="a" * 32))
    await world.let_go()
    child = world.children(world.run_ids[0])[0]
    accepted = world.events(child, RunAccepted)[0]
    assert (accepted.request_id, accepted.trace_id) == ("req_1", "a" * 32)


async def test_while_the_child_works_the_parent_runs_and_holds_no_task() -> None:
    world = await at_the_gate(("worker",))
    run = world.run_ids[0]
    assert world.worker.running == 1, "only the child"
    assert (await world.disk.run(run)).status == "running"
    result = await world.runs.result("me", run)
    assert (result.status, result.waiting_for) == ("running", None)
    assert world.rested == []
    await world.let_go()
    assert [state.status for state in world.rested] == ["finished"]


async def test_children_of_a_round_work_side_by_side_and_begin_in_one_transaction() -> None:
    world = family(("worker", "looker"), ("worker",))
    run = await started(world)
    first, second, third = world.children(run)
    assert world.types(run)[2:4] == ["node_entered", "node_entered"]
    assert {world.entries(child)[0].at for child in (first, second)} == {world.entries(run)[2].at}
    assert world.state(run).output.count("answer to") == 3
    assert world.state(run).child_steps == 4
    assert world.state(run).tool_calls == 1
    assert (await world.disk.runs(RunFilter(parent=run)))[0].id == third


async def test_an_approval_of_a_child_pauses_the_run_and_is_answered_through_it() -> None:
    world = family(("asker", "worker"))
    run = await started(world)
    child = world.children(run)[0]
    asked = (await world.disk.approvals("me"))[0]
    assert asked.run == child
    assert [state.status for state in world.rested] == ["paused"], "whoever waits for the run is told"
    result = await world.runs.result("me", run)
    assert (result.status, result.waiting_for, result.approvals) == ("paused", "approval", (asked,))
    assert world.events(run, RunPaused)[-1].waiting_for == (asked.id,)
    world.spawn(answer_through, world, run, asked.id)
    await world.let_go()
    assert world.state(run).status == "finished"
    assert world.types(run)[-4:] == ["run_paused", "run_resumed", "node_left", "run_finished"]
    assert not world.errors


async def answer_through(world: World, run: str, approval: str) -> None:
    await world.runs.answer("me", run, [Answer(approval=approval, decision="approve")])


async def test_an_approval_two_runs_below_is_answered_through_the_uppermost() -> None:
    world = family(("chief",))
    run = await started(world)
    asked = (await world.disk.approvals("me"))[0]
    assert (await world.runs.result("me", run)).approvals == (asked,)
    between = world.children(world.children(run)[0])[0]
    assert world.disk.tables.runs[between].status == "paused"
    world.spawn(answer_through, world, run, asked.id)
    await world.let_go()
    assert world.state(run).status == "finished"


async def test_an_approval_is_not_answered_through_a_run_that_does_not_wait_for_it() -> None:
    world = Family({"job": (("asker",),), "other": (("asker",),)})
    await started(world)
    world.spawn(world.say, "other", "elsewhere")
    await world.let_go()
    asked = next(row for row in await world.disk.approvals("me") if row.run == world.children(world.run_ids[0])[0])
    with pytest.raises(NotFoundError):
        await answer_through(world, world.run_of("other"), asked.id)


@pytest.mark.parametrize("kind", ["worker", "asker", "chief"])
async def test_who_cancels_a_run_cancels_what_it_started(kind: str) -> None:
    world = family((kind, "worker"))
    await world.boot()
    world.spawn(world.say, "job")
    for _ in range(20):
        await world.settle()
        if world.disk.held:
            world.disk.write()
    run = world.run_ids[0]
    world.spawn(world.runs.cancel, "me", run)
    await world.let_go()
    assert [world.state(one).status for one in world.run_ids] == ["cancelled"] * len(world.run_ids)
    ended = [world.disk.tables.runs[one].ended_at for one in world.run_ids]
    assert world.types(run)[-1] == "run_cancelled"
    assert [event.error.code for event in world.events(run, NodeLeft)] == ["child_cancelled"] * 2
    assert all(ended)
    asked = [len(world.events(child, CancelRequested)) for child in world.run_ids[1:]]
    assert set(asked) == {1}


async def test_a_run_ends_after_its_children() -> None:
    world = await at_the_gate(("worker",), slots=1)
    run, child = world.run_ids
    world.spawn(world.runs.cancel, "me", run)
    order: list[str] = []
    for _ in range(20):
        await world.settle()
        if world.disk.held:
            world.disk.write()
        order += [one for one in (child, run) if world.state(one).ended and one not in order]
    assert order == [child, run]


async def test_a_child_that_is_cancelled_by_hand_is_a_failure_of_its_step() -> None:
    world = family(("asker",))
    run = await started(world)
    world.spawn(world.runs.cancel, "me", world.children(run)[0])
    await world.let_go()
    assert world.state(run).output == "child_cancelled"
    assert world.state(run).status == "finished"


async def test_the_failure_of_a_child_is_told() -> None:
    world = family(("worker",))
    await world.boot()
    world.spawn(world.say, "job")
    await world.let_go("error")
    run = world.run_ids[0]
    assert world.state(run).output == "gateway_error"
    assert world.state(run).children[0].failure == world.state(world.children(run)[0]).error


async def test_an_unknown_agent_is_a_failure_of_the_step() -> None:
    world = family(("nobody",))
    run = await started(world)
    assert world.events(run, NodeEntered)[0].child is None
    assert world.state(run).output == "not_found"
    assert world.children(run) == []


async def test_agents_that_start_themselves_come_to_an_end() -> None:
    world = family(("loop",))
    run = await started(world)
    assert world.state(run).output == "too_deep"
    assert len(world.run_ids) == 6


async def test_a_child_has_what_its_parent_has_left() -> None:
    world = family(("looker",), ("looker",), limits=Limits(steps=3, tool_calls=9, tokens=100, seconds=50, cost_usd=1))
    run = await started(world)
    first, second = (world.events(child, RunAccepted)[0].bounds for child in world.children(run))
    assert (first.steps, first.tool_calls, first.tokens, first.seconds, first.cost_usd) == (3, 9, 100, 50, 1)
    assert (second.steps, second.tool_calls, second.tokens) == (1, 8, 96)
    last = world.children(run)[1]
    assert world.state(last).stopped_by == "steps"
    assert world.state(run).child_steps == 3
    assert world.state(run).status == "finished"


async def test_the_time_of_a_run_bounds_its_children() -> None:
    world = family(("worker", "worker"), limits=Limits(seconds=10))
    await world.boot()
    world.spawn(world.say, "job")
    while len(world.gates) < 2:
        await world.settle()
        if world.disk.held:
            world.disk.write()
    world.clock.advance(11)
    await world.let_go()
    run = world.run_ids[0]
    assert [world.state(child).stopped_by for child in world.children(run)] == ["seconds"] * 2
    assert world.state(run).stopped_by in ("seconds", None)
    assert len(world.events(world.children(run)[0], LimitReached)) == 1


@pytest.mark.parametrize("kind", ["looker", "asker", "chief"])
async def test_a_crash_at_any_commit_loses_no_child_and_starts_none_twice(kind: str) -> None:
    crashes = 0
    while True:
        world = family((kind, "worker"))
        await world.boot()
        world.spawn(world.say, "job")
        if await commits(world, crashes):
            break
        await world.crash()
        await world.boot()
        await world.let_go(decision=lambda row: "approve")
        if world.run_ids:
            run = world.run_ids[0]
            assert world.state(run).status == "finished", (crashes, world.types(run))
            starts = [event.child for event in world.events(run, NodeEntered)]
            assert starts == world.children(run)
            assert len(world.events(run, NodeLeft)) == 2
        crashes += 1
    assert crashes > 8


async def commits(world: World, most: int) -> bool:
    """Let everything go on for so many commits; True: there were not that many."""
    written = quiet = 0
    while quiet < 6:
        await world.settle(8)
        if world.disk.held and written == most:
            return False
        quiet = 0 if world.disk.held or world.gates else quiet + 1
        if world.disk.held:
            world.disk.write()
            written += 1
        elif world.gates:
            world.open_gate(0)
        elif rows := await world.disk.approvals(None):
            world.spawn(world.answer, rows[0].id, "approve")
            await asyncio.sleep(0)
    return True


async def test_a_thread_is_erased_with_what_its_children_said() -> None:
    world = family(("chief",))
    run = await started(world)
    below = [row.thread for row in world.disk.tables.runs.values()]
    world.spawn(world.threads.erase, "me", "t")
    await world.let_go()
    assert [await world.disk.thread(key) for key in below] == [None] * len(below)
    assert await world.disk.run(run) is None


async def test_a_child_that_was_asked_to_end_before_a_crash_waits_for_no_slot() -> None:
    world = await at_the_gate(("worker",), slots=1)
    run, child = world.run_ids
    world.spawn(world.runs.cancel, "me", run)
    while not world.events(child, CancelRequested):
        await world.settle()
        if world.disk.held:
            world.disk.write()
    await world.crash()
    await world.boot()
    await world.let_go()
    assert [world.state(one).status for one in (child, run)] == ["cancelled", "cancelled"]
    assert world.clock.monotonic() < 30, "it did not come to the bound"


async def test_a_child_that_cannot_record_its_end_waits_for_no_slot_when_it_is_taken_up_again() -> None:
    world = await at_the_gate(("worker",), slots=1)
    run, child = world.run_ids
    world.spawn(world.runs.cancel, "me", run)
    while not world.events(child, CancelRequested):
        await world.settle()
        if world.disk.held:
            world.disk.write()
    await world.settle()
    assert [append.stream for append in world.disk.held[0].batch.appends] == [child]
    world.disk.write(STORAGE_FULL)
    await world.let_go()
    assert [world.state(one).status for one in (child, run)] == ["cancelled", "cancelled"]
    assert world.clock.monotonic() < 30, "it did not come to the bound"


@pytest.mark.parametrize("at", ["node_entered", "run_paused"])
@pytest.mark.parametrize("crash", [False, True])
async def test_a_fork_starts_children_of_its_own(at: str, crash: bool) -> None:
    world = family(("asker", "worker"))
    run = await started(world)
    before = world.entries(run)
    place = max(entry.seq for entry in before if entry.type == at)
    world.spawn(world.forks.fork, "me", ForkRun(run_id=run, at=place))
    await world.settle()
    world.disk.write()
    if crash:
        await world.crash()
        await world.boot()
    await world.let_go(decision=lambda row: "approve" if row.run != world.children(run)[0] else None)
    fork = next(one for one in world.run_ids if world.state(one).forked)
    assert world.state(fork).status == "finished"
    attempts = {event.call: event.attempt for event in world.events(fork, NodeEntered)}
    left = [event for event in before[:place] if event.type == "node_left"]
    assert attempts == {"n0.0": 2, "n0.1": 1 if left else 2}
    assert len(world.children(fork)) == (1 if left else 2)
    assert world.entries(run) == before, "the run that was forked is not touched"
    assert world.state(world.children(run)[0]).status == "paused"
    assert not world.errors


async def test_children_of_a_run_that_nobody_can_decide_for_are_cancelled() -> None:
    world = await at_the_gate(("worker",))
    run, child = world.run_ids
    await world.crash()
    world.gone = "foreman"
    world.disk.tables.definitions.clear()
    await world.boot()
    await world.let_go()
    assert world.state(run).error.code == "configuration_error"
    assert world.types(run)[-2:] == ["node_left", "run_failed"]
    assert world.state(child).status == "cancelled"
