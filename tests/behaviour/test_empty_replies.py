"""Runs whose model replies with nothing, and the threads that go on after them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.events.events import ModelReplied
from journeyman.events.messages import assistant
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.replay import ReplayModel
from journeyman.llm.gateway.wire import encode_request
from tests.harness.runtime_in_memory import RuntimeInMemory
from tests.harness.stepped_graph_runtime import edge, graph, graph_agent, node


class RecordingModel(ReplayModel):
    """A model that gives these replies and keeps the bodies of its requests."""

    def __init__(self, *replies: ModelReply) -> None:
        super().__init__(replies)
        self.bodies: list[dict[str, list[dict[str, object]]]] = []

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        self.bodies.append(msgspec.json.decode(encode_request(request, stream=False)))
        return await super().call(request, on_delta)


class GraphInMemory(RuntimeInMemory):
    """A runtime whose agent is a graph of two model nodes."""

    def spec(self) -> AgentSpec:
        walk = graph(node("first"), node("second"), edge("first", "second"), edge("second", "end"))
        return msgspec.structs.replace(super().spec(), type="custom_react_agent", graph=walk)

    def build(self, spec: AgentSpec) -> BaseAgent:  # type: ignore[override]
        return graph_agent(spec, {})


def reply(text: str, reason: str) -> ModelReply:
    return ModelReply(message=assistant(text), model="m", finish_reason=reason)


async def run(runtime: RuntimeInMemory, text: str) -> tuple[str, str, list[str]]:
    """Return the status and the answer of a run, and the finish reasons of its replies."""
    run_id = await runtime.start(text, "t")
    result = await runtime.runs.wait(run_id, 5)
    events = [entry.event for entry in await runtime.journal.read(run_id)]
    return result.status, result.response, [event.finish_reason for event in events if isinstance(event, ModelReplied)]


@pytest.mark.parametrize("reason", ["empty", "unknown"])
async def test_the_model_is_asked_once_more_after_an_empty_reply(reason: str) -> None:
    model = RecordingModel(reply("", reason), reply("here", "stop"))
    async with RuntimeInMemory(model) as runtime:
        assert await run(runtime, "Hi") == ("finished", "here", [reason, "stop"])
    assert model.bodies[1] == model.bodies[0], "the empty reply is not sent"


async def test_after_a_second_empty_reply_the_run_ends_and_the_thread_goes_on() -> None:
    model = RecordingModel(reply("", "empty"), reply("", "empty"), reply("here", "stop"))
    async with RuntimeInMemory(model) as runtime:
        assert await run(runtime, "Hi") == ("finished", "", ["empty", "empty"])
        assert await run(runtime, "Are you there?") == ("finished", "here", ["stop"])
    assert model.bodies[2]["messages"] == [{"role": "user", "content": "Hi\n\nAre you there?"}]


@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
async def test_an_empty_reply_that_was_cut_or_filtered_ends_the_run(reason: str) -> None:
    model = RecordingModel(reply("", reason))
    async with RuntimeInMemory(model) as runtime:
        assert await run(runtime, "Hi") == ("finished", "", [reason])


async def test_a_node_of_a_graph_asks_once_more_too() -> None:
    model = RecordingModel(reply("", "empty"), reply("one", "stop"), reply("", "empty"), reply("", "empty"))
    async with GraphInMemory(model) as runtime:
        assert await run(runtime, "Hi") == ("finished", "", ["empty", "stop", "empty", "empty"])
