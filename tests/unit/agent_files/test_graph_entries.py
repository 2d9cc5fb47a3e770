from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.agent_files.agent_types import AgentTypes
from journeyman.agent_files.definition import LoadContext, LoadedAgent, define_agent
from journeyman.agent_files.document import Document
from journeyman.agent_files.file_model import agent_file_schema
from journeyman.agent_files.folder import load_agents
from journeyman.agent_files.yaml_reader import read_document
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.errors import Problem

LoadContextFactory = Callable[..., LoadContext]

CONTRACT = """\
type: custom_react_agent
tools: [get_username, refund]
graph:
  start: plan
  nodes:
    plan:   {type: llm, prompt: "Plan first.", tools: []}
    work:   {type: llm}
    act:    {type: tools}
    score:  {type: function, call: "nodes:score"}
    expert: {type: agent, agent: billing}
    review: {type: approval, message: "Send it?"}
  edges:
    - {from: plan, to: work}
    - {from: work, to: act, when: "state.tool_calls.size() > 0"}
    - {from: work, to: score}
    - {from: act, to: work}
    - {from: score, to: [expert, review]}
    - {from: [expert, review], to: end}
"""
SMALL = """\
type: custom_react_agent
tools: [get_username, refund]
graph:
  start: work
  nodes:
    work: {type: llm}
    act: {type: tools}
  edges:
    - {from: work, to: act, when: "state.tool_calls.size() > 0"}
    - {from: work, to: end}
    - {from: act, to: work}
"""


class GraphDouble:
    def decide(self, state: Any) -> tuple[Any, ...]:
        return ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nodes.py").write_text(
        "async def score(ctx):\n    return {}\n\n\ndef plain(ctx): ...\n\n\nasync def two(ctx, more): ...\n"
    )
    (tmp_path / "nodes.py").chmod(0o644)
    return tmp_path


@pytest.fixture
def define(load_context: LoadContextFactory, folder: Path) -> Callable[..., tuple[LoadedAgent | None, list[Problem]]]:
    def define(text: str, **changes: Any) -> tuple[LoadedAgent | None, list[Problem]]:
        document, problems = read_document(text.encode(), "agent.yaml")
        assert document is not None
        types = AgentTypes({"custom_react_agent": GraphDouble, "react_agent": GraphDouble}, plugins=tuple)
        surroundings = load_context(types=types, **changes)
        agent, found = define_agent(document, surroundings, default_name="support", file=folder / "agent.yaml")
        return agent, [*problems, *found]

    return define


Define = Callable[..., tuple[LoadedAgent | None, list[Problem]]]


def test_the_graph_of_the_contract(define: Define) -> None:
    agent, problems = define(CONTRACT)
    assert not problems
    assert agent is not None
    code = next(node.code_hash for node in agent.spec.graph.nodes if node.name == "score") if agent.spec.graph else ""
    assert re.fullmatch("[0-9a-f]{16}", code)
    assert agent.spec.graph == GraphSpec(
        start="plan",
        nodes=(
            NodeSpec(name="plan", type="llm", prompt="Plan first.", tools=()),
            NodeSpec(name="work", type="llm"),
            NodeSpec(name="act", type="tools"),
            NodeSpec(name="score", type="function", call="nodes:score", code_hash=code),
            NodeSpec(name="expert", type="agent", agent="billing"),
            NodeSpec(name="review", type="approval", message="Send it?"),
        ),
        edges=(
            EdgeSpec(origins=("plan",), targets=("work",)),
            EdgeSpec(origins=("work",), targets=("act",), when="state.tool_calls.size() > 0"),
            EdgeSpec(origins=("work",), targets=("score",)),
            EdgeSpec(origins=("act",), targets=("work",)),
            EdgeSpec(origins=("score",), targets=("expert", "review")),
            EdgeSpec(origins=("expert", "review"), targets=("end",)),
        ),
    )
    assert [(node.agent, node.line) for node in agent.agent_nodes] == [("billing", 10)]


def test_the_keys_of_a_node(define: Define) -> None:
    node = "{type: llm, model: {name: offline, temperature: 0.5}, tools: [refund], retry: 2, timeout_seconds: 5"
    text = SMALL.replace("{type: llm}", f"{node}, on_error: act, on_unavailable: act}}")
    agent, problems = define(text)
    assert not problems
    assert agent is not None
    assert agent.spec.graph is not None
    work = agent.spec.graph.node("work")
    assert work is not None
    assert work.model is not None
    assert (work.model.name, work.model.temperature, work.tools) == ("offline", 0.5, ("refund",))
    assert (work.retry, work.timeout_seconds, work.on_error, work.on_unavailable) == (2, 5, "act", "act")


