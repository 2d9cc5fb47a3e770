"""Runs through the runtime's use cases, in memory."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from journeyman import BaseAgent, tool
from journeyman.errors import NotFoundError, StateError, ThreadBusyError, ValidationError
from journeyman.events.events import ApprovalRequested
from journeyman.events.fold import AgentState
from journeyman.events.messages import Message, TextPart
from journeyman.journal.journal import RunFilter
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall, StartRun
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


@tool(effects="none")
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(effects="once", approval="always")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


async def test_answer_without_tools() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Hello."))) as runtime:
        run = await runtime.start("Hi")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.response) == ("finished", "Hello.")
        assert await runtime.types(run) == [
            "run_accepted", "run_started", "model_called", "model_replied", "run_finished",
        ]  # fmt: skip


@pytest.mark.parametrize("texts", [[""], [" "], ["\n\t\u3000\u00a0"], [" ", ""], []])
async def test_white_space_alone_starts_no_run(texts: list[str]) -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Hello."))) as runtime:
        blank = Message(role="user", content=tuple(map(TextPart, texts)))
        with pytest.raises(ValidationError, match="only white space"):
            await runtime.runs.start("me", StartRun(input=blank))
        assert await runtime.runs.list("me", RunFilter(), None, 10) == []
        said = Message(role="user", content=(TextPart(" "), TextPart(" hi ")))
        assert (await runtime.runs.start("me", StartRun(input=said))).run_id


async def test_tool_call_and_second_turn_sees_the_first() -> None:
    model = ScriptedModel(turns({"add": {"a": 1, "b": 2}}, "3", "again"))
    async with RuntimeInMemory(model, [add]) as runtime:
        run = await runtime.start("1+2?", "t")
        assert (await runtime.runs.wait(run, 5)).response == "3"
        assert await runtime.types(run) == [
            "run_accepted", "run_started", "model_called", "model_replied", "tool_call_started",
            "tool_call_finished", "model_called", "model_replied", "run_finished",
        ]  # fmt: skip
        second = await runtime.start("And?", "t")
        assert (await runtime.runs.wait(second, 5)).response == "again"
        assert [message.role for message in model.requests[-1].messages] == [
            "user", "assistant", "tool", "assistant", "user",
        ]  # fmt: skip


async def test_unknown_tool_and_bad_arguments_are_told_to_the_model() -> None:
    model = ScriptedModel(turns({"nope": {}}, {"add": {"a": "x"}}, "sorry"))
    async with RuntimeInMemory(model, [add]) as runtime:
        run = await runtime.start("go")
        assert (await runtime.runs.wait(run, 5)).response == "sorry"
        texts = [message.text for message in model.requests[-1].messages if message.role == "tool"]
        assert "tool_not_found" in texts[0]
        assert "invalid_arguments" in texts[1]


async def test_approval_pauses_and_an_answer_resumes() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"pay": {"amount": 5}}, "done")), [pay]) as runtime:
        run = await runtime.start("pay 5")
        paused = await runtime.runs.wait(run, 5)
        assert (paused.status, paused.waiting_for) == ("paused", "approval")
        assert runtime.worker.running == 0
        approval = paused.approvals[0]
        await runtime.runs.answer("local", run, [HumanAnswer(approval=approval.id, decision="approve")])
        assert (await runtime.runs.wait(run, 5)).response == "done"
        with pytest.raises(StateError, match="was answered already, with `approve`"):
            await runtime.runs.answer("local", run, [HumanAnswer(approval=approval.id, decision="deny")])


async def test_an_approval_whose_run_has_ended_says_so() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"pay": {"amount": 5}}, "done")), [pay]) as runtime:
        run = await runtime.start("pay 5")
        asked = (await runtime.runs.wait(run, 5)).approvals[0].id
        await runtime.runs.cancel("local", run)
        await runtime.runs.wait(run, 5)
        with pytest.raises(StateError, match=f"can no longer be answered: its run {run} has ended"):
            await runtime.runs.answer("local", run, [HumanAnswer(approval=asked, decision="deny")])


async def test_a_cancel_of_an_ended_run_says_how_it_ended() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Hello."))) as runtime:
        run = await runtime.start("Hi")
        await runtime.runs.wait(run, 5)
        with pytest.raises(StateError, match=f"Run {run} has ended already: it is finished") as refused:
            await runtime.runs.cancel("local", run)
        assert refused.value.code == "run_ended"


async def test_denied_call_is_told_to_the_model() -> None:
    model = ScriptedModel(turns({"pay": {"amount": 5}}, "ok, not"))
    async with RuntimeInMemory(model, [pay]) as runtime:
        run = await runtime.start("pay 5")
        paused = await runtime.runs.wait(run, 5)
        await runtime.runs.answer("local", run, [HumanAnswer(approval=paused.approvals[0].id, decision="deny")])
        assert (await runtime.runs.wait(run, 5)).response == "ok, not"
        assert "approval_denied" in model.requests[-1].messages[-1].text


async def test_queue_reject_and_cancel() -> None:
    gate = asyncio.Event()

    @tool(effects="none")
    async def hold() -> str:
        """Wait."""
        await gate.wait()
        return "held"

    async with RuntimeInMemory(ScriptedModel(turns({"hold": {}}, "first", "second")), [hold]) as runtime:
        first = await runtime.start("a", "t")
        second = await runtime.start("b", "t")
        with pytest.raises(ThreadBusyError):
            await runtime.start("c", "t", multitask="reject")
        third = await runtime.start("d", "t")
        await runtime.runs.cancel("local", third)
        assert (await runtime.runs.wait(third, 5)).status == "cancelled"
        gate.set()
        assert (await runtime.runs.wait(first, 5)).response == "first"
        assert (await runtime.runs.wait(second, 5)).response == "second"
        with pytest.raises(StateError):
            await runtime.runs.cancel("local", first)


async def test_cancel_in_the_middle_of_a_call() -> None:
    begun = asyncio.Event()

    @tool(effects="once")
    async def hold() -> str:
        """Wait."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel(turns({"hold": {}}, "next"))
    async with RuntimeInMemory(model, [hold]) as runtime:
        run = await runtime.start("a", "t")
        await begun.wait()
        await runtime.runs.cancel("local", run)
        assert (await runtime.runs.wait(run, 5)).status == "cancelled"
        finished = [entry.event for entry in await runtime.journal.read(run) if entry.type == "tool_call_finished"]
        assert finished[0].error.code == "outcome_unknown"  # type: ignore[union-attr]
        after = await runtime.start("b", "t")
        assert (await runtime.runs.wait(after, 5)).response == "next"


