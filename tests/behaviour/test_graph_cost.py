"""What a node of a graph costs, loosely: `make bench` has the figure, this says when it is out of all proportion."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec, GraphSpec, Limits, ModelSettings
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory
from tests.harness.stepped_graph_runtime import edge, graph, graph_agent, node

NODES = 40
MOST_US = 250  # with its commit in memory and its share of the run; 50 on the reference machine


async def nothing(ctx: Any) -> None: ...


def chain() -> GraphSpec:
    names = [f"n{number}" for number in range(NODES)]
    return graph(
        *(node(name, "function") for name in names),
        *(edge(*pair) for pair in zip(names, [*names[1:], "end"], strict=True)),
    )


class Chain(RuntimeInMemory):
    def spec(self) -> AgentSpec:
        model = ModelSettings(name="m")
        return AgentSpec(type="custom_react_agent", name="test", model=model, limits=Limits(), graph=chain())

    def build(self, spec: AgentSpec) -> BaseAgent:  # type: ignore[override]
        return graph_agent(spec, {node.name: nothing for node in spec.graph.nodes} if spec.graph else {})


@pytest.mark.alone
async def test_a_node_costs_microseconds() -> None:
    async with Chain(ScriptedModel([])) as runtime:
        costs = []
        for _ in range(12):
            begin = time.process_time()
            result = await runtime.runs.wait(await runtime.start("go"), 30)
            costs.append((time.process_time() - begin) / NODES * 1e6)
            assert result.status == "finished"
            await asyncio.sleep(0)
    assert min(costs) < MOST_US, costs