def test_a_registered_type_takes_config(define: Define) -> None:
    text = SMALL.replace("{type: llm}", "{type: vote, config: {of: 3}}")
    agent, problems = define(text, node_types=("vote",))
    assert not problems
    assert agent is not None
    assert agent.spec.graph is not None
    assert agent.spec.graph.nodes[0].config == {"of": 3}


def test_all_problems_of_a_graph_come_at_once_with_their_places(define: Define) -> None:
    text = """\
type: custom_react_agent
tools: [get_username]
graph:
  start: wrok
  nodes:
    work: {type: lm}
    Act: {type: tools, retry: 1}
    ask: {type: approval}
    asks: {type: approval, message: "{{ nam }}?"}
    end: {type: llm}
    score: {type: function, call: "nodes:scor"}
    plan: {type: llm, tools: [refund], on_error: plan, on_unavailable: nowhere, promt: x}
    other:
      type: llm
      prompt: |
        Hello
        {{ name }}
  edges:
    - {from: work, to: nowhere}
    - {from: end, to: [score, end]}
    - {from: work, to: ask, when: "state.step > 3"}
    - {from: [work, ask], to: end, when: "state.steps > 3"}
    - {from: work, to: end, when: "state.steps > '3'"}
    - {from: work}
    - {from: [work, work], to: end}
"""
    agent, problems = define(text)
    assert agent is None
    assert sorted((problem.line or 0, problem.message.split("; ")[0][:70]) for problem in problems) == [
        (4, "the graph names 'wrok', which is no node of the graph"),
        (6, "the type lm of the node work is unknown"),
        (7, "`retry` has no meaning for a node of the type tools"),
        (7, "the node's name 'Act' cannot be used"),
        (8, "the node ask has no `message`"),
        (9, "the prompt uses the unknown name 'nam'"),
        (10, "the name `end` is reserved: it ends a branch"),
        (11, "nodes.py has no function scor"),
        (12, "the agent does not list the tool refund"),
        (12, "the key `graph.nodes.plan.promt` is unknown"),
        (12, "the node plan names 'nowhere', which is no node of the graph"),
        (12, "the node plan would go to itself"),
        (17, "the prompt uses the unknown name 'name'"),
        (19, "the edge names 'nowhere', which is no node of the graph"),
        (20, "`end` cannot be a branch of a fan-out"),
        (20, "no edge leaves `end`"),
        (21, "The condition 'state.step > 3' uses the unknown field of state 'step'"),
        (22, "a join has no condition"),
        (23, "The condition \"state.steps > '3'\" cannot be evaluated: No such overloa"),
        (24, "`graph.edges[5].to` is missing"),
        (25, "the node work is named twice"),
    ]
    assert all(problem.file == "agent.yaml" for problem in problems)


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("start: work", "start: end", "the graph names `end`, which is no node", "name a node"),
        ("{type: llm}", "llm", "`graph.nodes.work` must be a mapping, not text", "write a mapping"),
        ("{type: llm}", "{}", "`graph.nodes.work.type` is missing", "add `type: …`"),
        (
            "{type: llm}",
            "{type: llm, message: x}",
            "`message` has no meaning for a node of the type llm",
            "it takes pro",
        ),
        ("{type: llm}", "{type: llm, model: {temperature: 1}}", "`graph.nodes.work.model.name` is missing", ""),
        ("{type: llm}", "{type: llm, model: gpt-5}", "the model gpt-5 needs a gateway", "set LITELLM_GATEWAY_URL"),
        ("{type: llm}", "{type: llm, tools: [refund, refund]}", "the tool refund is listed twice", ""),
        ("{type: llm}", "{type: llm, config: {}}", "`config` has no meaning", ""),
        (
            "{type: llm}",
            "{type: function, call: nodes:plain}",
            "plain of nodes.py is a plain def (line 5)",
            "async def",
        ),
        ("{type: llm}", "{type: function, call: nodes:two}", "two of nodes.py does not take one argument", ""),
        (
            "{type: llm}",
            "{type: function, call: more:two}",
            "there is no file more.py in the agent's folder",
            "write more",
        ),
        ("{type: llm}", "{type: function, call: score}", "is not of the form module:function", "nodes:score"),
        ("to: end}", "to: {}}", "`graph.edges[1].to` cannot be used: it is a node's name or a list of them", ""),
        ("to: end}", "to: []}", "`graph.edges[1].to` cannot be used: it names 1 to 32 nodes", ""),
        ("to: end}", "into: end}", "`graph.edges[1].into` is unknown", ""),
        ("state.tool_calls.size() > 0", "state.tool_calls.size()", "gave int, not true or false", ""),
        ("state.tool_calls.size() > 0", "tool_calls.size() > 0", "uses the unknown name 'tool_calls'", ""),
    ],
)
def test_each_mistake_has_its_sentence(old: str, new: str, message: str, remedy: str, define: Define) -> None:
    agent, problems = define(SMALL.replace(old, new))
    assert agent is None
    assert [problem for problem in problems if message in problem.message and remedy in (problem.remedy or "")]
    assert len(problems) <= 2


