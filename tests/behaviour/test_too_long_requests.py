"""Runs on a thread whose history is longer than the model's context window."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.recording import read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from journeyman.errors import ServiceError
from journeyman.events.events import ModelCalled, ModelReplied
from journeyman.events.messages import assistant
from journeyman.events.quota import Quota
from journeyman.llm.client import CONTEXT_LENGTH, ModelReply, ModelRequest, TextDelta
from tests.behaviour.test_empty_replies import GraphInMemory
from tests.harness.runtime_in_memory import RuntimeInMemory


class NarrowModel:
    """A model whose context window holds a few messages."""

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.sizes: list[int] = []

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        self.sizes.append(len(request.messages))
        if len(request.messages) > self.most:
            raise ServiceError("too long", code=CONTEXT_LENGTH)
        return ModelReply(message=assistant("yes"), model="m")

    async def aclose(self) -> None:
        return None


async def talk(runtime: RuntimeInMemory, turns: int) -> str:
    run_id = ""
    for number in range(turns):
        run_id = await runtime.start(f"message {number}", "t")
        await runtime.runs.wait(run_id, 5)
    return run_id


@pytest.mark.parametrize("kind", [RuntimeInMemory, GraphInMemory])
@pytest.mark.parametrize("quota", [Quota(), Quota(tokens_per_day=10**6)])
async def test_the_window_is_trimmed_and_the_call_is_tried_once_more(kind: type[RuntimeInMemory], quota: Quota) -> None:
    model = NarrowModel()
    async with kind(model, of_agent=quota) as runtime:
        await talk(runtime, 5)
        model.most, model.sizes = 8, []
        run_id = await talk(runtime, 1)
        result = await runtime.runs.wait(run_id, 5)
        events = [entry.event for entry in await runtime.journal.read(run_id)]
    assert (result.status, result.response) == ("finished", "yes")
    first, second, *_ = [event for event in events if isinstance(event, ModelCalled)]
    assert (first.call, second.call) == ("m1", "m1")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.first_no < second.first_no
    assert [first.messages, second.messages] == model.sizes[:2]
    assert second.messages <= 8
    assert next(event for event in events if isinstance(event, ModelReplied)).attempt == 2


async def test_the_next_run_of_the_thread_begins_with_the_trimmed_window() -> None:
    model = NarrowModel()
    async with RuntimeInMemory(model) as runtime:
        await talk(runtime, 5)
        model.most, model.sizes = 8, []
        await talk(runtime, 2)
    assert len(model.sizes) == 3


async def test_a_call_that_cannot_be_trimmed_fails() -> None:
    model = NarrowModel(0)
    async with RuntimeInMemory(model) as runtime:
        result = await runtime.runs.wait(await runtime.start("hi"), 5)
    assert result.error is not None
    assert (result.status, result.error.code, model.sizes) == ("failed", CONTEXT_LENGTH, [1])


async def test_it_is_tried_only_once_more() -> None:
    model = NarrowModel()
    async with RuntimeInMemory(model) as runtime:
        await talk(runtime, 5)
        model.most, model.sizes = 0, []
        result = await runtime.runs.wait(await talk(runtime, 1), 5)
    assert (result.status, len(model.sizes)) == ("failed", 2)


async def test_such_a_run_is_replayed_unchanged() -> None:
    model = NarrowModel()
    async with RuntimeInMemory(model) as runtime:
        await talk(runtime, 5)
        model.most = 8
        recording = await read_recording(runtime.journal, await talk(runtime, 1))
        today = await ReplayEngine(recording, runtime.agent, runtime.build, runtime.direct).play()
    assert compare(recording, as_recorded(recording, today, None)).text() == ""
