"""Building an agent from its definition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.assembly import assemble, direct_agent
from journeyman.agents.policy_merge import strictest_spec
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings, Output
from journeyman.errors import ToolError, ToolNotFoundError
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.tools.spec import LiveTools, StoredTool, ToolSpec
from tests.harness.fickle_server import FickleServer


@dataclass
class ToolDouble:
    """Accepts amounts up to `most`; an agent's spec narrows it by `x-most` in its parameters."""

    spec: ToolSpec
    most: int = 100
    server: LiveTools | None = None

    def check_arguments(self, raw: Any) -> dict[str, JSON]:
        if raw["amount"] > self.most:
            raise ToolError(f"at most {self.most}", code="invalid_arguments")
        return dict(raw)

    def narrowed(self, spec: ToolSpec) -> ToolDouble:
        return ToolDouble(spec, min(self.most, spec.parameters.get("x-most", self.most)))


def tool(name: str = "pay", most: int | None = None, **changes: Any) -> ToolSpec:
    parameters = {"type": "object"} | ({"x-most": most} if most is not None else {})
    flat = {"name": name, "description": "", "parameters": parameters, "code_hash": "now"} | changes
    return StoredTool(**flat).spec()


def spec(*tools: ToolSpec, **changes: Any) -> AgentSpec:
    return AgentSpec(**{"type": "react_agent", "name": "a", "model": ModelSettings(name="m"), "tools": tools} | changes)


def test_the_prompt_is_rendered_from_the_state() -> None:
    agent = assemble(spec(prompt="I am {{ agent.name }}, you {{ context.thread.who }}."), ReactAgent, {})
    assert agent.prompt(AgentState(thread_context={"who": "Ann"})) == "I am a, you Ann."


def test_a_stored_definition_runs_todays_code() -> None:
    stored = tool(code_hash="then")
    agent = assemble(spec(stored), ReactAgent, {"pay": ToolDouble(tool())})
    current = agent.tools.get("pay")
    assert current is not None
    assert current.code_hash == "now"
    assert agent.spec.tools == (stored,)


def test_a_tool_that_is_gone_is_not_there() -> None:
    agent = assemble(spec(tool(), tool("gone")), ReactAgent, {"pay": ToolDouble(tool())})
    assert agent.tools.get("gone") is None
    with pytest.raises(ToolNotFoundError):
        agent.tools.check("gone", {})


def test_arguments_are_checked_as_the_agent_narrowed_them() -> None:
    agent = assemble(spec(tool(most=10)), ReactAgent, {"pay": ToolDouble(tool())})
    assert agent.tools.check("pay", {"amount": 10}) == {"amount": 10}
    with pytest.raises(ToolError):
        agent.tools.check("pay", {"amount": 11})


def test_conditions_are_compiled() -> None:
    guarded = tool(approval="args.amount > 5")
    agent = assemble(spec(guarded), ReactAgent, {"pay": ToolDouble(tool())})
    assert agent.tools.needs_approval(guarded, {"amount": 6}, AgentState())
    assert not agent.tools.needs_approval(guarded, {"amount": 5}, AgentState())
    assert agent.tools.needs_approval(guarded, {}, AgentState())


def test_a_script_is_found_beside_the_agent() -> None:
    agent = assemble(spec(model=ModelSettings(name="script:turns.yaml")), ReactAgent, {}, Path("/agents"))
    assert agent.model == "script:/agents/turns.yaml"
    assert agent.spec.model.name == "script:turns.yaml"


def test_a_declared_output_is_checked_and_sent() -> None:
    typed = assemble(spec(output=Output(schema={"type": "integer"})), ReactAgent, {})
    assert typed.request(AgentState(), "")[1].response_schema == {"type": "integer"}


def test_a_lone_call_has_the_strictest_policy_and_every_agents_limits() -> None:
    listed = [tool(most=50, effects="none", approval="args.amount > 9"), tool(most=20, effects="idempotent")]
    agent = direct_agent("pay", listed, {"pay": ToolDouble(tool(effects="none"))})
    found = agent.tools.get("pay")
    assert found is not None
    assert (found.policy.effects, found.policy.approval.when) == ("idempotent", "args.amount > 9")
    assert agent.tools.check("pay", {"amount": 20}) == {"amount": 20}
    with pytest.raises(ToolError):
        agent.tools.check("pay", {"amount": 21})
    assert direct_agent("nope", [], {}).tools.get("nope") is None


@pytest.mark.parametrize(
    ("approvals", "strict"),
    [
        (("never", "never"), "never"),
        (("never", "always", "args.x"), "always"),
        (("args.x", "never", "args.y", "args.x"), "(args.x) || (args.y)"),
    ],
)
def test_the_strictest_approval(approvals: tuple[str, ...], strict: str) -> None:
    found = strictest_spec([tool(approval=approval) for approval in approvals])
    assert found.policy.approval.when == strict


def test_the_strictest_of_the_rest() -> None:
    found = strictest_spec(
        [tool(effects="none", on_unknown="tell"), tool(effects="once", on_unknown="ask"), tool(isolation="process")]
    )
    policy = found.policy
    assert (policy.effects, policy.on_unknown, policy.isolation) == ("once", "ask", "process")


def test_the_hash_stays_while_the_server_of_a_tool_was_not_reached() -> None:
    stored = spec(tool(code_hash="v1"))
    placeholder = ToolDouble(tool(code_hash=""), server=FickleServer())
    listed = ToolDouble(tool(code_hash="v2"), server=FickleServer())
    for here, expected in ((placeholder, "v1"), (listed, "v2")):
        found = assemble(stored, ReactAgent, {"pay": here}).tools.get("pay")
        assert found is not None
        assert found.code_hash == expected
