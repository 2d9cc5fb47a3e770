"""`history.when_full: summarize`: made once, an event, and named by the thread's later runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agents.agent import BaseAgent
from journeyman.agents.history_summary import INSTRUCTION
from journeyman.agents.history_window import SUMMARY
from journeyman.agents.spec import AgentSpec, History
from journeyman.events.events import HistorySummarized, RunStarted
from journeyman.events.messages import Message
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.engine.state_loading import load_state
from journeyman.runtime.recorded_model import recorded_replies
from journeyman.runtime.use_cases.requests import ForkRun
from tests.harness.runtime_in_memory import RuntimeInMemory, turns
from tests.harness.stepped_graph_runtime import SteppedGraphRuntime, edge, graph, node
from tests.unit.agent_tests.test_replay import exported, played

FIVE = ("a1", "a2", "a3", "a4", "They met.", "a5")  # the fifth run fills the window of eight messages


class Summing(RuntimeInMemory):
    def spec(self) -> AgentSpec:
        return msgspec.structs.replace(super().spec(), history=History(max_messages=8, when_full="summarize"))

    async def say(self, first: int, last: int) -> str:
        """Questions `first` to `last` on the thread t; the last run."""
        run = ""
        for number in range(first, last + 1):
            run = await self.start(f"q{number}", "t")
            await self.runs.wait(run, 5)
        return run

    async def summaries(self, run: str) -> list[HistorySummarized]:
        events = [entry.event for entry in await self.journal.read(run)]
        return [event for event in events if isinstance(event, HistorySummarized)]

    async def started(self, run: str) -> RunStarted:
        event = (await self.journal.read(run))[1].event
        assert isinstance(event, RunStarted)
        return event


def is_summary(request: ModelRequest) -> bool:
    return request.messages[0].text == INSTRUCTION


def seen(request: ModelRequest) -> list[str]:
    """Texts that a call saw; of a summary, the summary alone."""
    return [shown(message) for message in request.messages]


def shown(message: Message) -> str:
    return message.text.splitlines()[1] if message.text.startswith(SUMMARY) else message.text


async def test_a_summary_is_made_once_and_named_by_the_runs_that_follow() -> None:
    usage = {"input_tokens": 50, "output_tokens": 5}
    plan = turns(*FIVE, "a6", "They met again.", "a7")
    model = ScriptedModel([*plan[:4], {**plan[4], "usage": usage}, *plan[5:]])
    async with Summing(model) as runtime:
        fifth = await runtime.say(1, 5)
        assert (await runtime.types(fifth))[2:] == [
            "history_summarized",
            "model_called",
            "model_replied",
            "run_finished",
        ]
        (made,) = await runtime.summaries(fifth)
        assert (made.first_no, made.last_no, made.text) == (1, 4, "They met.")
        assert (await runtime.runs.state("local", fifth)).usage.input_tokens == 50
        asked, answered = list(model.requests)[-2:]
        assert "user: q1" in asked.messages[1].text
        assert "assistant: a2" in asked.messages[1].text
        assert "q3" not in asked.messages[1].text
        assert seen(answered) == ["They met.", "q3", "a3", "q4", "a4", "q5"]
        sixth = await runtime.say(6, 6)
        assert seen(model.requests[-1]) == ["They met.", "q3", "a3", "q4", "a4", "q5", "a5", "q6"]
        started = await runtime.started(sixth)
        assert (started.first_no, started.summary, started.summary_stream) == (5, 3, fifth)
        assert not await runtime.summaries(sixth)
        seventh = await runtime.say(7, 7)
        (again,) = await runtime.summaries(seventh)
        assert (again.first_no, again.last_no) == (5, 8)
        assert "They met." in model.requests[-2].messages[1].text
        assert seen(model.requests[-1]) == ["They met again.", "q5", "a5", "q6", "a6", "q7"]
        assert sum(map(is_summary, model.requests)) == 2
        early = await load_state(runtime.journal, sixth)
        assert (early.first_no, early.summary and early.summary.text) == (5, "They met."), "as it was for that run"


async def test_without_a_summary_the_window_is_trimmed() -> None:
    failed: list[Any] = [{"error": "500"}, {"text": " "}, {"text": "long " * 20_000}]
    for how in failed:
        model = ScriptedModel([*turns(*FIVE[:4]), how, *turns("a5", "a6")])
        async with Summing(model) as runtime:
            fifth = await runtime.say(1, 5)
            assert seen(model.requests[-1]) == ["q3", "a3", "q4", "a4", "q5"]
            (event,) = await runtime.summaries(fifth)
            assert event.text == ""
            assert event.error is not None
            state = await runtime.runs.state("local", fifth)
            assert (state.status, state.output) == ("finished", "a5")
            sixth = await runtime.say(6, 6)
            assert (await runtime.started(sixth)).summary is None


class Held:
    """Says what `plan` says, but waits for ever at call `at`."""

    def __init__(self, model: ScriptedModel, holds: Callable[[ModelRequest], bool]) -> None:
        self.model = model
        self.reached = asyncio.Event()
        self._holds = holds

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        if self._holds(request):
            self.reached.set()
            await asyncio.Event().wait()
        return await self.model.call(request, on_delta)

    async def aclose(self) -> None: ...


async def crashed(holds: Callable[[ModelRequest], bool], after: tuple[str, ...]) -> ScriptedModel:
    """The fifth run dies at that call; another process finishes it. The model of that process."""
    held = Held(ScriptedModel(turns(*FIVE)), holds)
    async with Summing(held) as runtime:
        await runtime.say(1, 4)
        run = await runtime.start("q5", "t")
        await asyncio.wait_for(held.reached.wait(), 5)
    model = ScriptedModel(turns(*after))
    async with Summing(model, journal=runtime.journal) as runtime:
        await runtime.worker.recover()
        assert (await runtime.runs.wait(run, 5)).status == "finished"
        (event,) = await runtime.summaries(run)
        assert event.text == "They met."
    assert seen(model.requests[-1]) == ["They met.", "q3", "a3", "q4", "a4", "q5"]
    return model


async def test_a_summary_that_was_not_recorded_is_asked_for_again() -> None:
    model = await crashed(is_summary, ("They met.", "a5"))
    assert list(map(is_summary, model.requests)) == [True, False]


async def test_a_recorded_summary_is_not_asked_for_again() -> None:
    model = await crashed(lambda request: seen(request)[0] == "They met.", ("a5",))
    assert not any(map(is_summary, model.requests))


async def test_a_cancelled_run_leaves_no_half_summary() -> None:
    held = Held(ScriptedModel(turns(*FIVE)), is_summary)
    async with Summing(held) as runtime:
        await runtime.say(1, 4)
        run = await runtime.start("q5", "t")
        await asyncio.wait_for(held.reached.wait(), 5)
        await runtime.runs.cancel("local", run)
        assert (await runtime.runs.wait(run, 5)).status == "cancelled"
        assert not await runtime.summaries(run)


async def test_summaries_go_with_forks_and_rows_are_what_the_events_say(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    model = ScriptedModel(turns(*FIVE, "a6", "b5", "b6", "b6", "c"))
    async with Summing(model, journal=SqliteJournal(file)) as runtime:
        fifth = await runtime.say(1, 5)
        sixth = await runtime.say(6, 6)
        wanted = seen(model.requests[-1])
        after = await runtime.forks.fork("local", ForkRun(run_id=fifth, at=3))
        await runtime.runs.wait(after.run_id, 5)
        assert seen(model.requests[-1]) == ["They met.", "q3", "a3", "q4", "a4", "q5"], "the copy of the event"
        later = await runtime.forks.fork("local", ForkRun(run_id=sixth, at=2))
        await runtime.runs.wait(later.run_id, 5)
        assert seen(model.requests[-1]) == wanted, "the summary that its parent began with"
        await runtime.threads.erase("local", "t")
        twice = await runtime.forks.fork("local", ForkRun(run_id=later.run_id, at=2))
        await runtime.runs.wait(twice.run_id, 5)
        assert seen(model.requests[-1]) == wanted, "though the thread of the first is erased"
        await runtime.start("more", after.thread_id)
        await runtime.worker.stop(5)
        assert sum(map(is_summary, model.requests)) == 1
        await runtime.journal.close()
    assert verify_journal(file, 10) == []


async def test_recorded_runs_are_played_with_their_summaries() -> None:
    model = ScriptedModel(turns(*FIVE, "a6", "They met again.", "a7", "a7"))
    async with Summing(model) as runtime:
        fifth, sixth, seventh = [await runtime.say(first, last) for first, last in ((1, 5), (6, 6), (7, 7))]
        forked = (await runtime.forks.fork("local", ForkRun(run_id=seventh, at=3))).run_id
        await runtime.runs.wait(forked, 5)
        for run in (fifth, sixth, seventh, forked):
            recording = await exported(runtime, run, runtime.agent)
            comparison = compare(recording, await played(recording, runtime.agent, runtime))
            assert (comparison.text(), comparison.equal) == ("", True)
        replay = await recorded_replies(runtime.journal, seventh)
        texts = [(await replay.call(model.requests[-1])).message.text for _ in range(2)]
        assert texts == ["They met again.", "a7"]


class Branching(SteppedGraphRuntime):
    def build(self, spec: AgentSpec) -> BaseAgent:
        return super().build(msgspec.structs.replace(spec, history=History(max_messages=5, when_full="summarize")))


@pytest.mark.parametrize("crash", [False, True])
async def test_branches_that_both_need_it_make_one(crash: bool) -> None:
    nodes = [node(name, prompt=f"{name}.") for name in ("plan", "left", "right")]
    runtime = Branching({}, graph=graph(*nodes, edge("plan", "left right"), edge("left right", "end")))
    await runtime.boot()
    runtime.spawn(runtime.say, "one")
    await runtime.let_go()
    runtime.spawn(runtime.say, "two")
    if crash:
        await until_it_is_asked(runtime)
        await runtime.crash()
        await runtime.boot()
    await runtime.let_go()
    run = runtime.run_ids[-1]
    (made,) = runtime.events(run, HistorySummarized)
    assert (made.first_no, made.last_no) == (1, 4)
    assert runtime.state(run).status == "finished"
    assert sum(map(is_summary, runtime.requests)) == 1 + crash
    assert [seen(request)[1] for request in list(runtime.requests)[-2:]] == [made.text] * 2


async def until_it_is_asked(runtime: SteppedGraphRuntime) -> None:
    for _ in range(100):
        await runtime.settle(8)
        if runtime.gates and runtime.gates[0].name == f"model {INSTRUCTION}":
            return
        if runtime.disk.held:
            runtime.disk.write()
        elif runtime.gates:
            runtime.open_gate(0)
    raise AssertionError("no summary is asked for")
