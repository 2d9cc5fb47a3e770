"""A run that loops gets an explanation, and then ends."""

from __future__ import annotations

import msgspec

from journeyman import tool
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns
from tests.harness.stepped_graph_runtime import REACT, graph_agent

LOOKED: list[str] = []


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    LOOKED.append(name)
    return f"{name} is there"


CIRCLE = turns(*[{"look": {"name": "A"}}] * 9)


async def test_the_model_is_told_once_and_then_the_run_ends() -> None:
    LOOKED.clear()
    async with RuntimeInMemory(ScriptedModel(CIRCLE), [look], repeats=3) as runtime:
        run = await runtime.start("go")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by, LOOKED) == ("finished", "repeats", ["A"] * 3)
        state = await runtime.runs.state("local", run)
        answers = [message.text for message in state.messages if message.role == "tool"]
        assert ["repeated_call" in answer for answer in answers] == [False, False, False, True, False]
        assert [error.code for error in state.errors] == ["repeated_call", "cancelled"]


async def test_whoever_listens_may_still_answer() -> None:
    async with RuntimeInMemory(
        ScriptedModel([*CIRCLE[:4], *turns("A is there, and stays there.")]), [look], repeats=3
    ) as runtime:
        result = await runtime.runs.wait(await runtime.start("go"), 5)
        assert (result.response, result.stopped_by) == ("A is there, and stays there.", None)


async def test_a_graph_goes_round_no_longer() -> None:
    async with Walking(ScriptedModel(CIRCLE), [look], repeats=3) as runtime:
        run = await runtime.start("go")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "repeats")
        answers = [
            message.text for message in (await runtime.runs.state("local", run)).messages if message.role == "tool"
        ]
        assert ["repeated_call" in answer for answer in answers] == [False, False, False, True, False]


class Walking(RuntimeInMemory):
    """The same by a graph."""

    def spec(self) -> AgentSpec:
        return msgspec.structs.replace(super().spec(), type="custom_react_agent", graph=REACT)

    def build(self, spec: AgentSpec) -> BaseAgent:  # type: ignore[override]
        return graph_agent(spec, {})