def test_the_flow_is_checked_only_if_all_names_are_known(define: Define) -> None:
    _, problems = define(SMALL.replace("    - {from: work, to: end}\n", ""))
    assert [problem.message for problem in problems] == [
        "no edge leaves the node work when none of its conditions holds",
        "no way leads from work, act to end: only the limits end such a run",
    ]
    _, problems = define(SMALL.replace("    - {from: work, to: end}\n", "").replace("to: work", "to: wrok"))
    assert [problem.line for problem in problems] == [10]


def test_a_type_and_its_graph_belong_together(define: Define) -> None:
    _, problems = define("type: custom_react_agent\n")
    assert [(problem.line, problem.message) for problem in problems] == [(1, "a custom_react_agent needs a `graph`")]
    _, problems = define(SMALL.replace("custom_", ""))
    assert [(problem.line, problem.message) for problem in problems] == [
        (3, "a react_agent takes no `graph`: its graph is llm <-> tools")
    ]


def test_a_graph_is_part_of_the_version(define: Define) -> None:
    one, _ = define(SMALL)
    other, _ = define(SMALL.replace("size() > 0", "size() >= 1"))
    assert one is not None
    assert other is not None
    assert one.spec.version != other.spec.version


def test_tools_of_mcp_servers_are_known_later(define: Define) -> None:
    text = SMALL.replace("{type: llm}", "{type: llm, tools: [docs__search]}")
    _, problems = define(text)
    assert [problem.message for problem in problems] == ["the agent does not list the tool docs__search"]
    _, problems = define(text.replace("tools: [get_", "mcp_servers: {docs: {url: 'http://localhost/'}}\ntools: [get_"))
    assert not problems


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=3),
    st.dictionaries(st.sampled_from(["type", "from", "to", "when", "plan", "x"]), st.text(max_size=4), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_file_gives_an_agent_or_problems(data: st.DataObject, load_context: LoadContextFactory) -> None:
    content = yaml.safe_load(CONTRACT)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(places(content)[1:]))
        holder = content
        for part in path:
            holder = holder[part]
        if data.draw(st.booleans()):
            holder[last] = data.draw(JUNK)
        else:
            del holder[last]
    types = AgentTypes({"custom_react_agent": GraphDouble}, plugins=tuple)
    agent, problems = define_agent(Document(data=content), load_context(types=types), default_name="support")
    assert (agent is None) is any(problem.severity == "error" for problem in problems)


def test_the_schema_for_editors_knows_graphs() -> None:
    check = jsonschema_rs.validator_for(agent_file_schema())
    content = yaml.safe_load(CONTRACT)
    assert check.is_valid(content)
    for wrong in ({"nodes": {}}, {"edges": []}, {"start": 5}, {"edges": [{"from": "plan", "too": "end"}]}):
        assert not check.is_valid({**content, "graph": {**content["graph"], **wrong}}), wrong


def test_agents_of_a_folder_call_each_other(load_context: LoadContextFactory, folder: Path) -> None:
    """Looked up once all files are read: one whose own file has problems may be meant."""
    for name, called in (("one", "two"), ("two", "one"), ("three", "fuor"), ("four", "one")):
        text = f"""\
type: custom_react_agent
graph:
  start: a
  nodes:
    a: {{type: agent, agent: {called}}}
  edges:
    - {{from: a, to: end}}
"""
        (folder / f"{name}.yaml").write_text(text)
        (folder / f"{name}.yaml").chmod(0o644)
    around_them = load_context(types=AgentTypes({"custom_react_agent": GraphDouble}, plugins=tuple))
    loaded = load_agents(folder, around_them)
    found = {
        (Path(problem.file or "").name, problem.line, problem.column, problem.message) for problem in loaded.errors
    }
    assert found == {
        ("one.yaml", 5, 29, "the agent one contains itself: one -> two -> one"),
        ("two.yaml", 5, 29, "the agent two contains itself: two -> one -> two"),
        ("three.yaml", 5, 29, "the node a names the agent fuor, which is unknown"),
    }
    (folder / "four.yaml").write_text("type: custom_react_agent\nx: 1\n")
    assert not [problem for problem in load_agents(folder, around_them).errors if "fuor" in problem.message]
