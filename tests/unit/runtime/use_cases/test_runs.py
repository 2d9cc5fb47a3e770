"""Runs through the runtime's use cases, in memory."""

from __future__ import annotations

import asyncio
import logging

import pytest

from journeyman import BaseAgent, tool
from journeyman.errors import NotFoundError, StateError, ThreadBusyError
from journeyman.events.events import ApprovalRequested
from journeyman.events.fold import AgentState
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.served.versions import Definitions
from journeyman.runtime.use_cases.requests import Answer, StartCall
from tests.harness.runtime_in_memory import Rig, turns


@tool(effects="none")
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(effects="once", approval="always")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


async def test_answer_without_tools() -> None:
    async with Rig(ScriptedModel(turns("Hello."))) as rig:
        run = await rig.start("Hi")
        result = await rig.runs.wait(run, 5)
        assert (result.status, result.response) == ("finished", "Hello.")
        assert await rig.types(run) == [
            "run_accepted", "run_started", "model_called", "model_replied", "run_finished",
        ]  # fmt: skip


async def test_tool_call_and_second_turn_sees_the_first() -> None:
    model = ScriptedModel(turns({"add": {"a": 1, "b": 2}}, "3", "again"))
    async with Rig(model, [add]) as rig:
        run = await rig.start("1+2?", "t")
        assert (await rig.runs.wait(run, 5)).response == "3"
        assert await rig.types(run) == [
            "run_accepted", "run_started", "model_called", "model_replied", "tool_call_started",
            "tool_call_finished", "model_called", "model_replied", "run_finished",
        ]  # fmt: skip
        second = await rig.start("And?", "t")
        assert (await rig.runs.wait(second, 5)).response == "again"
        assert [message.role for message in model.requests[-1].messages] == [
            "user", "assistant", "tool", "assistant", "user",
        ]  # fmt: skip


async def test_unknown_tool_and_bad_arguments_are_told_to_the_model() -> None:
    model = ScriptedModel(turns({"nope": {}}, {"add": {"a": "x"}}, "sorry"))
    async with Rig(model, [add]) as rig:
        run = await rig.start("go")
        assert (await rig.runs.wait(run, 5)).response == "sorry"
        texts = [message.text for message in model.requests[-1].messages if message.role == "tool"]
        assert "tool_not_found" in texts[0]
        assert "invalid_arguments" in texts[1]


async def test_approval_pauses_and_an_answer_resumes() -> None:
    async with Rig(ScriptedModel(turns({"pay": {"amount": 5}}, "done")), [pay]) as rig:
        run = await rig.start("pay 5")
        paused = await rig.runs.wait(run, 5)
        assert (paused.status, paused.waiting_for) == ("paused", "approval")
        assert rig.worker.running == 0
        approval = paused.approvals[0]
        await rig.runs.answer("local", run, [Answer(approval=approval.id, decision="approve")])
        assert (await rig.runs.wait(run, 5)).response == "done"
        with pytest.raises(StateError):
            await rig.runs.answer("local", run, [Answer(approval=approval.id, decision="approve")])


async def test_denied_call_is_told_to_the_model() -> None:
    model = ScriptedModel(turns({"pay": {"amount": 5}}, "ok, not"))
    async with Rig(model, [pay]) as rig:
        run = await rig.start("pay 5")
        paused = await rig.runs.wait(run, 5)
        await rig.runs.answer("local", run, [Answer(approval=paused.approvals[0].id, decision="deny")])
        assert (await rig.runs.wait(run, 5)).response == "ok, not"
        assert "approval_denied" in model.requests[-1].messages[-1].text


async def test_queue_reject_and_cancel() -> None:
    gate = asyncio.Event()

    @tool(effects="none")
    async def hold() -> str:
        """Wait."""
        await gate.wait()
        return "held"

    async with Rig(ScriptedModel(turns({"hold": {}}, "first", "second")), [hold]) as rig:
        first = await rig.start("a", "t")
        second = await rig.start("b", "t")
        with pytest.raises(ThreadBusyError):
            await rig.start("c", "t", multitask="reject")
        third = await rig.start("d", "t")
        await rig.runs.cancel("local", third)
        assert (await rig.runs.wait(third, 5)).status == "cancelled"
        gate.set()
        assert (await rig.runs.wait(first, 5)).response == "first"
        assert (await rig.runs.wait(second, 5)).response == "second"
        with pytest.raises(StateError):
            await rig.runs.cancel("local", first)


