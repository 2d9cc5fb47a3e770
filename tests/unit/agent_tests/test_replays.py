"""Stored runs become tests that hold, and say what has changed when something has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rig import Rig, turns
from tests.replay.test_golden_journals import FILES, read
from tests.unit.agent_tests.course import Courses, course
from world import World

from journeyman import tool
from journeyman.agent_tests.comparison import Comparison, compare
from journeyman.agent_tests.normalize import normalized_events
from journeyman.agent_tests.parsing import parse_test
from journeyman.agent_tests.recording import Recording, read_recording, recording_of
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from journeyman.agent_tests.writing import file_text
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import Limits, ModelSettings
from journeyman.errors import NotFoundError, StateError
from journeyman.events.events import ModelCalled, ModelReplied, RunCancelled, RunResumed
from journeyman.events.quota import Quota
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall
from journeyman.tools.spec import ApprovalPolicy

NAME = Path("run.agent-test.yaml")


async def played(recording: Recording, agent: BaseAgent | None, rig: Rig | World) -> Recording:
    """What would be recorded of it today."""
    today = await ReplayEngine(recording, agent, rig.build, rig.direct).play()
    assert not today.exhausted
    return as_recorded(recording, today, agent.spec if agent else None)


async def exported(rig: Rig, run: str, agent: BaseAgent) -> Recording:
    """The run as a test file, read again."""
    recording = await read_recording(rig.journal, run)
    before = await played(recording, agent, rig)
    whole = msgspec.structs.replace(recording, prompts=before.prompts)
    text = file_text(whole, agent=None, description="")
    again = parse_test(text.encode(), NAME).recording
    assert again is not None
    assert normalized_events(again.events) == normalized_events(recording.events)
    assert again.history == recording.history
    return again


@pytest.mark.parametrize("seed", range(50))
async def test_a_run_becomes_a_test_that_holds_until_the_prompt_changes(seed: int) -> None:
    rig, run = await course(seed)
    now = rig.now()
    recording = await exported(rig, run, now)
    comparison = compare(recording, await played(recording, now, rig))
    assert (comparison.text(), comparison.equal) == ("", True)
    changed = rig.now(prompt="Help nobody.\nNow.")
    other = await played(recording, changed, rig)
    (first, *more) = compare(recording, other).differences if other.prompts else (None,)
    assert not more
    if first is not None:
        assert first.what.startswith("the system prompt of m")
        assert "+ Help nobody." in first.lines
        assert any(line.startswith("- Help ") for line in first.lines)
    await rig.worker.stop(0)


async def compared(rig: Courses, run: str, **changes: Any) -> Comparison:
    recording = await exported(rig, run, rig.now())
    return compare(recording, await played(recording, rig.now(**changes), rig))


def said(comparison: Comparison) -> list[str]:
    return [difference.what for difference in comparison.differences]


async def test_what_else_may_change_is_named_too() -> None:
    script = turns({"look": {"at": 1}}, {"note": {"text": "x"}}, "Done.")
    async with Courses(ScriptedModel(script)) as rig:
        run = await rig.start("go")
        await rig.runs.wait(run, 5)
        tools = rig.spec().tools
        renamed = tuple(msgspec.structs.replace(each, description=f"{each.description}!") for each in tools[:1])
        assert said(await compared(rig, run, tools=(*renamed, *tools[1:]))) == [
            'the definition has changed: tools.look.description: "Look." -> "Look.!"'
        ]
        strict = tuple(each.with_policy(approval=ApprovalPolicy("always")) for each in tools[:1])
        asking = await compared(rig, run, tools=(*strict, *tools[1:]))
        assert said(asking)[0].startswith("event 5 does not happen any more: tool_call_started m1.0")
        assert any(line.startswith("event 5 is new: approval_requested m1.0") for line in said(asking))
        assert [note.what for note in asking.notes] == [
            'the definition has changed: tools.look.approval: "never" -> "always"'
        ]
        other = await compared(rig, run, model=ModelSettings(name="better", temperature=0.5))
        assert said(other)[:2] == [
            'the definition has changed: model.name: "scripted" -> "better"',
            "the definition has changed: model.temperature: (nothing) -> 0.5",
        ]
        assert other.differences[2].lines == ('model: "scripted" -> "better"',)
        shorter = await compared(rig, run, limits=Limits(steps=1))
        assert any("is new: limit_reached" in line for line in said(shorter))
        assert not (await compared(rig, run, limits=Limits(steps=20))).differences


async def test_a_run_that_asks_for_more_than_was_recorded_is_told_so() -> None:
    async with Courses(ScriptedModel(turns("no json", "Done.")), False) as rig:
        run = await rig.start("go")
        await rig.runs.wait(run, 5)
        recording = await exported(rig, run, rig.now())
        rig.output = True
        today = await ReplayEngine(recording, rig.now(), rig.build, rig.direct).play()
        assert today.exhausted
        assert "replay_exhausted" in compare(recording, as_recorded(recording, today, None)).text()


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem not in ("rare", "graph")], ids=lambda path: path.stem
)
async def test_journals_of_every_release_are_played_as_they_were(path: Path) -> None:
    entries, _ = read(path)
    world = World({}, limits=Limits(steps=1) if path.stem == "limit" else Limits())
    recording = recording_of("run_1", entries)
    agent = None if recording.accepted.direct else world.agent()
    assert compare(recording, await played(recording, agent, world)).text() == ""


async def test_a_lone_tool_call_is_played_too() -> None:
    async with Courses(ScriptedModel([])) as rig:
        started = await rig.runs.call("local", StartCall(tool="look", arguments={"at": 3}))
        await rig.runs.wait(started.run_id, 5)
        recording = await read_recording(rig.journal, started.run_id)
        assert compare(recording, await played(recording, None, rig)).equal


class Halting:
    """Says half of a reply, then nothing more."""

    def __init__(self) -> None:
        self.half = asyncio.Event()

    async def call(self, request: ModelRequest, on_delta: Any = None) -> ModelReply:
        if on_delta is not None:
            on_delta(TextDelta("Half a "))
        self.half.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None: ...


async def test_a_cancelled_reply_keeps_its_half() -> None:
    model = Halting()
    async with Rig(model) as rig:
        run = await rig.start("go", stream=True)
        await model.half.wait()
        await rig.runs.cancel("local", run)
        await rig.runs.wait(run, 5)
        recording = await read_recording(rig.journal, run)
        assert [type(event) for event in recording.events[-2:]] == [ModelReplied, RunCancelled]
        assert compare(recording, await played(recording, rig.agent, rig)).text() == ""


async def test_a_restart_and_answers_in_two_requests_are_played_in_their_order() -> None:
    began, hold = asyncio.Event(), asyncio.Event()

    @tool(effects="idempotent")
    async def wait() -> str:
        """Wait."""
        began.set()
        await hold.wait()
        return "waited"

    @tool(effects="once", approval="always")
    async def sign(name: str) -> str:
        """Sign."""
        return name

    plan = [
        {"tool_calls": [{"name": "sign", "arguments": {"name": "a"}}, {"name": "sign", "arguments": {"name": "b"}}]},
        {"tool_calls": [{"name": "wait"}]},
        {"text": "end"},
    ]
    async with Rig(ScriptedModel(plan[:2]), [wait, sign]) as rig:
        run = await rig.start("go")
        for row in (await rig.runs.wait(run, 5)).approvals:
            await rig.runs.answer("local", run, [HumanAnswer(approval=row.id, decision="approve")])
        await began.wait()
        await rig.worker.stop(0)
    hold.set()
    async with Rig(ScriptedModel(plan[2:]), [wait, sign], rig.journal) as rig:
        await rig.worker.recover()
        assert (await rig.runs.wait(run, 5)).response == "end"
        recording = await read_recording(rig.journal, run)
        assert RunResumed(epoch=2, reason="taken_over") in recording.events
        assert compare(recording, await played(recording, rig.agent, rig)).text() == ""


async def test_a_limit_of_time_comes_again() -> None:
    async with Rig(ScriptedModel([{"text": "late", "delay_ms": 60_000}]), seconds=0.01) as rig:
        run = await rig.start("go")
        assert (await rig.runs.wait(run, 5)).stopped_by == "seconds"
        recording = await read_recording(rig.journal, run)
        assert compare(recording, await played(recording, rig.agent, rig)).text() == ""


async def test_a_run_under_way_is_compared_as_far_as_it_came() -> None:
    model = Halting()
    async with Rig(model) as rig:
        run = await rig.start("go")
        await model.half.wait()
        recording = await read_recording(rig.journal, run)
        assert isinstance(recording.events[-1], ModelCalled)
        assert compare(recording, await played(recording, rig.agent, rig)).equal


async def test_what_cannot_be_played_is_refused() -> None:
    async with Rig(ScriptedModel(turns("one"))) as rig:
        with pytest.raises(NotFoundError):
            await read_recording(rig.journal, "nope")
        run = await rig.start("go")
        await rig.runs.wait(run, 5)
        entries = await rig.journal.read(run)
        with pytest.raises(StateError, match="stopped before its turn"):
            recording_of(run, [entries[0], entries[-1]])


async def test_a_run_that_a_shared_budget_ended_is_played_to_the_same_end() -> None:
    reply = {"tool_calls": [{"name": "look", "arguments": {}}], "usage": {"input_tokens": 5, "cost_usd": 0.5}}

    @tool(effects="none")
    async def look() -> str:
        """Look."""
        return "seen"

    async with Rig(ScriptedModel([reply] * 3), [look], of_each=Quota(usd_per_day=1.0), cost_usd=9.0) as rig:
        run = await rig.start("go")
        assert (await rig.runs.wait(run, 5)).stopped_by == "usd_per_day"
        assert "budget_warned" not in await rig.types(run)
        recording = await exported(rig, run, rig.agent)
        comparison = compare(recording, await played(recording, rig.agent, rig))
        assert (comparison.text(), comparison.equal) == ("", True)
