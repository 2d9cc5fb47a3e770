"""Stored runs become tests that pass, and that say what has changed if something has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman import ToolFile, tool
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
from journeyman.events.messages import FilePart, ImagePart, Message, TextPart
from journeyman.events.quota import Quota
from journeyman.files.data_urls import data_url
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall, StartRun
from journeyman.tools.spec import ApprovalPolicy
from tests.harness.pictures import png
from tests.harness.random_runs import RandomRuns, random_run
from tests.harness.runtime_in_memory import RuntimeInMemory, turns
from tests.harness.stepped_runtime import SteppedRuntime
from tests.replay.test_golden_journals import FILES, read

NAME = Path("run.agent-test.yaml")


async def played(recording: Recording, agent: BaseAgent | None, runtime: RuntimeInMemory | SteppedRuntime) -> Recording:
    """Return the recording of the run that today's code gives."""
    today = await ReplayEngine(recording, agent, runtime.build, runtime.direct).play()
    assert not today.exhausted
    return as_recorded(recording, today, agent.spec if agent else None)


async def exported(runtime: RuntimeInMemory, run: str, agent: BaseAgent) -> Recording:
    """Return the recording of the run, written to a test file and read again."""
    recording = await read_recording(runtime.journal, run)
    before = await played(recording, agent, runtime)
    whole = msgspec.structs.replace(recording, prompts=before.prompts)
    text = file_text(whole, agent=None, description="")
    again = parse_test(text.encode(), NAME).recording
    assert again is not None
    assert normalized_events(again.events) == normalized_events(recording.events)
    assert again.history == recording.history
    return again


@pytest.mark.parametrize("seed", range(50))
async def test_a_run_becomes_a_test_that_passes_until_the_prompt_changes(seed: int) -> None:
    runtime, run = await random_run(seed)
    now = runtime.now()
    recording = await exported(runtime, run, now)
    comparison = compare(recording, await played(recording, now, runtime))
    assert (comparison.text(), comparison.equal) == ("", True)
    changed = runtime.now(prompt="Help anyone.\nNow.")
    other = await played(recording, changed, runtime)
    (first, *more) = compare(recording, other).differences if other.prompts else (None,)
    assert not more
    if first is not None:
        assert first.what.startswith("the system prompt of m")
        assert "+ Help anyone." in first.lines
        assert any(line.startswith("- Help ") for line in first.lines)
    await runtime.worker.stop(0)


async def compared(runtime: RandomRuns, run: str, **changes: Any) -> Comparison:
    recording = await exported(runtime, run, runtime.now())
    return compare(recording, await played(recording, runtime.now(**changes), runtime))


def said(comparison: Comparison) -> list[str]:
    return [difference.what for difference in comparison.differences]


async def test_every_change_is_named() -> None:
    script = turns({"look": {"at": 1}}, {"note": {"text": "x"}}, "Done.")
    async with RandomRuns(ScriptedModel(script)) as runtime:
        run = await runtime.start("go")
        await runtime.runs.wait(run, 5)
        tools = runtime.spec().tools
        renamed = tuple(msgspec.structs.replace(each, description=f"{each.description}!") for each in tools[:1])
        assert said(await compared(runtime, run, tools=(*renamed, *tools[1:]))) == [
            'the definition has changed: tools.look.description: "Look." -> "Look.!"'
        ]
        strict = tuple(each.with_policy(approval=ApprovalPolicy("always")) for each in tools[:1])
        asking = await compared(runtime, run, tools=(*strict, *tools[1:]))
        assert said(asking)[0].startswith("event 5 does not happen any more: tool_call_started m1.0")
        assert any(line.startswith("event 5 is new: approval_requested m1.0") for line in said(asking))
        assert [note.what for note in asking.notes] == [
            'the definition has changed: tools.look.approval: "never" -> "always"'
        ]
        other = await compared(runtime, run, model=ModelSettings(name="better", temperature=0.5))
        assert said(other)[:2] == [
            'the definition has changed: model.name: "scripted" -> "better"',
            "the definition has changed: model.temperature: (nothing) -> 0.5",
        ]
        assert other.differences[2].lines == ('model: "scripted" -> "better"',)
        shorter = await compared(runtime, run, limits=Limits(steps=1))
        assert any("is new: limit_reached" in line for line in said(shorter))
        assert not (await compared(runtime, run, limits=Limits(steps=20))).differences


async def test_a_run_that_requests_more_than_was_recorded_ends_with_an_error() -> None:
    async with RandomRuns(ScriptedModel(turns("no json", "Done.")), False) as runtime:
        run = await runtime.start("go")
        await runtime.runs.wait(run, 5)
        recording = await exported(runtime, run, runtime.now())
        runtime.output = True
        today = await ReplayEngine(recording, runtime.now(), runtime.build, runtime.direct).play()
        assert today.exhausted
        assert "replay_exhausted" in compare(recording, as_recorded(recording, today, None)).text()


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem not in ("rare", "graph", "threads")], ids=lambda path: path.stem
)
async def test_journals_of_every_release_are_replayed_unchanged(path: Path) -> None:
    entries, _ = read(path)
    runtime = SteppedRuntime({}, limits=Limits(steps=1) if path.stem == "limit" else Limits())
    recording = recording_of("run_1", entries)
    agent = None if recording.accepted.direct else runtime.agent()
    assert compare(recording, await played(recording, agent, runtime)).text() == ""