async def test_cancel_in_the_middle_of_a_call() -> None:
    begun = asyncio.Event()

    @tool(effects="once")
    async def hold() -> str:
        """Wait."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel(turns({"hold": {}}, "next"))
    async with Rig(model, [hold]) as rig:
        run = await rig.start("a", "t")
        await begun.wait()
        await rig.runs.cancel("local", run)
        assert (await rig.runs.wait(run, 5)).status == "cancelled"
        finished = [entry.event for entry in await rig.journal.read(run) if entry.type == "tool_call_finished"]
        assert finished[0].error.code == "outcome_unknown"  # type: ignore[union-attr]
        after = await rig.start("b", "t")
        assert (await rig.runs.wait(after, 5)).response == "next"


async def test_time_limit_ends_the_run() -> None:
    @tool(effects="none")
    async def hold() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    async with Rig(ScriptedModel(turns({"hold": {}})), [hold], seconds=0.05) as rig:
        run = await rig.start("a")
        result = await rig.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "seconds")


async def test_step_limit() -> None:
    async with Rig(ScriptedModel(turns({"add": {"a": 1, "b": 1}}, {"add": {"a": 1, "b": 1}})), [add], steps=2) as rig:
        run = await rig.start("a")
        result = await rig.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "steps")


async def test_model_failure_fails_the_run() -> None:
    async with Rig(ScriptedModel([{"error": "500"}])) as rig:
        run = await rig.start("a")
        result = await rig.runs.wait(run, 5)
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code.startswith("gateway")


async def test_a_lone_call() -> None:
    async with Rig(ScriptedModel([]), [add]) as rig:
        started = await rig.runs.call("local", StartCall(tool="add", arguments={"a": 1, "b": 2}))
        result = await rig.runs.wait(started.run_id, 5)
        assert (result.status, result.response, result.tool) == ("finished", "3", "add")
        assert await rig.threads.list("local", None, 10) == []


async def test_watch_gives_every_event_once_and_deltas() -> None:
    async with Rig(ScriptedModel(turns({"add": {"a": 1, "b": 2}}, "one two three")), [add]) as rig:
        run = await rig.start("go", stream=True)
        frames = [frame async for frame in rig.runs.watch("local", run)]
        stored = [frame for frame in frames if hasattr(frame, "seq")]
        assert [entry.seq for entry in stored] == list(range(1, len(stored) + 1))
        assert stored[-1].type == "run_finished"
        text = "".join(frame.text for frame in frames if type(frame).__name__ == "Delta")
        assert text == "one two three"
        again = [frame async for frame in rig.runs.watch("local", run, 4)]
        assert again == stored[4:]


async def test_another_principal_sees_nothing() -> None:
    async with Rig(ScriptedModel(turns("x"))) as rig:
        run = await rig.start("a")
        await rig.runs.wait(run, 5)
        with pytest.raises(NotFoundError):
            await rig.runs.get("other", run)


async def test_restart_resumes_without_repeating() -> None:
    """The process dies while a `none` and a `once` call run: one runs again, the other is asked about."""
    begun: list[str] = []

    @tool(effects="none")
    async def look() -> str:
        """Look."""
        begun.append("look")
        if begun.count("look") == 1:
            await asyncio.Event().wait()
        return "seen"

    @tool(effects="once")
    async def send() -> str:
        """Send."""
        begun.append("send")
        await asyncio.Event().wait()
        return ""

    async with Rig(
        ScriptedModel([{"tool_calls": [{"name": "look", "arguments": {}}, {"name": "send", "arguments": {}}]}]),
        [look, send],
    ) as rig:
        run = await rig.start("go")
        while len(begun) < 2:
            await asyncio.sleep(0)
    journal = rig.journal
    async with Rig(ScriptedModel(turns("end")), [look, send], journal) as rig:
        await rig.worker.recover()
        result = await rig.runs.wait(run, 5)
        assert result.status == "paused"
        assert begun == ["look", "send", "look"]
        asked = [e.event for e in await rig.journal.read(run) if e.type == "approval_requested"]
        assert isinstance(asked[0], ApprovalRequested)
        assert asked[0].kind == "unknown_outcome"
        await rig.runs.answer("local", run, [Answer(approval=asked[0].approval, decision="done", result="sent")])
        assert (await rig.runs.wait(run, 5)).response == "end"
        assert begun == ["look", "send", "look"]


async def test_a_run_logs_one_line_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "journeyman.runtime.engine.scheduler")
    async with Rig(ScriptedModel(turns("Hello."))) as rig:
        run = await rig.start("Hi")
        assert (await rig.runs.wait(run, 5)).response == "Hello."
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [f"run finished: /runs/{run}"]


class FaultyDefinitions(Definitions):
    async def of(self, state: AgentState) -> BaseAgent:
        raise RuntimeError("a fault")


class FaultyRig(Rig):
    definitions_type = FaultyDefinitions


async def test_a_fault_of_ours_fails_the_run_and_frees_its_thread() -> None:
    async with FaultyRig(ScriptedModel(turns("never"))) as rig:
        result = await rig.runs.wait(await rig.start("Hi", "t"), 5)
        assert (result.status, result.error and result.error.code) == ("failed", "internal_error")
        assert (await rig.threads.get("local", "t")).active_run is None
