from __future__ import annotations

from typing import Any

from journeyman.agents.agent import BaseAgent
from journeyman.agents.graph.drawing import mermaid
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.api.app import build_app
from journeyman.errors import NotFoundError
from journeyman.runtime.served.agents import AgentRegistry
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import fake_agent, make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_agents() -> None:
    catalog = AgentRegistry({"b": fake_agent("b"), "a": fake_agent("a", "custom")}, default="b")
    app = build_app(make_ports(agent_registry=catalog))
    listed = await get(app, "/agents?limit=1")
    assert [(item["name"], item["default"]) for item in listed["items"]] == [("a", False)]
    rest = await get(app, f"/agents?cursor={listed['next_cursor']}")
    assert [(item["name"], item["default"]) for item in rest["items"]] == [("b", True)]
    agent = await get(app, "/agents/b")
    assert agent["tools"][0]["name"] == "get_username"
    assert agent["version"] == fake_agent("b").version
    assert agent["limits"]["steps"] == 25
    assert "hidden" not in str(agent)
    graph = await get(app, "/agents/b/graph")
    assert {"from": "tools", "to": "llm"} in graph["edges"]
    assert (await request(app, "GET", "/agents/b/graph?format=mermaid")).text.startswith("flowchart TD\n")
    assert (await request(app, "GET", "/agents/a/graph")).json()["code"] == "no_graph"
    for path in ("/agents/nope", "/agents/nope/graph"):
        assert (await request(app, "GET", path)).status == 404


async def test_another_version_of_an_agent() -> None:
    earlier = fake_agent("support", "custom")

    async def version(name: str, version: str) -> BaseAgent:
        if (name, version) != ("support", earlier.version):
            raise NotFoundError("There is no such version.")
        return earlier

    app = build_app(make_ports(agent_version=version))
    shown = await get(app, f"/agents/support?version={earlier.version}")
    assert (shown["version"], shown["type"], shown["versions"][0]["current"]) == (earlier.version, "custom", False)
    assert "hidden" not in str(shown)
    for path in ("/agents/support?version=none", f"/agents/other?version={earlier.version}"):
        assert (await request(app, "GET", path)).status == 404
    assert (await request(build_app(make_ports()), "GET", "/agents/support?version=x")).status == 404


async def test_the_graph_of_an_agent_that_has_its_own() -> None:
    graph = GraphSpec(
        start="ask",
        nodes=(
            NodeSpec(name="ask", type="llm"),
            NodeSpec(name="note", type="function"),
            NodeSpec(name="x", type="llm"),
        ),
        edges=(
            EdgeSpec(origins=("ask",), targets=("note", "x"), when="state.steps < 3"),
            EdgeSpec(origins=("note", "x"), targets=("end",)),
        ),
    )
    app = build_app(make_ports(agent_registry=AgentRegistry({"a": fake_agent("a", "custom_react_agent", graph)})))
    assert await get(app, "/agents/a/graph") == {
        "start": "ask",
        "nodes": [{"id": "ask", "type": "llm"}, {"id": "note", "type": "function"}, {"id": "x", "type": "llm"}],
        "edges": [
            {"from": "ask", "to": "note", "when": "state.steps < 3", "kind": "fan_out", "group": 0},
            {"from": "ask", "to": "x", "when": "state.steps < 3", "kind": "fan_out", "group": 0},
            {"from": "note", "to": "end", "kind": "join", "group": 1},
            {"from": "x", "to": "end", "kind": "join", "group": 1},
        ],
    }
    assert (await request(app, "GET", "/agents/a/graph?format=mermaid")).text == mermaid(graph)
    assert (await request(app, "GET", "/agents/a/graph?format=svg")).status == 422
