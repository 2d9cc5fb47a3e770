"""Any valid graph, made of blocks: a node, a loop, one after the other, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from journeyman.agents.graph.flow_checks import flow_problems
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec

Block = tuple[Any, ...]

single = st.sampled_from((("llm",), ("llm",), ("work",), ("function",), ("approval",), ("agent",)))
blocks: st.SearchStrategy[Block] = st.recursive(
    single,
    lambda inner: st.one_of(
        st.tuples(st.just("seq"), inner, inner),
        st.tuples(st.just("loop"), inner, st.integers(2, 3)),
        st.tuples(st.just("fan"), st.lists(st.tuples(inner, st.booleans()), min_size=2, max_size=3)),
    ),
    max_leaves=7,
)


@dataclass
class Builder:
    """Makes a graph of a block. Each has one way in and one way out."""

    nodes: list[NodeSpec] = field(default_factory=list)
    edges: list[EdgeSpec] = field(default_factory=list)

    def graph(self, block: Block) -> GraphSpec:
        first, last = self.block(block)
        self.edge(last, "end")
        made = GraphSpec(start=first, nodes=tuple(self.nodes), edges=tuple(self.edges))
        assert not [found for found in flow_problems(made, agent_has_tools=True) if found.severity == "error"]
        return made

    def node(self, type: str, **more: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(NodeSpec(name=name, type=type, **more))
        return name

    def edge(self, origin: str, target: str, when: str | None = None) -> None:
        self.edges.append(EdgeSpec(origins=(origin,), targets=(target,), when=when))

    def block(self, block: Block) -> tuple[str, str]:
        """Its first node and its last."""
        match block:
            case ("seq", one, other):
                (first, middle), (next_one, last) = self.block(one), self.block(other)
                self.edge(middle, next_one)
                return first, last
            case ("loop", inner, times):
                first, last = self.block(inner)
                turn = self.node("function")
                self.edge(last, turn)
                self.edge(turn, first, f"state.visits.{turn} < {times}")
                return first, turn
            case ("fan", parts):
                return self.fan(parts)
            case ("work",):
                return self.work()
            case ("approval",):
                name = self.node("approval", message="Go on?")
                return name, name
            case (type,):
                more = {"agent": {"agent": "expert"}, "llm": {"prompt": f"N{len(self.nodes)}."}}.get(type, {})
                name = self.node(type, **more)
                return name, name
        raise AssertionError(block)

    def work(self) -> tuple[str, str]:
        """A model with tools, until it answers in words."""
        asks = self.node("llm", prompt=f"N{len(self.nodes)}.", retry=1)
        acts = self.node("tools")
        self.edge(asks, acts, "state.tool_calls.size() > 0")
        self.edge(acts, asks)
        return asks, asks

    def fan(self, parts: list[tuple[Block, bool]]) -> tuple[str, str]:
        """Side by side; the first two come together again, of the others some end by themselves."""
        head = self.node("function")
        ends = [self.block(block) for block, _ in parts]
        self.edges.append(EdgeSpec(origins=(head,), targets=tuple(first for first, _ in ends)))
        joined = [last for place, (_, last) in enumerate(ends) if place < 2 or parts[place][1]]
        for _, last in ends:
            if last not in joined:
                self.edge(last, "end")
        tail = self.node("function")
        self.edges.append(EdgeSpec(origins=tuple(reversed(joined)), targets=(tail,)))
        return head, tail
