from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from journeyman.agents.graph.drawing import REACT, GraphEdge, GraphNode, graph_of, graph_picture, mermaid
from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, ModelSettings, NodeSpec

GRAPH = GraphSpec(
    start="plan",
    nodes=(
        NodeSpec(name="plan", type="llm", on_error="graph", on_unavailable="style"),
        NodeSpec(name="act", type="tools"),
        NodeSpec(name="graph", type="function"),
        NodeSpec(name="style", type="agent"),
        NodeSpec(name="review", type="approval"),
        NodeSpec(name="vote", type="poll"),
    ),
    edges=(
        EdgeSpec(origins=("plan",), targets=("act",), when='state.last_message.text == "<a>" && true'),
        EdgeSpec(origins=("plan",), targets=("graph", "style")),
        EdgeSpec(origins=("graph", "style"), targets=("review",)),
        EdgeSpec(origins=("act",), targets=("vote",)),
        EdgeSpec(origins=("vote",), targets=("review",)),
        EdgeSpec(origins=("review",), targets=("end",)),
    ),
)


def test_every_node_and_edge_is_drawn() -> None:
    assert mermaid(GRAPH).splitlines() == [
        "flowchart TD",
        "    Start([start]) --> plan",
        "    plan(plan)",
        "    act[[act]]",
        "    N_graph[graph]",
        "    N_style{{style}}",
        "    review{review}",
        "    vote[/vote/]",
        '    plan -->|"state.last_message.text == #quot;#lt;a#gt;#quot; #amp;#amp; true"| act',
        "    plan ==> N_graph",
        "    plan ==> N_style",
        "    Join2((join))",
        "    N_graph --> Join2",
        "    N_style --> Join2",
        "    Join2 --> review",
        "    act --> vote",
        "    vote --> review",
        "    review --> End([end])",
        "    plan -.->|error| N_graph",
        "    plan -.->|unavailable| N_style",
    ]


def test_the_same_as_data() -> None:
    found = graph_picture(GRAPH)
    assert (found.start, found.nodes[1]) == ("plan", GraphNode("act", "tools"))
    assert found.edges[1:5] == (
        GraphEdge(from_="plan", to="graph", kind="fan_out", group=1),
        GraphEdge(from_="plan", to="style", kind="fan_out", group=1),
        GraphEdge(from_="graph", to="review", kind="join", group=2),
        GraphEdge(from_="style", to="review", kind="join", group=2),
    )
    assert found.edges[-2:] == (
        GraphEdge(from_="plan", to="graph", kind="on_error"),
        GraphEdge(from_="plan", to="style", kind="on_unavailable"),
    )


def test_which_graph_an_agent_has() -> None:
    def spec(kind: str, graph: GraphSpec | None = None) -> AgentSpec:
        return AgentSpec(type=kind, name="a", model=ModelSettings(name="offline"), graph=graph)

    assert graph_of(spec("react_agent")) is REACT
    assert graph_of(spec("custom_react_agent", GRAPH)) is GRAPH
    assert graph_of(spec("nodes:Mine")) is None
    assert '    llm -->|"state.tool_calls.size() #gt; 0"| tools\n' in mermaid(REACT)


@given(st.text(max_size=60))
def test_no_condition_breaks_out_of_its_label(when: str) -> None:
    graph = GraphSpec(
        start="a",
        nodes=(NodeSpec(name="a", type="llm"),),
        edges=(EdgeSpec(origins=("a",), targets=("end",), when=f"x{when}"),),
    )
    line = mermaid(graph).removesuffix("\n").split("\n", 3)[3]
    assert re.fullmatch(r'    a -->\|"[^"<>`\n]*"\| End\(\[end\]\)', line)
