"""Child runs: how a run and the runs that it starts depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from journeyman.agents.spec import Limits
from journeyman.errors import NotFoundError
from journeyman.events.events import CancelRequested, LimitReached, NodeEntered, NodeLeft, RunAccepted, RunPaused
from journeyman.events.messages import Usage, user
from journeyman.events.origin import RequestOrigin
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, StartRun
from tests.harness.stepped_child_runtime import SteppedChildRuntime
from tests.harness.stepped_runtime import STORAGE_FULL, SteppedRuntime, commits


def family(*plan: Sequence[str], **rest: Any) -> SteppedChildRuntime:
    return SteppedChildRuntime({"job": plan}, **rest)


async def started(runtime: SteppedRuntime, text: str = "job") -> str:
    await runtime.boot()
    runtime.spawn(runtime.say, text)
    await runtime.let_go()
    return runtime.run_ids[0]


async def at_the_gate(*plan: Sequence[str], **rest: Any) -> SteppedChildRuntime:
    """Run until the first model call, which waits."""
    runtime = family(*plan, **rest)
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    while not runtime.gates:
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    return runtime


async def test_a_child_answers_and_the_run_goes_on() -> None:
    runtime = family(("worker",))
    run = await started(runtime)
    child = runtime.children(run)[0]
    assert runtime.types(run) == ["run_accepted", "run_started", "node_entered", "node_left", "run_finished"]
    assert runtime.state(run).output == "answer to job/0.0 worker"
    accepted = runtime.events(child, RunAccepted)[0]
    assert accepted.parent.run_id == run
    assert accepted.parent.depth == 1
    assert accepted.thread.startswith("me/!")
    assert (await runtime.disk.run(child)).parent == run
    left = runtime.events(run, NodeLeft)[0]
    assert left.spent.steps == 1
    assert runtime.state(run).usage == runtime.state(child).usage == Usage(1, 1)


async def test_a_child_belongs_to_the_request_and_the_trace_of_its_parent() -> None:
    runtime = family(("worker",))
    await runtime.boot()
    origin = RequestOrigin("req_1", "a" * 32, "b" * 16, credential="key:k1")
    runtime.spawn(runtime.runs.start, "me", StartRun(input=user("job"), origin=origin))
    await runtime.let_go()
    child = runtime.children(runtime.run_ids[0])[0]
    accepted = runtime.events(child, RunAccepted)[0]
    assert (accepted.request_id, accepted.trace_id, accepted.caller_span) == ("req_1", "a" * 32, None)
    assert accepted.credential == "key:k1"


async def test_while_the_child_works_the_parent_runs_and_holds_no_task() -> None:
    runtime = await at_the_gate(("worker",))
    run = runtime.run_ids[0]
    assert runtime.worker.running == 1, "only the child"
    assert (await runtime.disk.run(run)).status == "running"
    result = await runtime.runs.result("me", run)
    assert (result.status, result.waiting_for) == ("running", None)
    assert runtime.rested == []
    await runtime.let_go()
    assert [state.status for state in runtime.rested] == ["finished"]


async def test_children_of_a_round_work_side_by_side_and_begin_in_one_transaction() -> None:
    runtime = family(("worker", "looker"), ("worker",))
    run = await started(runtime)
    first, second, third = runtime.children(run)
    assert runtime.types(run)[2:4] == ["node_entered", "node_entered"]
    assert {runtime.entries(child)[0].at for child in (first, second)} == {runtime.entries(run)[2].at}
    assert runtime.state(run).output.count("answer to") == 3
    assert runtime.state(run).child_steps == 4
    assert runtime.state(run).tool_calls == 1
    assert (await runtime.disk.runs(RunFilter(parent=run)))[0].id == third


async def test_an_approval_of_a_child_pauses_the_run_and_is_answered_through_it() -> None:
    runtime = family(("asker", "worker"))
    run = await started(runtime)
    child = runtime.children(run)[0]
    asked = (await runtime.disk.approvals("me"))[0]
    assert asked.run == child
    assert [state.status for state in runtime.rested] == ["paused"], "the callers that wait for the run get its state"
    result = await runtime.runs.result("me", run)
    assert (result.status, result.waiting_for, result.approvals) == ("paused", "approval", (asked,))
    assert runtime.events(run, RunPaused)[-1].waiting_for == (asked.id,)
    runtime.spawn(answer_through, runtime, run, asked.id)
    await runtime.let_go()
    assert runtime.state(run).status == "finished"
    assert runtime.types(run)[-4:] == ["run_paused", "run_resumed", "node_left", "run_finished"]
    assert not runtime.errors


async def answer_through(runtime: SteppedRuntime, run: str, approval: str) -> None:
    await runtime.runs.answer("me", run, [HumanAnswer(approval=approval, decision="approve")])


async def test_an_approval_two_runs_below_is_answered_through_the_uppermost() -> None:
    runtime = family(("chief",))
    run = await started(runtime)
    asked = (await runtime.disk.approvals("me"))[0]
    assert (await runtime.runs.result("me", run)).approvals == (asked,)
    between = runtime.children(runtime.children(run)[0])[0]
    assert runtime.disk.tables.runs[between].status == "paused"
    runtime.spawn(answer_through, runtime, run, asked.id)
    await runtime.let_go()
    assert runtime.state(run).status == "finished"


async def test_an_approval_is_not_answered_through_a_run_that_does_not_wait_for_it() -> None:
    runtime = SteppedChildRuntime({"job": (("asker",),), "other": (("asker",),)})
    await started(runtime)
    runtime.spawn(runtime.say, "other", "elsewhere")
    await runtime.let_go()
    asked = next(
        row for row in await runtime.disk.approvals("me") if row.run == runtime.children(runtime.run_ids[0])[0]
    )
    with pytest.raises(NotFoundError):
        await answer_through(runtime, runtime.run_of("other"), asked.id)


@pytest.mark.parametrize("kind", ["worker", "asker", "chief"])
async def test_cancelling_a_run_cancels_its_children(kind: str) -> None:
    runtime = family((kind, "worker"))
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    for _ in range(20):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    run = runtime.run_ids[0]
    runtime.spawn(runtime.runs.cancel, "me", run)
    await runtime.let_go()
    assert [runtime.state(one).status for one in runtime.run_ids] == ["cancelled"] * len(runtime.run_ids)
    ended = [runtime.disk.tables.runs[one].ended_at for one in runtime.run_ids]
    assert runtime.types(run)[-1] == "run_cancelled"
    assert [event.error.code for event in runtime.events(run, NodeLeft)] == ["child_cancelled"] * 2
    assert all(ended)
    asked = [len(runtime.events(child, CancelRequested)) for child in runtime.run_ids[1:]]
    assert set(asked) == {1}


async def test_a_run_ends_after_its_children() -> None:
    runtime = await at_the_gate(("worker",), slots=1)
    run, child = runtime.run_ids
    runtime.spawn(runtime.runs.cancel, "me", run)
    order: list[str] = []
    for _ in range(20):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
        order += [one for one in (child, run) if runtime.state(one).ended and one not in order]
    assert order == [child, run]


async def test_a_child_that_is_cancelled_by_hand_is_a_failure_of_its_step() -> None:
    runtime = family(("asker",))
    run = await started(runtime)
    runtime.spawn(runtime.runs.cancel, "me", runtime.children(run)[0])
    await runtime.let_go()
    assert runtime.state(run).output == "child_cancelled"
    assert runtime.state(run).status == "finished"


async def test_the_failure_of_a_child_is_the_result_of_its_step() -> None:
    runtime = family(("worker",))
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await runtime.let_go("error")
    run = runtime.run_ids[0]
    assert runtime.state(run).output == "gateway_error"
    assert runtime.state(run).children[0].failure == runtime.state(runtime.children(run)[0]).error


async def test_an_unknown_agent_is_a_failure_of_the_step() -> None:
    runtime = family(("nobody",))
    run = await started(runtime)
    assert runtime.events(run, NodeEntered)[0].child is None
    assert runtime.state(run).output == "not_found"
    assert runtime.children(run) == []


async def test_agents_that_start_themselves_come_to_an_end() -> None:
    runtime = family(("loop",))
    run = await started(runtime)
    assert runtime.state(run).output == "too_deep"
    assert len(runtime.run_ids) == 6


async def test_a_child_has_what_its_parent_has_left() -> None:
    runtime = family(("looker",), ("looker",), limits=Limits(steps=3, tool_calls=9, tokens=100, seconds=50, cost_usd=1))
    run = await started(runtime)
    first, second = (runtime.events(child, RunAccepted)[0].bounds for child in runtime.children(run))
    assert (first.steps, first.tool_calls, first.tokens, first.seconds, first.cost_usd) == (3, 9, 100, 50, 1)
    assert (second.steps, second.tool_calls, second.tokens) == (1, 8, 96)
    last = runtime.children(run)[1]
    assert runtime.state(last).stopped_by == "steps"
    assert runtime.state(run).child_steps == 3
    assert runtime.state(run).status == "finished"


async def test_the_time_of_a_run_bounds_its_children() -> None:
    runtime = family(("worker", "worker"), limits=Limits(seconds=10))
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    while len(runtime.gates) < 2:
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    runtime.clock.advance(11)
    await runtime.let_go()
    run = runtime.run_ids[0]
    assert [runtime.state(child).stopped_by for child in runtime.children(run)] == ["seconds"] * 2
    assert runtime.state(run).stopped_by in ("seconds", None)
    assert len(runtime.events(runtime.children(run)[0], LimitReached)) == 1


@pytest.mark.parametrize("kind", ["looker", "asker", "chief"])
async def test_a_crash_at_any_commit_loses_no_child_and_starts_none_twice(kind: str) -> None:
    crashes = 0
    while True:
        runtime = family((kind, "worker"))
        await runtime.boot()
        runtime.spawn(runtime.say, "job")
        if await commits(runtime, crashes):
            break
        await runtime.crash()
        await runtime.boot()
        await runtime.let_go(decision=lambda row: "approve")
        if runtime.run_ids:
            run = runtime.run_ids[0]
            assert runtime.state(run).status == "finished", (crashes, runtime.types(run))
            starts = [event.child for event in runtime.events(run, NodeEntered)]
            assert starts == runtime.children(run)
            assert len(runtime.events(run, NodeLeft)) == 2
        crashes += 1
    assert crashes > 8


async def test_a_thread_is_erased_with_what_its_children_said() -> None:
    runtime = family(("chief",))
    run = await started(runtime)
    below = [row.thread for row in runtime.disk.tables.runs.values()]
    runtime.spawn(runtime.threads.erase, "me", "t")
    await runtime.let_go()
    assert [await runtime.disk.thread(key) for key in below] == [None] * len(below)
    assert await runtime.disk.run(run) is None


async def test_a_child_that_was_asked_to_end_before_a_crash_waits_for_no_slot() -> None:
    runtime = await at_the_gate(("worker",), slots=1)
    run, child = runtime.run_ids
    runtime.spawn(runtime.runs.cancel, "me", run)
    while not runtime.events(child, CancelRequested):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    await runtime.crash()
    await runtime.boot()
    await runtime.let_go()
    assert [runtime.state(one).status for one in (child, run)] == ["cancelled", "cancelled"]
    assert runtime.clock.monotonic() < 30, "it did not come to the bound"


async def test_a_child_that_cannot_record_its_end_waits_for_no_slot_when_it_is_taken_up_again() -> None:
    runtime = await at_the_gate(("worker",), slots=1)
    run, child = runtime.run_ids
    runtime.spawn(runtime.runs.cancel, "me", run)
    while not runtime.events(child, CancelRequested):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    await runtime.settle()
    assert [append.stream for append in runtime.disk.held[0].batch.appends] == [child]
    runtime.disk.write(STORAGE_FULL)
    await runtime.let_go()
    assert [runtime.state(one).status for one in (child, run)] == ["cancelled", "cancelled"]
    assert runtime.clock.monotonic() < 30, "it did not come to the bound"


@pytest.mark.parametrize("at", ["node_entered", "run_paused"])
@pytest.mark.parametrize("crash", [False, True])
async def test_a_fork_starts_children_of_its_own(at: str, crash: bool) -> None:
    runtime = family(("asker", "worker"))
    run = await started(runtime)
    before = runtime.entries(run)
    place = max(entry.seq for entry in before if entry.type == at)
    runtime.spawn(runtime.forks.fork, "me", ForkRun(run_id=run, at=place))
    await runtime.settle()
    runtime.disk.write()
    if crash:
        await runtime.crash()
        await runtime.boot()
    await runtime.let_go(decision=lambda row: "approve" if row.run != runtime.children(run)[0] else None)
    fork = next(one for one in runtime.run_ids if runtime.state(one).forked)
    assert runtime.state(fork).status == "finished"
    attempts = {event.call: event.attempt for event in runtime.events(fork, NodeEntered)}
    left = [event for event in before[:place] if event.type == "node_left"]
    assert attempts == {"n0.0": 2, "n0.1": 1 if left else 2}
    assert len(runtime.children(fork)) == (1 if left else 2)
    assert runtime.entries(run) == before, "the run that was forked is not touched"
    assert runtime.state(runtime.children(run)[0]).status == "paused"
    assert not runtime.errors


async def test_children_of_a_run_whose_agent_is_gone_are_cancelled() -> None:
    runtime = await at_the_gate(("worker",))
    run, child = runtime.run_ids
    await runtime.crash()
    runtime.gone = "foreman"
    runtime.disk.tables.definitions.clear()
    await runtime.boot()
    await runtime.let_go()
    assert runtime.state(run).error.code == "configuration_error"
    assert runtime.types(run)[-2:] == ["node_left", "run_failed"]
    assert runtime.state(child).status == "cancelled"