async def test_a_run_of_a_single_tool_call_is_replayed() -> None:
    async with RandomRuns(ScriptedModel([])) as runtime:
        started = await runtime.runs.call("local", StartCall(tool="look", arguments={"at": 3}))
        await runtime.runs.wait(started.run_id, 5)
        recording = await read_recording(runtime.journal, started.run_id)
        assert compare(recording, await played(recording, None, runtime)).equal


class Halting:
    """A model that sends half of a reply and then nothing more."""

    def __init__(self) -> None:
        self.half = asyncio.Event()

    async def call(self, request: ModelRequest, on_delta: Any = None) -> ModelReply:
        if on_delta is not None:
            on_delta(TextDelta("Half a "))
        self.half.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None: ...


async def test_a_cancelled_reply_keeps_its_partial_text() -> None:
    model = Halting()
    async with RuntimeInMemory(model) as runtime:
        run = await runtime.start("go", stream=True)
        await model.half.wait()
        await runtime.runs.cancel("local", run)
        await runtime.runs.wait(run, 5)
        recording = await read_recording(runtime.journal, run)
        assert [type(event) for event in recording.events[-2:]] == [ModelReplied, RunCancelled]
        assert compare(recording, await played(recording, runtime.agent, runtime)).text() == ""


async def test_a_restart_and_answers_in_two_requests_are_replayed_in_order() -> None:
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
    async with RuntimeInMemory(ScriptedModel(plan[:2]), [wait, sign]) as runtime:
        run = await runtime.start("go")
        for row in (await runtime.runs.wait(run, 5)).approvals:
            await runtime.runs.answer("local", run, [HumanAnswer(approval=row.id, decision="approve")])
        await began.wait()
        await runtime.worker.stop(0)
    hold.set()
    async with RuntimeInMemory(ScriptedModel(plan[2:]), [wait, sign], runtime.journal) as runtime:
        await runtime.worker.recover()
        assert (await runtime.runs.wait(run, 5)).response == "end"
        recording = await read_recording(runtime.journal, run)
        assert RunResumed(epoch=2, reason="taken_over") in recording.events
        assert compare(recording, await played(recording, runtime.agent, runtime)).text() == ""


async def test_a_time_limit_is_replayed() -> None:
    async with RuntimeInMemory(ScriptedModel([{"text": "late", "delay_ms": 60_000}]), seconds=0.01) as runtime:
        run = await runtime.start("go")
        assert (await runtime.runs.wait(run, 5)).stopped_by == "seconds"
        recording = await read_recording(runtime.journal, run)
        assert compare(recording, await played(recording, runtime.agent, runtime)).text() == ""


async def test_a_run_in_progress_is_compared_up_to_its_last_event() -> None:
    model = Halting()
    async with RuntimeInMemory(model) as runtime:
        run = await runtime.start("go")
        await model.half.wait()
        recording = await read_recording(runtime.journal, run)
        assert isinstance(recording.events[-1], ModelCalled)
        assert compare(recording, await played(recording, runtime.agent, runtime)).equal


async def test_a_run_that_cannot_be_replayed_is_refused() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("one"))) as runtime:
        with pytest.raises(NotFoundError):
            await read_recording(runtime.journal, "nope")
        run = await runtime.start("go")
        await runtime.runs.wait(run, 5)
        entries = await runtime.journal.read(run)
        with pytest.raises(StateError, match="stopped before it started"):
            recording_of(run, [entries[0], entries[-1]])


async def test_a_run_that_a_shared_budget_ended_is_replayed_to_the_same_end() -> None:
    reply = {"tool_calls": [{"name": "look", "arguments": {}}], "usage": {"input_tokens": 5, "cost_usd": 0.5}}

    @tool(effects="none")
    async def look() -> str:
        """Look."""
        return "seen"

    async with RuntimeInMemory(
        ScriptedModel([reply] * 3), [look], of_each=Quota(usd_per_day=1.0), cost_usd=9.0
    ) as runtime:
        run = await runtime.start("go")
        assert (await runtime.runs.wait(run, 5)).stopped_by == "usd_per_day"
        assert "budget_warned" not in await runtime.types(run)
        recording = await exported(runtime, run, runtime.agent)
        comparison = compare(recording, await played(recording, runtime.agent, runtime))
        assert (comparison.text(), comparison.equal) == ("", True)


@tool(effects="none")
async def shot() -> list[Any]:
    """Take a picture."""
    return ["Here.", ToolFile(png(), "shot.png")]


async def test_a_run_with_files_becomes_a_test_that_needs_none_of_their_bytes() -> None:
    model = ScriptedModel(turns("seen", {"shot": {}}, "both"))
    async with RuntimeInMemory(model, [shot]) as runtime:
        for text in ("one", "two"):
            parts = (TextPart(text), ImagePart(data_url("image/png", png(2, 2))), FilePart("data:,x", "x"))
            request = StartRun(input=Message(role="user", content=parts), thread_id="t")
            run = (await runtime.runs.start("local", request)).run_id
            await runtime.runs.wait(run, 5)
        recording = await exported(runtime, run, runtime.agent)
        comparison = compare(recording, await played(recording, runtime.agent, runtime))
        assert (comparison.text(), comparison.equal) == ("", True)
        named = [part["file"] for event in normalized_events(recording.events) for part in parts_of(event.data)]
        assert named == ["f1", "f2", "f3"]


def parts_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    content = data.get("input", {}).get("content", [])
    return [part for part in (*content, *data.get("files", ())) if "file" in part]
