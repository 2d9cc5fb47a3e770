"""What happens between a submit and its commit: barriers, pauses, full disks, restarts, callers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.errors import ConfigurationError, StaleEpochError, StateError
from journeyman.events.events import ApprovalGiven, Lack, RunResumed, ToolCallFinished
from journeyman.events.messages import user
from journeyman.events.transcript import in_call_order
from journeyman.journal.journal import Append, Batch
from journeyman.runtime.use_cases.requests import HumanAnswer, StartRun
from tests.harness.stepped_runtime import SPECS, STORAGE_FULL, THREAD, PendingBatch, SteppedRuntime, check_transcript


@asynccontextmanager
async def world_of(*plan: Sequence[str], slots: int = 512) -> AsyncIterator[SteppedRuntime]:
    """Return a runtime with an accepted run "a"; runs "b" and "c" are answered at once."""
    runtime = SteppedRuntime({"a": plan, "b": (), "c": ()}, slots=slots)
    await runtime.boot()
    runtime.spawn(runtime.say, "a")
    await runtime.settle()
    runtime.disk.write()
    await runtime.settle()
    yield runtime
    await runtime.crash()
    assert not runtime.wrong


async def until_tools(runtime: SteppedRuntime) -> None:
    """Run until the first reply: its calls are decided, and their batch is not committed yet."""
    runtime.disk.write()
    runtime.open_gate(0)
    await runtime.settle()


async def pausing(runtime: SteppedRuntime) -> PendingBatch:
    """Run until the pause, whose batch is taken out of the disk's queue while the approval is open."""
    await until_tools(runtime)
    runtime.disk.write()
    runtime.open_gate(0)
    await runtime.settle()
    return runtime.disk.held.popleft()


async def test_an_answer_while_pausing_is_not_lost() -> None:
    async with world_of(["look", "pay_asked"]) as runtime:
        pause = await pausing(runtime)
        runtime.spawn(runtime.answer, (await runtime.disk.approvals(None))[0].id, "approve")
        await runtime.settle()
        runtime.disk.held.append(pause)
        runtime.disk.write()
        runtime.disk.write()
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"


@pytest.mark.parametrize("news", ["answer", "cancel"])
async def test_a_crash_after_an_overtaken_pause_finds_the_run(news: str) -> None:
    async with world_of(["look", "pay_asked"]) as runtime:
        pause = await pausing(runtime)
        if news == "cancel":
            runtime.spawn(runtime.runs.cancel, "me", "run_1")
        else:
            runtime.spawn(runtime.answer, (await runtime.disk.approvals(None))[0].id, "approve")
        await runtime.settle()
        runtime.disk.write()
        runtime.disk.held.appendleft(pause)
        runtime.disk.write()
        assert runtime.types("run_1")[-1] == "run_paused"
        await runtime.crash()
        await runtime.boot()
        await runtime.let_go()
        assert runtime.state("run_1").ended


async def test_cancel_at_the_barrier_withdraws_the_call() -> None:
    async with world_of(["pay"]) as runtime:
        await until_tools(runtime)
        starting = runtime.disk.held.popleft()
        runtime.spawn(runtime.runs.cancel, "me", "run_1")
        await runtime.settle()
        runtime.disk.write()
        runtime.disk.held.appendleft(starting)
        await runtime.let_go()
        assert runtime.state("run_1").status == "cancelled"
        assert runtime.executed == {}
        assert [event.error.code for event in runtime.events("run_1", ToolCallFinished)] == ["cancelled"]


