from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from journeyman.agent_files.assembly import assemble
from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.file_model import agent_file_schema
from journeyman.agent_files.yaml_reader import read_document
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, Limits, OnReached
from journeyman.events.fold import AgentState
from tests.harness.agent_texts import define, defined

LoadContextFactory = Callable[..., LoadContext]


FULL = """
type: react_agent
name: support
description: Answers account questions
prompt: |
  You help {{ context.thread.name | default("the customer") }}.
model: {name: gpt-5-mini, temperature: 0.5, max_tokens: 100, timeout_seconds: 10, extra: {seed: 1}}
tools:
  - get_username
  - name: refund
    description: Refund an order
    arguments: {order_id: {type: string}, amount: {type: number, maximum: 100}}
    required: [order_id, amount]
    effects: once
    approval: "args.amount > 50"
    timeout_seconds: 10
    isolation: process
    on_unknown: ask
limits: {steps: 5, tool_calls: 6, seconds: 7, tokens: 800, cost_usd: 0.5}
history: {max_messages: 20, max_tokens: 6000, when_full: summarize}
output: {schema: {type: object}, retries: 1}
"""


def test_every_key_of_this_release(load_context: LoadContextFactory) -> None:
    agent = defined(FULL, load_context(gateway_configured=True))
    spec = agent.spec
    assert (spec.type, spec.name, spec.description) == ("react_agent", "support", "Answers account questions")
    assert (spec.model.name, spec.model.temperature, spec.model.extra) == ("gpt-5-mini", 0.5, {"seed": 1})
    assert [tool.name for tool in spec.tools] == ["get_username", "refund"]
    refund = spec.tools[1]
    assert (refund.description, refund.policy.timeout_seconds) == ("Refund an order", 10)
    assert (refund.policy.isolation, refund.policy.approval.when) == ("process", "args.amount > 50")
    assert refund.parameters["required"] == ["order_id", "amount"]
    assert (spec.limits.steps, spec.limits.seconds, spec.limits.cost_usd) == (5, 7, 0.5)
    assert (spec.history.max_messages, spec.history.max_tokens) == (20, 6000)
    assert spec.output is not None
    assert spec.output.schema == {"type": "object"}
    assert spec.encode() == defined(FULL, load_context(gateway_configured=True)).spec.encode()


def test_the_system_prompt_of_a_run(load_context: LoadContextFactory) -> None:
    agent = defined(
        "type: react_agent\nprompt: '{{ agent.name }} {{ agent.model }} {{ context.thread.x }}'", load_context()
    )
    assert assemble(agent.spec, ReactAgent, {}).prompt(AgentState(thread_context={"x": 1})) == "support offline 1"


def test_a_file_of_one_line_is_enough(load_context: LoadContextFactory) -> None:
    spec = defined("type: react_agent", load_context()).spec
    assert (spec.name, spec.model.name, spec.tools, spec.limits.steps, spec.limits.repeats) == (
        "support", "offline", (), 25, 10,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "limits"),
    [
        ("{}", Limits(tokens=1_000_000, repeats=10, on_reached=OnReached())),
        ("{tokens: null}", Limits(tokens=None, repeats=10, on_reached=OnReached())),
        (
            "{repeats: 0, on_reached: {steps: stop, cost_usd: answer}}",
            Limits(tokens=1_000_000, on_reached=OnReached(steps="stop", cost_usd="answer")),
        ),
    ],
)
def test_limits_are_stored_with_what_happens_at_them(
    entry: str, limits: Limits, load_context: LoadContextFactory
) -> None:
    spec = defined(f"type: react_agent\nlimits: {entry}", load_context()).spec
    assert spec.limits == limits
    assert AgentSpec.decode(spec.encode(), {}).limits == limits


def test_the_schema_for_editors_accepts_what_loads() -> None:
    schema: Any = agent_file_schema()
    json.dumps(schema)
    check = jsonschema_rs.validator_for(schema)
    document, _ = read_document(FULL.encode(), "agent.yaml")
    assert document is not None
    assert check.is_valid(document.data)
    assert check.is_valid({"type": "react_agent", "model": "m", "tools": ["a", {"name": "b"}]})
    assert not check.is_valid({"type": "react_agent", "tool": []})
    assert not check.is_valid({"type": "react_agent", "model": {"nam": "x"}})


def test_every_key_of_the_schema_has_a_description() -> None:
    def undescribed(part: Any, path: str) -> list[str]:
        if isinstance(part, list):
            return [name for one in part for name in undescribed(one, path)]
        if not isinstance(part, dict):
            return []
        keys = part.get("properties") or {}
        bare = [f"{path}.{name}" for name, one in keys.items() if not one.get("description")]
        return bare + [name for key, one in part.items() for name in undescribed(one, f"{path}.{key}")]

    assert undescribed(agent_file_schema(), "") == []


def test_a_prompt_with_the_time_of_day_is_a_warning_at_its_line(load_context: LoadContextFactory) -> None:
    text = "type: react_agent\nmodel: offline\nprompt: |\n  You are kind.\n  It is {{ now }}.\n"
    agent, problems = define(text, load_context())
    assert agent is not None
    assert [(problem.severity, problem.line) for problem in problems] == [("warning", 5)]
    assert "changes within a day" in problems[0].message
    assert define(text.replace("now", "now.date()"), load_context())[1] == []
