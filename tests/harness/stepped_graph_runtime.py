"""A stepped runtime whose agent runs a graph. The code of its nodes waits at gates too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import NodeWork
from journeyman.agents.graph.agent import GraphAgent
from journeyman.agents.graph.compiled import CompiledNode, Graph
from journeyman.agents.prompt import Prompt
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.agents.toolset import Toolset
from journeyman.errors import BaseError
from journeyman.events.fold import AgentState
from journeyman.events.messages import Message, TextPart, ToolCall
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.runtime.served.agents import AgentRegistry
from tests.harness.stepped_runtime import SteppedRuntime, check, check_transcript

Code = Callable[[Any], Any]


def node(name: str, type: str = "llm", **more: Any) -> NodeSpec:
    return NodeSpec(name=name, type=type, **more)


def edge(origin: str, target: str, when: str | None = None) -> EdgeSpec:
    """`edge("a b", "c")` is a join, `edge("a", "b c")` a fan-out."""
    return EdgeSpec(origins=tuple(origin.split()), targets=tuple(target.split()), when=when)


def graph(*parts: NodeSpec | EdgeSpec) -> GraphSpec:
    nodes = tuple(part for part in parts if isinstance(part, NodeSpec))
    edges = tuple(part for part in parts if isinstance(part, EdgeSpec))
    return GraphSpec(start=nodes[0].name, nodes=nodes, edges=edges)


REACT = graph(
    node("llm"),
    node("tools", "tools"),
    edge("llm", "tools", "state.tool_calls.size() > 0"),
    edge("llm", "end"),
    edge("tools", "llm"),
)


def graph_agent(spec: AgentSpec, code: Mapping[str, Code], system: str = "Be brief.") -> GraphAgent:
    """As `assemble` makes it; a node's `prompt` is a template."""
    toolset = Toolset(spec.tools, check)
    assert spec.graph is not None

    def renderer(text: str) -> Callable[[AgentState], str]:
        prompt = Prompt(text)
        return lambda state: prompt.render(agent={}, thread=state.thread_context, global_={}, now=state.started_at)

    nodes = {
        each.name: CompiledNode(
            spec=each,
            settings=each.model or spec.model,
            model=(each.model or spec.model).name,
            tools=tuple(
                definition for definition in toolset.definitions if each.tools is None or definition.name in each.tools
            ),
            render=renderer(each.message or each.prompt or system),
            work=NodeWork(code[each.name], each.config) if each.name in code else None,
        )
        for each in spec.graph.nodes
    }
    return GraphAgent(spec, toolset, lambda state: system, graph=Graph(spec.graph, nodes))


@dataclass
class SteppedGraphRuntime(SteppedRuntime):
    """`plans`, by the system prompt of a node: the tools that its replies ask for, then it answers in words."""

    graph: GraphSpec = REACT
    code: Mapping[str, Code] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)  # what code says that it did

    def catalog(self) -> AgentRegistry:
        common = {"model": ModelSettings(name="m"), "tools": self.specs}
        walker = AgentSpec(type="custom_react_agent", name="test", limits=self.limits, graph=self.graph, **common)
        expert = AgentSpec(type="react_agent", name="expert", **common)
        return AgentRegistry({spec.name: self.build(spec) for spec in (walker, expert)}, default="test")

    def build(self, spec: AgentSpec) -> BaseAgent:
        if spec.graph is None:
            return ReactAgent(spec, Toolset(self.specs, check), lambda state: "Expert.")
        return graph_agent(spec, self.code)

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        """Answers by what it sees, never by when it is asked."""
        self.requests.append(request)
        check_transcript(request.messages)
        prompt = request.messages[0].text
        how = await self.gate(f"model {prompt}")
        if how == "error":
            raise BaseError("The gateway failed.", code="gateway_error")
        if how == "open":
            raise BaseError("The breaker is open.", code="gateway_circuit_open")
        return ModelReply(message=self._words(request, prompt), model="m")

    def _words(self, request: ModelRequest, prompt: str) -> Message:
        number = 0
        for message in reversed(request.messages):  # replies of this node in a row, tools' results between them
            if message.role == "user" or (message.role == "assistant" and not message.tool_calls):
                break
            number += message.role == "assistant"
        plan = self.plans.get(prompt, ())
        if number < len(plan):
            calls = tuple(
                ToolCall(f"{prompt}-{len(request.messages)}-{at}", name, name) for at, name in enumerate(plan[number])
            )
            return Message(role="assistant", tool_calls=calls)
        return Message(role="assistant", content=(TextPart(f"{prompt} says {len(request.messages)}"),))
