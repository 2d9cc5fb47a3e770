"""What happens between a commit and its news: barriers, pauses, full disks, restarts, callers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.errors import ConfigurationError, StaleEpochError, StateError
from journeyman.events.events import ApprovalGiven, RunResumed, ToolCallFinished
from journeyman.events.messages import user
from journeyman.events.transcript import in_call_order
from journeyman.journal.journal import Append, Batch
from journeyman.runtime.use_cases.requests import Answer, StartRun
from tests.harness.stepped_runtime import SPECS, STORAGE_FULL, THREAD, Ticket, World, check_transcript


@asynccontextmanager
async def world_of(*plan: Sequence[str], slots: int = 512) -> AsyncIterator[World]:
    """A world in which "a" was said and is accepted; "b" and "c" are answered at once."""
    world = World({"a": plan, "b": (), "c": ()}, slots=slots)
    await world.boot()
    world.spawn(world.say, "a")
    await world.settle()
    world.disk.write()
    await world.settle()
    yield world
    await world.crash()
    assert not world.wrong


async def until_tools(world: World) -> None:
    """Up to the first reply: its calls are decided, their batch is not committed yet."""
    world.disk.write()
    world.open_gate(0)
    await world.settle()


async def pausing(world: World) -> Ticket:
    """Up to the pause, which is on its way to the disk while the approval is open: taken out of the queue."""
    await until_tools(world)
    world.disk.write()
    world.open_gate(0)
    await world.settle()
    return world.disk.held.popleft()


async def test_an_answer_while_pausing_is_not_lost() -> None:
    async with world_of(["look", "pay_asked"]) as world:
        pause = await pausing(world)
        world.spawn(world.answer, (await world.disk.approvals(None))[0].id, "approve")
        await world.settle()
        world.disk.held.append(pause)
        world.disk.write()
        world.disk.write()
        await world.let_go()
        assert world.state("run_1").status == "finished"


@pytest.mark.parametrize("news", ["answer", "cancel"])
async def test_a_crash_after_an_overtaken_pause_finds_the_run(news: str) -> None:
    async with world_of(["look", "pay_asked"]) as world:
        pause = await pausing(world)
        if news == "cancel":
            world.spawn(world.runs.cancel, "me", "run_1")
        else:
            world.spawn(world.answer, (await world.disk.approvals(None))[0].id, "approve")
        await world.settle()
        world.disk.write()
        world.disk.held.appendleft(pause)
        world.disk.write()
        assert world.types("run_1")[-1] == "run_paused"
        await world.crash()
        await world.boot()
        await world.let_go()
        assert world.state("run_1").ended


async def test_cancel_at_the_barrier_withdraws_the_call() -> None:
    async with world_of(["pay"]) as world:
        await until_tools(world)
        starting = world.disk.held.popleft()
        world.spawn(world.runs.cancel, "me", "run_1")
        await world.settle()
        world.disk.write()
        world.disk.held.appendleft(starting)
        await world.let_go()
        assert world.state("run_1").status == "cancelled"
        assert world.executed == {}
        assert [event.error.code for event in world.events("run_1", ToolCallFinished)] == ["cancelled"]


async def test_cancel_while_the_call_runs_leaves_its_outcome_unknown() -> None:
    async with world_of(["pay", "look"]) as world:
        await until_tools(world)
        world.disk.write()
        await world.settle()
        world.spawn(world.runs.cancel, "me", "run_1")
        await world.let_go()
        codes = [event.error.code for event in world.events("run_1", ToolCallFinished)]
        assert codes == ["outcome_unknown", "cancelled"]


async def test_cancel_of_a_queued_run_as_its_turn_comes() -> None:
    async with world_of() as world:
        world.spawn(world.say, "b")
        await world.settle()
        world.disk.write()
        world.disk.write()
        world.spawn(world.runs.cancel, "me", "run_2")
        world.open_gate(0)
        await world.settle()
        world.disk.write()  # the cancel; behind it stand the end of run 1 and with it the start of run 2
        world.disk.write()
        await world.let_go()
        assert world.types("run_2") == ["run_accepted", "cancel_requested", "run_started", "run_cancelled"]
        assert [state.status for state in world.rested if state.run_id == "run_2"] == ["cancelled"]


async def test_a_full_disk_shows_nothing_and_is_tried_again() -> None:
    async with world_of(["pay"]) as world:
        await until_tools(world)
        world.disk.write(STORAGE_FULL)
        await world.settle()
        assert world.executed == {}
        assert world.worker.running == 0
        assert world.types("run_1")[-1] == "model_called"
        assert not world.tasks  # whoever waited was told to look at the journal
        world.clock.advance(2)
        await world.let_go()
        assert world.state("run_1").status == "finished"
        assert world.executed == {("run_1", "m1.0"): 1}


async def test_a_broken_disk_is_not_tried_again() -> None:
    async with world_of(["pay"]) as world:
        await until_tools(world)
        world.disk.sound = False
        world.disk.write(STORAGE_FULL)
        await world.settle()
        world.clock.advance(10)
        await world.settle()
        assert world.worker.running == 0
        assert not world.disk.held


async def test_an_answer_before_the_next_try_does_not_fail_the_run() -> None:
    async with world_of(["look", "pay_asked"]) as world:
        await until_tools(world)
        world.disk.write()
        world.open_gate(0)
        await world.settle()
        world.disk.write(STORAGE_FULL)  # the result of `look` is lost, its start is recorded
        await world.settle()
        world.spawn(world.answer, (await world.disk.approvals(None))[0].id, "deny")
        await world.let_go()
        assert world.state("run_1").status == "finished"
        assert world.executed == {("run_1", "m1.0"): 2}


async def test_a_writer_that_was_taken_over_stops() -> None:
    async with world_of(["pay"]) as world:
        await world.disk.open()
        await world.disk.take_over(world.clock.now())
        world.open_gate(0)
        await world.settle()
        while world.disk.held:
            world.disk.write()
            await world.settle()
        assert world.worker.running == 0
        assert world.executed == {}
        assert "model_replied" not in world.types("run_1")
        with pytest.raises(StaleEpochError):
            world.disk._ledger.check(_stale("run_1", world))


def _stale(run_id: str, world: World) -> Batch:
    draft = world.runs._codec.draft(RunResumed(epoch=1))
    return Batch(at=1, appends=(Append(stream=run_id, drafts=(draft,), epoch=1),))


async def test_stop_parks_and_the_next_process_goes_on() -> None:
    async with world_of(["pay", "look"]) as world:
        await until_tools(world)
        world.disk.write()
        await world.settle()
        await world.worker.stop(0)
        await world.settle()
        assert not world.tasks
        assert world.worker.running == 0
        assert not world.state("run_1").ended
        await world.crash()
        await world.boot()
        await world.let_go(decision=lambda row: "fail")
        assert world.state("run_1").status == "finished"
        assert world.executed == {("run_1", "m1.0"): 1, ("run_1", "m1.1"): 2}


async def test_stop_before_a_runs_first_step() -> None:
    async with world_of() as world:
        world.spawn(world.runs.start, "me", StartRun(input=user("b"), thread_id="another"))
        await world.settle()
        world.disk.held.rotate(1)
        world.disk.write()
        world.worker.launch(world.run_of("b"))
        await world.worker.stop(0)
        assert world.worker.running == 0


async def test_a_wait_that_begins_after_the_stop_returns() -> None:
    async with world_of(["pay"]) as world:
        await world.worker.stop(0)
        assert (await world.runs.wait("run_1", 60)).status == "running"


async def test_slots_bound_what_runs_and_the_rest_waits_as_ids() -> None:
    async with world_of(slots=1) as world:
        for text in ("b", "c"):
            world.spawn(world.runs.start, "me", StartRun(input=user(text), thread_id=text))
        await world.settle()
        world.disk.write()
        world.disk.write()
        world.disk.write()
        await world.settle()
        assert world.worker.running == 1
        assert len(world.gates) == 1
        world.spawn(world.runs.cancel, "me", world.run_of("c"))
        await world.settle()
        world.disk.write()
        await world.let_go()
        statuses = [world.state(world.run_of(text)).status for text in "abc"]
        assert statuses == ["finished", "finished", "cancelled"]
        assert "model_called" not in world.types(world.run_of("c"))


async def test_who_waits_behind_a_paused_run_is_told() -> None:
    async with world_of(["pay_asked"]) as world:
        await until_tools(world)
        world.spawn(world.runs.start, "me", _start("b"))
        await world.settle()
        while world.disk.held:
            world.disk.write()
            await world.settle()
        assert world.state("run_1").status == "paused"
        behind = await world.runs.wait(world.run_of("b"), 60)
        assert (behind.status, behind.waiting_for) == ("queued", "thread")


async def test_who_waits_when_the_run_ahead_pauses_is_told() -> None:
    async with world_of(["pay_asked"]) as world:
        world.spawn(world.runs.start, "me", _start("b"))
        await world.settle()
        world.disk.write()
        world.disk.write()
        await world.settle()
        waiting = asyncio.create_task(world.runs.wait(world.run_of("b"), 60))
        await world.settle()
        assert not waiting.done()
        await world.let_go()
        assert waiting.done()
        assert waiting.result().waiting_for == "thread"


def _start(text: str) -> StartRun:
    return StartRun(input=user(text), thread_id=THREAD)


async def test_a_caller_that_goes_away_in_its_commit_loses_no_wake_up() -> None:
    """The answer, the cancel and the start are durable: the runs go on though nobody waits any more."""
    async with world_of(["pay_asked"]) as world:
        await until_tools(world)
        while world.disk.held:
            world.disk.write()
            await world.settle()
        approval = (await world.disk.approvals(None))[0].id
        caller = asyncio.create_task(world.answer(approval, "approve"))
        await world.settle()
        caller.cancel()
        await world.settle()
        await world.let_go()
        assert world.state("run_1").status == "finished"
        caller = asyncio.create_task(world.say("b"))
        await world.settle()
        caller.cancel()
        await world.settle()
        await world.let_go()
        assert world.state(world.run_of("b")).status == "finished"


async def test_a_definition_that_is_gone_fails_the_run_and_closes_its_calls() -> None:
    async with world_of(["pay", "look", "pay_asked"]) as world:
        await until_tools(world)
        world.disk.write()
        await world.settle()
        await world.crash()

        def no_build(spec: AgentSpec) -> ReactAgent:
            raise ConfigurationError("The type of this agent is not registered any more.")

        build, world.build = world.build, no_build  # type: ignore[method-assign, assignment]
        world.agent = lambda: build(AgentSpec(type="react_agent", name="test", model=ModelSettings(name="other")))  # type: ignore[method-assign]
        await world.boot()
        await world.let_go()
        state = world.state("run_1")
        assert state.status == "failed"
        assert state.error is not None
        assert state.error.code == "configuration_error"
        codes = {event.call: event.error.code for event in world.events("run_1", ToolCallFinished)}
        assert codes == {"m1.0": "outcome_unknown", "m1.1": "outcome_unknown", "m1.2": "cancelled"}
        rows = await world.disk.messages(f"me/{THREAD}", 1, 100)
        check_transcript(in_call_order(tuple(row.message for row in rows)))


async def test_two_answers_to_one_approval() -> None:
    async with world_of(["pay_asked"]) as world:
        await until_tools(world)
        while world.disk.held:
            world.disk.write()
            await world.settle()
        approval = (await world.disk.approvals(None))[0].id
        for decision in ("approve", "deny"):
            world.spawn(world.answer, approval, decision)
        await world.let_go()
        assert [type(error) for error in world.errors] == [StateError]
        assert len(world.events("run_1", ApprovalGiven)) == 1
        assert world.state("run_1").status == "finished"


async def test_an_approval_is_asked_again_when_the_code_changed() -> None:
    async with world_of(["pay_asked"]) as world:
        await until_tools(world)
        while world.disk.held:
            world.disk.write()
            await world.settle()
        first = (await world.disk.approvals(None))[0].id
        await world.crash()
        world.specs = tuple(msgspec.structs.replace(spec, code_hash="v2") for spec in SPECS)
        await world.boot()
        world.spawn(world.runs.answer, "me", "run_1", [Answer(approval=first, decision="approve")])
        await world.let_go()
        open_now = await world.disk.approvals(None)
        assert [row.call for row in open_now] == ["m1.0"]
        assert open_now[0].id != first
        assert world.executed == {}


async def test_a_call_that_waits_for_its_slot_is_not_asked_about() -> None:
    """Another call changes what the approval condition sees, meanwhile."""
    async with world_of(["pay_apart", "touch"]) as world:
        await until_tools(world)
        world.disk.write()
        await world.settle()
        assert [gate.name for gate in world.gates] == ["slot pay_apart", "tool touch"]
        world.open_gate(1)
        await world.settle()
        world.disk.write()
        await world.let_go()
        assert world.state("run_1").status == "finished"
        assert "approval_requested" not in world.types("run_1")
        assert world.executed["run_1", "m1.0"] == 1


async def test_a_tool_that_cancels_itself_has_failed() -> None:
    async with world_of(["pay"]) as world:
        await until_tools(world)
        world.disk.write()
        await world.settle()
        world.gates[0].future.cancel()
        await world.let_go()
        assert world.state("run_1").status == "finished"
        assert [event.error.code for event in world.events("run_1", ToolCallFinished)] == ["tool_failed"]


async def test_a_model_that_cancels_itself_fails_the_run() -> None:
    async with world_of() as world:
        world.gates[0].future.cancel()
        await world.let_go()
        state = world.state("run_1")
        assert state.error is not None
        assert (state.status, state.error.code) == ("failed", "internal_error")


@pytest.mark.parametrize("part", ["decide", "prompt", "request"])
async def test_a_fault_in_an_agent_type_fails_its_run_only(part: str) -> None:
    async with world_of() as world:
        await world.crash()
        build = world.build

        def broken(spec: AgentSpec) -> ReactAgent:
            agent = build(spec)

            def fault(*given: object) -> None:
                raise ZeroDivisionError

            setattr(agent, part, fault)
            return agent

        world.build = broken  # type: ignore[method-assign]
        await world.boot()
        world.spawn(world.runs.start, "me", StartRun(input=user("b")))
        await world.let_go()
        error = world.state(world.run_of("b")).error
        assert error is not None
        assert error.code == "internal_error"
