from __future__ import annotations

from collections.abc import Callable

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.model_entries import resolve_model
from tests.harness.agent_texts import define, defined


@pytest.mark.parametrize(
    ("named", "default", "gateway", "offline", "model"),
    [
        ("m", None, True, False, "m"),
        ("m", "d", True, False, "m"),
        (None, "d", True, False, "d"),
        (None, None, False, False, "offline"),
        ("", "", False, False, "offline"),
        ("offline", "d", True, False, "offline"),
        ("script:turns.yaml", None, False, False, "script:turns.yaml"),
        ("replay:r1", None, True, False, "replay:r1"),
        ("m", None, False, True, "offline"),
        ("m", None, True, True, "offline"),
        (None, "d", False, True, "offline"),
        (None, None, True, True, "offline"),
        ("script:turns.yaml", "d", True, True, "script:turns.yaml"),
    ],
)
def test_the_model_that_is_used(
    named: str | None, default: str | None, gateway: bool, offline: bool, model: str
) -> None:
    assert resolve_model(named, default, gateway, offline) == model


@pytest.mark.parametrize(
    ("named", "default", "gateway", "message"),
    [
        ("m", None, False, "the model m needs a gateway: set LITELLM_GATEWAY_URL, or start with serve --offline"),
        (None, "d", False, r"from DEFAULT_MODEL\) needs a gateway"),
        (None, None, True, "set DEFAULT_MODEL"),
        ("", "", True, "set DEFAULT_MODEL"),
    ],
)
def test_the_start_is_refused(named: str | None, default: str | None, gateway: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_model(named, default, gateway, False)


LoadContextFactory = Callable[..., LoadContext]


def test_the_default_model_and_offline(load_context: LoadContextFactory) -> None:
    assert defined("type: react_agent", load_context(default_model="m", gateway_configured=True)).spec.model.name == "m"
    agent = defined("type: react_agent\nmodel: {name: m, temperature: 1}", load_context(offline=True))
    assert (agent.spec.model.name, agent.spec.model.temperature) == ("offline", 1)
    _, problems = define("type: react_agent", load_context(gateway_configured=True))
    assert "no model is named" in problems[0].message


def test_fallbacks_are_models_of_the_gateway(load_context: LoadContextFactory) -> None:
    agent, problems = define(
        "type: react_agent\nmodel: {name: big, fallbacks: [small, offline, big]}\n",
        load_context(gateway_configured=True),
    )
    assert agent is None
    assert [problem.message for problem in problems] == [
        "offline is no model of the gateway",
        "the model big is named twice",
    ]