async def test_cancel_while_the_call_runs_leaves_its_outcome_unknown() -> None:
    async with world_of(["pay", "look"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write()
        await runtime.settle()
        runtime.spawn(runtime.runs.cancel, "me", "run_1")
        await runtime.let_go()
        codes = [event.error.code for event in runtime.events("run_1", ToolCallFinished)]
        assert codes == ["outcome_unknown", "cancelled"]


async def test_a_cancel_that_was_durable_before_the_end_wins() -> None:
    async with world_of() as runtime:
        runtime.disk.write()
        await runtime.settle()
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        runtime.open_gate(0)
        await runtime.settle()
        ending = runtime.disk.held.pop()
        assert [draft.type for draft in ending.batch.appends[0].drafts][-1] == "run_finished"
        runtime.spawn(runtime.runs.cancel, "me", "run_1")
        await runtime.settle()
        runtime.disk.held.append(ending)
        await runtime.let_go()
        assert runtime.types("run_1")[-3:] == ["cancel_requested", "model_replied", "run_cancelled"]
        assert runtime.state("run_1").status == "cancelled"
        assert [state.status for state in runtime.rested if state.run_id == "run_1"] == ["cancelled"]
        assert runtime.state("run_1").messages[-1].role == "assistant", "its reply stays"


async def test_cancel_of_a_queued_run_as_its_turn_comes() -> None:
    async with world_of() as runtime:
        runtime.spawn(runtime.say, "b")
        await runtime.settle()
        runtime.disk.write()
        runtime.disk.write()
        runtime.spawn(runtime.runs.cancel, "me", "run_2")
        runtime.open_gate(0)
        await runtime.settle()
        runtime.disk.write()  # the cancel; behind it stand the end of run 1 and with it the start of run 2
        runtime.disk.write()
        await runtime.let_go()
        assert runtime.types("run_2") == ["run_accepted", "cancel_requested", "run_started", "run_cancelled"]
        assert [state.status for state in runtime.rested if state.run_id == "run_2"] == ["cancelled"]


async def test_a_full_disk_shows_nothing_and_is_tried_again() -> None:
    async with world_of(["pay"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write(STORAGE_FULL)
        await runtime.settle()
        assert runtime.executed == {}
        assert runtime.worker.running == 0
        assert runtime.types("run_1")[-1] == "model_called"
        assert not runtime.tasks  # all callers were released to read the journal
        runtime.clock.advance(2)
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"
        assert runtime.executed == {("run_1", "m1.0"): 1}


async def test_a_broken_disk_is_not_tried_again() -> None:
    async with world_of(["pay"]) as runtime:
        await until_tools(runtime)
        runtime.disk.sound = False
        runtime.disk.write(STORAGE_FULL)
        await runtime.settle()
        runtime.clock.advance(10)
        await runtime.settle()
        assert runtime.worker.running == 0
        assert not runtime.disk.held


async def test_an_answer_before_the_next_try_does_not_fail_the_run() -> None:
    async with world_of(["look", "pay_asked"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write()
        runtime.open_gate(0)
        await runtime.settle()
        runtime.disk.write(STORAGE_FULL)  # the result of `look` is lost, its start is recorded
        await runtime.settle()
        runtime.spawn(runtime.answer, (await runtime.disk.approvals(None))[0].id, "deny")
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"
        assert runtime.executed == {("run_1", "m1.0"): 2}


async def test_a_writer_that_was_taken_over_stops() -> None:
    async with world_of(["pay"]) as runtime:
        await runtime.disk.open()
        await runtime.disk.take_over()
        runtime.open_gate(0)
        await runtime.settle()
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        assert runtime.worker.running == 0
        assert runtime.executed == {}
        assert "model_replied" not in runtime.types("run_1")
        with pytest.raises(StaleEpochError):
            runtime.disk._transactions.check(_stale("run_1", runtime))


def _stale(run_id: str, runtime: SteppedRuntime) -> Batch:
    draft = runtime.runs._codec.draft(RunResumed(epoch=1))
    return Batch(at=1, appends=(Append(stream=run_id, drafts=(draft,), epoch=1),))


async def test_stop_suspends_runs_and_the_next_process_resumes_them() -> None:
    async with world_of(["pay", "look"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write()
        await runtime.settle()
        await runtime.worker.stop(0)
        await runtime.settle()
        assert not runtime.tasks
        assert runtime.worker.running == 0
        assert not runtime.state("run_1").ended
        await runtime.crash()
        await runtime.boot()
        await runtime.let_go(decision=lambda row: "fail")
        assert runtime.state("run_1").status == "finished"
        assert runtime.executed == {("run_1", "m1.0"): 1, ("run_1", "m1.1"): 2}


async def test_stop_before_a_runs_first_step() -> None:
    async with world_of() as runtime:
        runtime.spawn(runtime.runs.start, "me", StartRun(input=user("b"), thread_id="another"))
        await runtime.settle()
        runtime.disk.held.rotate(1)
        runtime.disk.write()
        runtime.worker.start(runtime.run_of("b"))
        await runtime.worker.stop(0)
        assert runtime.worker.running == 0


async def test_a_wait_that_begins_after_the_stop_returns() -> None:
    async with world_of(["pay"]) as runtime:
        await runtime.worker.stop(0)
        assert (await runtime.runs.wait("run_1", 60)).status == "running"


async def test_a_run_does_not_wait_behind_all_runs_of_another_principal() -> None:
    async with world_of(slots=1) as runtime:
        for number in range(20):
            runtime.spawn(runtime.runs.start, "me", StartRun(input=user("b"), thread_id=f"t{number}"))
        runtime.spawn(runtime.runs.start, "other", StartRun(input=user("c"), thread_id="o"))
        await runtime.settle()
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        assert (runtime.worker.backlog, runtime.worker.backlog_of("me"), runtime.worker.backlog_of("other")) == (
            21,
            20,
            1,
        )
        order = [runtime.worker._backlog.take(lambda owner: True) for _ in range(3)]
        assert [turn[0] for turn in order if turn] == ["me", "other", "me"]


async def test_one_principal_does_not_take_all_slots() -> None:
    async with world_of(slots=4) as runtime:
        runtime.worker._share = 1
        runtime.spawn(runtime.runs.start, "me", StartRun(input=user("b"), thread_id="b"))
        runtime.spawn(runtime.runs.start, "other", StartRun(input=user("c"), thread_id="c"))
        await runtime.settle()
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        assert runtime.worker.backlog_of("me") == 1
        assert runtime.worker.backlog_of("other") == 0
        await runtime.let_go()
        assert runtime.worker.backlog == 0


async def test_slots_bound_what_runs_and_the_rest_waits_as_ids() -> None:
    async with world_of(slots=1) as runtime:
        for text in ("b", "c"):
            runtime.spawn(runtime.runs.start, "me", StartRun(input=user(text), thread_id=text))
        await runtime.settle()
        runtime.disk.write()
        runtime.disk.write()
        runtime.disk.write()
        await runtime.settle()
        assert runtime.worker.running == 1
        assert len(runtime.gates) == 1
        waits = [(await runtime.runs.result("me", runtime.run_of(text))).waiting_for for text in "abc"]
        assert waits == [None, "worker", "worker"]
        runtime.spawn(runtime.runs.cancel, "me", runtime.run_of("c"))
        await runtime.settle()
        runtime.disk.write()
        await runtime.let_go()
        statuses = [runtime.state(runtime.run_of(text)).status for text in "abc"]
        assert statuses == ["finished", "finished", "cancelled"]
        assert "model_called" not in runtime.types(runtime.run_of("c"))


async def test_callers_behind_a_paused_run_are_released() -> None:
    async with world_of(["pay_asked"]) as runtime:
        await until_tools(runtime)
        runtime.spawn(runtime.runs.start, "me", _start("b"))
        await runtime.settle()
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        assert runtime.state("run_1").status == "paused"
        behind = await runtime.runs.wait(runtime.run_of("b"), 60)
        assert (behind.status, behind.waiting_for) == ("queued", "thread")


async def test_callers_are_released_when_the_run_ahead_pauses() -> None:
    async with world_of(["pay_asked"]) as runtime:
        runtime.spawn(runtime.runs.start, "me", _start("b"))
        await runtime.settle()
        runtime.disk.write()
        runtime.disk.write()
        await runtime.settle()
        waiting = asyncio.create_task(runtime.runs.wait(runtime.run_of("b"), 60))
        await runtime.settle()
        assert not waiting.done()
        await runtime.let_go()
        assert waiting.done()
        assert waiting.result().waiting_for == "thread"


def _start(text: str) -> StartRun:
    return StartRun(input=user(text), thread_id=THREAD)


async def test_a_caller_that_goes_away_in_its_commit_loses_no_wake_up() -> None:
    """The answer, the cancel and the start are durable: the runs continue though no caller waits any more."""
    async with world_of(["pay_asked"]) as runtime:
        await until_tools(runtime)
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        approval = (await runtime.disk.approvals(None))[0].id
        caller = asyncio.create_task(runtime.answer(approval, "approve"))
        await runtime.settle()
        caller.cancel()
        await runtime.settle()
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"
        caller = asyncio.create_task(runtime.say("b"))
        await runtime.settle()
        caller.cancel()
        await runtime.settle()
        await runtime.let_go()
        assert runtime.state(runtime.run_of("b")).status == "finished"


async def without_its_agent(runtime: SteppedRuntime) -> Callable[[AgentSpec], BaseAgent]:
    """Restart the runtime without the type of its agent. Returns what builds it."""
    await until_tools(runtime)
    runtime.disk.write()
    await runtime.settle()
    await runtime.crash()

    def no_build(spec: AgentSpec) -> ReactAgent:
        raise ConfigurationError("The type of this agent is not registered any more.")

    build, runtime.build = runtime.build, no_build  # type: ignore[method-assign, assignment]
    runtime.agent = lambda: build(AgentSpec(type="react_agent", name="test", model=ModelSettings(name="other")))  # type: ignore[method-assign]
    await runtime.boot()
    await runtime.let_go()
    return build


async def test_a_run_waits_for_an_agent_that_is_not_here_and_goes_on_with_it() -> None:
    async with world_of(["pay", "look", "pay_asked"]) as runtime:
        build = await without_its_agent(runtime)
        assert runtime.types("run_1")[-2:] == ["run_resumed", "run_paused"]
        state = runtime.state("run_1")
        assert (state.status, state.lacks) == ("paused", Lack("agent", "test"))
        await runtime.crash()
        await runtime.boot()  # without it once more: nothing is written
        await runtime.let_go()
        assert runtime.types("run_1")[-2:] == ["run_resumed", "run_paused"]
        await runtime.crash()
        runtime.build = build  # type: ignore[method-assign]
        await runtime.boot()
        runtime.lacking.look()
        await runtime.let_go(decision=lambda row: "done" if row.kind == "unknown_outcome" else "approve")
        assert [event.reason for event in runtime.events("run_1", RunResumed)][:2] == ["taken_over", "found"]
        assert runtime.state("run_1").status == "finished"


async def test_a_run_is_cancelled_without_its_agent() -> None:
    async with world_of(["pay", "look", "pay_asked"]) as runtime:
        await without_its_agent(runtime)
        runtime.spawn(runtime.runs.cancel, "me", "run_1")
        await runtime.let_go()
        assert runtime.state("run_1").status == "cancelled"
        codes = {event.call: event.error.code for event in runtime.events("run_1", ToolCallFinished)}
        assert codes == {"m1.0": "outcome_unknown", "m1.1": "outcome_unknown", "m1.2": "cancelled"}
        rows = await runtime.disk.messages(f"me/{THREAD}", 1, 100)
        check_transcript(in_call_order(tuple(row.message for row in rows)))


async def test_two_answers_to_one_approval() -> None:
    async with world_of(["pay_asked"]) as runtime:
        await until_tools(runtime)
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        approval = (await runtime.disk.approvals(None))[0].id
        for decision in ("approve", "deny"):
            runtime.spawn(runtime.answer, approval, decision)
        await runtime.let_go()
        assert [type(error) for error in runtime.errors] == [StateError]
        assert len(runtime.events("run_1", ApprovalGiven)) == 1
        assert runtime.state("run_1").status == "finished"


async def test_an_approval_is_asked_again_when_the_code_changed() -> None:
    async with world_of(["pay_asked"]) as runtime:
        await until_tools(runtime)
        while runtime.disk.held:
            runtime.disk.write()
            await runtime.settle()
        first = (await runtime.disk.approvals(None))[0].id
        await runtime.crash()
        runtime.specs = tuple(msgspec.structs.replace(spec, code_hash="v2") for spec in SPECS)
        await runtime.boot()
        runtime.spawn(runtime.runs.answer, "me", "run_1", [HumanAnswer(approval=first, decision="approve")])
        await runtime.let_go()
        open_now = await runtime.disk.approvals(None)
        assert [row.call for row in open_now] == ["m1.0"]
        assert open_now[0].id != first
        assert runtime.executed == {}


async def test_a_call_that_waits_for_its_slot_is_not_asked_about() -> None:
    """Another call changes meanwhile what the approval condition sees."""
    async with world_of(["pay_apart", "touch"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write()
        await runtime.settle()
        assert [gate.name for gate in runtime.gates] == ["slot pay_apart", "tool touch"]
        runtime.open_gate(1)
        await runtime.settle()
        runtime.disk.write()
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"
        assert "approval_requested" not in runtime.types("run_1")
        assert runtime.executed["run_1", "m1.0"] == 1


async def test_a_tool_that_cancels_itself_has_failed() -> None:
    async with world_of(["pay"]) as runtime:
        await until_tools(runtime)
        runtime.disk.write()
        await runtime.settle()
        runtime.gates[0].future.cancel()
        await runtime.let_go()
        assert runtime.state("run_1").status == "finished"
        assert [event.error.code for event in runtime.events("run_1", ToolCallFinished)] == ["tool_failed"]


async def test_a_model_that_cancels_itself_fails_the_run() -> None:
    async with world_of() as runtime:
        runtime.gates[0].future.cancel()
        await runtime.let_go()
        state = runtime.state("run_1")
        assert state.error is not None
        assert (state.status, state.error.code) == ("failed", "internal_error")


@pytest.mark.parametrize("part", ["decide", "prompt", "request"])
async def test_a_fault_in_an_agent_type_fails_its_run_only(part: str) -> None:
    async with world_of() as runtime:
        await runtime.crash()
        build = runtime.build

        def broken(spec: AgentSpec) -> ReactAgent:
            agent = build(spec)

            def fault(*given: object) -> None:
                raise ZeroDivisionError

            setattr(agent, part, fault)
            return agent

        runtime.build = broken  # type: ignore[method-assign]
        await runtime.boot()
        runtime.spawn(runtime.runs.start, "me", StartRun(input=user("b")))
        await runtime.let_go()
        error = runtime.state(runtime.run_of("b")).error
        assert error is not None
        assert error.code == "internal_error"