async def test_time_limit_ends_the_run() -> None:
    @tool(effects="none")
    async def hold() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    async with RuntimeInMemory(ScriptedModel(turns({"hold": {}})), [hold], seconds=0.05) as runtime:
        run = await runtime.start("a")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "seconds")


@pytest.mark.parametrize(("before", "kept"), [(0, 4), (2, 2), (3, 1)])
async def test_calls_far_beyond_the_limit_are_dropped_from_the_reply(before: int, kept: int) -> None:
    call = {"name": "add", "arguments": {"a": 1, "b": 2}}
    first = [{"tool_calls": [call] * before}] if before else []
    model = ScriptedModel([*first, {"tool_calls": [call] * 15_000}, {"text": "enough"}])
    async with RuntimeInMemory(model, [add], tool_calls=3) as runtime:
        run = await runtime.start("go")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "tool_calls")
        replies = [entry.event for entry in await runtime.journal.read(run) if entry.type == "model_replied"]
        reply = replies[len(first)].message
        assert (len(reply.tool_calls), reply.dropped_calls) == (kept, 15_000 - kept)
        types = await runtime.types(run)
        assert types.count("tool_call_finished") == before + kept
        assert b"dropped_calls" not in msgspec.json.encode(reply.tool_calls)


async def test_step_limit() -> None:
    async with RuntimeInMemory(
        ScriptedModel(turns({"add": {"a": 1, "b": 1}}, {"add": {"a": 1, "b": 1}})), [add], steps=2
    ) as runtime:
        run = await runtime.start("a")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "steps")


