from __future__ import annotations

from collections.abc import Callable

import pytest

from journeyman.agent_files.definition import LoadContext
from tests.harness.agent_texts import define, defined

LoadContextFactory = Callable[..., LoadContext]


def test_references_become_values_that_are_secret(load_context: LoadContextFactory) -> None:
    text = """\
type: react_agent
description: "${COLOUR:-blue} $${COLOUR}"
model: {name: "${MODEL}", max_tokens: "${TOKENS}", extra: {api_key: "${KEY}"}}
"""
    environment = {"MODEL": "gpt-5", "TOKENS": "100", "KEY": "sk-123456789012345678", "COLOUR": ""}
    agent = defined(text, load_context(environment=environment, gateway_configured=True))
    assert agent.spec.description == "blue ${COLOUR}"
    assert (agent.spec.model.name, agent.spec.model.max_tokens) == ("gpt-5", 100)
    assert agent.secrets == {"gpt-5", "100", "sk-123456789012345678"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: ${NOPE}", "the environment variable NOPE is not set"),
        ("description: ${EMPTY}", "the environment variable EMPTY is not set"),
        ("description: 'a ${1x} b'", "does not begin a reference"),
        ("description: 'a ${ABC'", "does not begin a reference"),
        ("limits: {steps: '${SECRET}'}", "must be a whole number"),
        ("limits:\n  steps: ${SECRET}", "must be a whole number"),
        ("tools: ['${SECRET}']", "the tool ${SECRET} is unknown"),
        ("tools: [{name: '${SECRET}'}]", "the tool ${SECRET} is unknown"),
        ("model: ${SECRET}", "the model ${SECRET} needs a gateway"),
        ("name: ${SECRET}!", "characters that are not allowed"),
        ("tools: [{name: refund, approval: '${SECRET} >'}]", "*** >"),
    ],
)
def test_the_value_of_a_reference_is_in_no_problem(text: str, message: str, load_context: LoadContextFactory) -> None:
    environment = {"SECRET": "hunter2-hunter2", "EMPTY": ""}
    _, problems = define(f"type: react_agent\n{text}\n", load_context(environment=environment))
    assert message in problems[0].message
    assert "hunter2" not in "".join(map(str, problems))
    assert problems[0].line in (2, 3)
