"""`ctx.ask`: a call ends with a question and runs again from its start once a human has answered."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import ToolContext, tool
from journeyman.errors import StateError, ValidationError
from journeyman.events.codec import Codec
from journeyman.events.events import ApprovalGiven, ApprovalRequested
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer, RunResult
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

begun: list[str] = []


@tool(effects="idempotent")
async def order(ctx: ToolContext, item: str) -> str:
    """Order something."""
    begun.append(item)
    size = await ctx.ask(f"Which size of {item}?")
    colour = await ctx.ask("Which colour?")
    return f"{item} {size} {colour}"


async def answer(runtime: RuntimeInMemory, paused: RunResult, text: str | None, decision: str = "done") -> None:
    given = HumanAnswer(approval=paused.approvals[0].id, decision=decision, result=text)  # type: ignore[arg-type]
    await runtime.runs.answer("local", paused.run_id, [given])


async def test_each_question_pauses_the_run_and_the_rerun_gets_the_answers_before() -> None:
    begun.clear()
    async with RuntimeInMemory(ScriptedModel(turns({"order": {"item": "shirt"}}, "ordered")), [order]) as runtime:
        run = await runtime.start("a shirt")
        first = await runtime.runs.wait(run, 5)
        asked = first.approvals[0]
        assert (first.status, asked.kind, asked.message, asked.decisions) == (
            "paused", "question", "Which size of shirt?", ("done", "deny"),
        )  # fmt: skip
        assert runtime.worker.running == 0
        await answer(runtime, first, "M")
        second = await runtime.runs.wait(run, 5)
        assert second.approvals[0].message == "Which colour?"
        await answer(runtime, second, "red")
        assert (await runtime.runs.wait(run, 5)).response == "ordered"
        assert begun == ["shirt"] * 3
        assert runtime.model.requests[-1].messages[-1].text == "shirt M red"  # type: ignore[attr-defined]
        types = await runtime.types(run)
        assert types.count("tool_call_started") == 3
        assert types.count("tool_call_finished") == 1


async def test_a_refused_answer_is_told_to_the_model() -> None:
    model = ScriptedModel(turns({"order": {"item": "shirt"}}, "not ordered"))
    async with RuntimeInMemory(model, [order]) as runtime:
        run = await runtime.start("a shirt")
        await answer(runtime, await runtime.runs.wait(run, 5), None, "deny")
        assert (await runtime.runs.wait(run, 5)).response == "not ordered"
        assert "approval_denied" in model.requests[-1].messages[-1].text


async def test_an_answer_has_a_text() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"order": {"item": "shirt"}})), [order]) as runtime:
        paused = await runtime.runs.wait(await runtime.start("a shirt"), 5)
        with pytest.raises(ValidationError, match="result"):
            await answer(runtime, paused, None)


async def test_a_once_tool_may_not_ask() -> None:
    @tool(effects="once")
    async def pay(ctx: ToolContext) -> str:
        """Pay."""
        return await ctx.ask("Sure?")

    model = ScriptedModel(turns({"pay": {}}, "no"))
    async with RuntimeInMemory(model, [pay]) as runtime:
        assert (await runtime.runs.wait(await runtime.start("pay"), 5)).response == "no"
        assert "ask_refused" in model.requests[-1].messages[-1].text


async def test_the_same_question_twice_is_asked_twice_and_code_cannot_swallow_a_question() -> None:
    @tool(effects="none")
    async def stubborn(ctx: ToolContext) -> str:
        """Ask."""
        answers = []
        for _ in range(2):
            try:
                answers.append(await ctx.ask("Again?"))
            except BaseException:  # noqa: BLE001 - the worst that a tool may do
                return "never mind"
        return "+".join(answers)

    model = ScriptedModel(turns({"stubborn": {}}, "ok"))
    async with RuntimeInMemory(model, [stubborn]) as runtime:
        run = await runtime.start("go")
        await answer(runtime, await runtime.runs.wait(run, 5), "one")
        await answer(runtime, await runtime.runs.wait(run, 5), "two")
        assert (await runtime.runs.wait(run, 5)).response == "ok"
        assert model.requests[-1].messages[-1].text == "one+two"


async def test_a_question_that_always_changes_ends_at_the_bound() -> None:
    count = iter(range(1000))

    @tool(effects="none")
    async def restless(ctx: ToolContext) -> str:
        """Ask."""
        return await ctx.ask(f"Question {next(count)}?")

    model = ScriptedModel(turns({"restless": {}}, "ok"))
    async with RuntimeInMemory(model, [restless]) as runtime:
        run = await runtime.start("go")
        for _ in range(20):
            await answer(runtime, await runtime.runs.wait(run, 5), "x")
        assert (await runtime.runs.wait(run, 5)).response == "ok"
        assert "at most 20 questions" in model.requests[-1].messages[-1].text


async def test_a_question_with_a_secret_in_it_finds_its_answer() -> None:
    @tool(effects="none")
    async def careless(ctx: ToolContext) -> str:
        """Ask."""
        return await ctx.ask("Is hunter2hunter2 your password?")

    model = ScriptedModel(turns({"careless": {}}, "ok"))
    runtime = RuntimeInMemory(model, [careless])
    runtime.codec = Codec(("hunter2hunter2",))
    async with runtime:
        run = await runtime.start("go")
        paused = await runtime.runs.wait(run, 5)
        assert paused.approvals[0].message == "Is [secret] your password?"
        await answer(runtime, paused, "yes")
        assert (await runtime.runs.wait(run, 5)).response == "ok"


async def test_of_two_answers_at_once_exactly_one_wins() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"order": {"item": "shirt"}}, "ordered")), [order]) as runtime:
        paused = await runtime.runs.wait(await runtime.start("a shirt"), 5)
        both = await asyncio.gather(answer(runtime, paused, "M"), answer(runtime, paused, "L"), return_exceptions=True)
        lost = [outcome for outcome in both if isinstance(outcome, StateError)]
        assert [outcome.code for outcome in lost] == ["approval_closed"]
        events = [entry.event for entry in await runtime.journal.read(paused.run_id)]
        assert sum(isinstance(event, ApprovalGiven) for event in events) == 1


async def test_tell_answers_the_oldest_question_and_refuses_where_none_is_open() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"order": {"item": "shirt"}}, "ordered")), [order]) as runtime:
        run = await runtime.start("a shirt")
        await runtime.runs.wait(run, 5)
        await runtime.runs.tell("local", run, "M")
        await runtime.runs.wait(run, 5)
        await runtime.runs.tell("local", run, "red")
        assert (await runtime.runs.wait(run, 5)).response == "ordered"
        with pytest.raises(StateError) as refused:
            await runtime.runs.tell("local", run, "more")
        assert refused.value.code == "nothing_asked"


async def test_a_question_may_have_a_deadline_and_a_default() -> None:
    @tool(effects="none")
    async def patient(ctx: ToolContext) -> str:
        """Ask."""
        return await ctx.ask("Size?", deadline_seconds=60, default="M")

    async with RuntimeInMemory(ScriptedModel(turns({"patient": {}}, "ok")), [patient]) as runtime:
        run = await runtime.start("go")
        await runtime.runs.wait(run, 5)
        events = [entry.event for entry in await runtime.journal.read(run)]
        asked = next(event for event in events if isinstance(event, ApprovalRequested))
        assert (asked.default, asked.result) == ("done", "M")
        assert asked.deadline is not None
        assert abs(asked.deadline - runtime.clock.now() - 60_000_000) < 30_000_000
