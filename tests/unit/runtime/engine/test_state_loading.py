"""A run's state from the journal: its events over the messages of its thread."""

from __future__ import annotations

import pytest

from journeyman.errors import NotFoundError
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.engine.state_loading import load_state, load_summary, load_view, read_all
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def two_runs() -> tuple[RuntimeInMemory, str, str]:
    async with RuntimeInMemory(ScriptedModel(turns("one", "two"))) as runtime:
        first = await runtime.start("a", "t")
        await runtime.runs.wait(first, 5)
        second = await runtime.start("b", "t")
        await runtime.runs.wait(second, 5)
        return runtime, first, second


async def test_the_history_is_what_the_thread_held_when_the_run_started() -> None:
    runtime, first, second = await two_runs()
    assert (await load_state(runtime.journal, first)).history == ()
    state = await load_state(runtime.journal, second)
    assert [message.text for message in state.history] == ["a", "one"]
    assert [message.text for message in state.messages] == ["b", "two"]


async def test_events_that_are_at_hand_are_not_read_again() -> None:
    runtime, _, second = await two_runs()
    entries = await read_all(runtime.journal, second)
    assert (await load_state(runtime.journal, second, entries[:2])).seq == 2
    assert [entry.seq for entry in await read_all(runtime.journal, second, until=3)] == [1, 2, 3]


async def test_a_run_that_is_not_there() -> None:
    runtime, _, _ = await two_runs()
    with pytest.raises(NotFoundError):
        await load_state(runtime.journal, "run_9")


async def test_an_empty_view_and_a_missing_summary() -> None:
    runtime, first, _ = await two_runs()
    assert await load_view(runtime.journal, "local/t", 1, 0) == ()
    assert await load_summary(runtime.journal, first, 0) == await load_summary(runtime.journal, first, 1) == ""