async def test_model_failure_fails_the_run() -> None:
    async with RuntimeInMemory(ScriptedModel([{"error": "500"}])) as runtime:
        run = await runtime.start("a")
        result = await runtime.runs.wait(run, 5)
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code.startswith("gateway")


async def test_a_lone_call() -> None:
    async with RuntimeInMemory(ScriptedModel([]), [add]) as runtime:
        started = await runtime.runs.call("local", StartCall(tool="add", arguments={"a": 1, "b": 2}))
        result = await runtime.runs.wait(started.run_id, 5)
        assert (result.status, result.response, result.tool) == ("finished", "3", "add")
        assert await runtime.threads.list("local", None, 10) == []


async def test_watch_gives_every_event_once_and_deltas() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"add": {"a": 1, "b": 2}}, "one two three")), [add]) as runtime:
        run = await runtime.start("go", stream=True)
        frames = [frame async for frame in runtime.runs.watch("local", run)]
        stored = [frame for frame in frames if hasattr(frame, "seq")]
        assert [entry.seq for entry in stored] == list(range(1, len(stored) + 1))
        assert stored[-1].type == "run_finished"
        text = "".join(frame.text for frame in frames if type(frame).__name__ == "Delta")
        assert text == "one two three"
        again = [frame async for frame in runtime.runs.watch("local", run, 4)]
        assert again == stored[4:]


async def test_another_principal_sees_nothing() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("x"))) as runtime:
        run = await runtime.start("a")
        await runtime.runs.wait(run, 5)
        with pytest.raises(NotFoundError):
            await runtime.runs.get("other", run)


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

    async with RuntimeInMemory(
        ScriptedModel([{"tool_calls": [{"name": "look", "arguments": {}}, {"name": "send", "arguments": {}}]}]),
        [look, send],
    ) as runtime:
        run = await runtime.start("go")
        while len(begun) < 2:
            await asyncio.sleep(0)
    journal = runtime.journal
    async with RuntimeInMemory(ScriptedModel(turns("end")), [look, send], journal) as runtime:
        await runtime.worker.recover()
        result = await runtime.runs.wait(run, 5)
        assert result.status == "paused"
        assert begun == ["look", "send", "look"]
        asked = [e.event for e in await runtime.journal.read(run) if e.type == "approval_requested"]
        assert isinstance(asked[0], ApprovalRequested)
        assert asked[0].kind == "unknown_outcome"
        await runtime.runs.answer(
            "local", run, [HumanAnswer(approval=asked[0].approval, decision="done", result="sent")]
        )
        assert (await runtime.runs.wait(run, 5)).response == "end"
        assert begun == ["look", "send", "look"]


async def test_a_run_logs_one_line_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "journeyman.runtime.engine.scheduler")
    async with RuntimeInMemory(ScriptedModel(turns("Hello."))) as runtime:
        run = await runtime.start("Hi")
        assert (await runtime.runs.wait(run, 5)).response == "Hello."
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [f"run finished: /runs/{run}"]


class FaultyDefinitions(VersionResolver):
    async def of(self, state: AgentState) -> BaseAgent:
        raise RuntimeError("a fault")


class FaultyRig(RuntimeInMemory):
    definitions_type = FaultyDefinitions


async def test_a_fault_of_ours_fails_the_run_and_frees_its_thread() -> None:
    async with FaultyRig(ScriptedModel(turns("never"))) as runtime:
        result = await runtime.runs.wait(await runtime.start("Hi", "t"), 5)
        assert (result.status, result.error and result.error.code) == ("failed", "internal_error")
        assert (await runtime.threads.get("local", "t")).active_run is None
