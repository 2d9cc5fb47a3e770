from __future__ import annotations

from collections.abc import Callable

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.model_entries import resolve_model
from journeyman.agents.spec import ModelSettings
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


@pytest.mark.parametrize(
    ("named", "default", "model"), [("m", None, "m"), (None, "d", "d"), (None, None, "offline"), ("", "", "offline")]
)
def test_the_openai_variables_count_where_a_model_is_named(named: str | None, default: str | None, model: str) -> None:
    assert resolve_model(named, default, False, False, openai=True) == model
    assert resolve_model(named, default, False, True, openai=True) == "offline"


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


def test_models_and_fallbacks_of_named_gateways(load_context: LoadContextFactory) -> None:
    text = """type: react_agent
model:
  name: big
  gateway: azure
  fallbacks: [small, {name: big, gateway: other}, {name: big, gateway: default}]
"""
    agent = defined(text, load_context(gateway_configured=True))
    model = agent.spec.model
    assert (model.gateway, model.fallbacks) == ("azure", ("small", "big", "big"))
    assert model.fallback_gateways == ("azure", "other", "")
    assert [(use.gateway, use.line) for use in agent.gateway_uses] == [("azure", 4), ("other", 5)]
    plain = defined("type: react_agent\nmodel: {name: big, fallbacks: [small]}", load_context(gateway_configured=True))
    assert plain.spec.model == ModelSettings(name="big", fallbacks=("small",))


def test_a_named_gateway_needs_no_gateway_of_the_settings(load_context: LoadContextFactory) -> None:
    assert defined("type: react_agent\nmodel: {name: big, gateway: azure}", load_context()).spec.model.name == "big"
    offline = defined("type: react_agent\nmodel: {name: big, gateway: azure}", load_context(offline=True)).spec.model
    assert (offline.name, offline.gateway) == ("offline", "")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("{name: offline, gateway: azure}", "offline is no model of a gateway"),
        ("{name: big, gateway: default}", "the model big needs a gateway"),
        ("{name: big, gateway: azure, fallbacks: [big]}", "the model big is named twice"),
        (
            "{name: big, gateway: azure, fallbacks: [{name: small, gateway: default}]}",
            "the model small needs a gateway",
        ),
        ("{name: big, gateway: azure, fallbacks: [7]}", "`model.fallbacks[0]` must be a name or a mapping with `name`"),
        (
            "{name: big, gateway: azure, fallbacks: [{name: a, gate: b}]}",
            "the key `model.fallbacks[0].gate` is unknown",
        ),
    ],
)
def test_a_gateway_that_does_not_fit_is_reported(load_context: LoadContextFactory, model: str, message: str) -> None:
    agent, problems = define(f"type: react_agent\nmodel: {model}\n", load_context())
    assert agent is None
    assert [problem.message.partition(", not")[0] for problem in problems] == [message]


def test_the_api_of_a_model(load_context: LoadContextFactory) -> None:
    text = "type: react_agent\nmodel: {name: m, api: responses}"
    assert defined(text, load_context(gateway_configured=True)).spec.model.api == "responses"
    assert defined("type: react_agent\nmodel: m", load_context(gateway_configured=True)).spec.model.api == "auto"
    _, problems = define("type: react_agent\nmodel: {name: m, api: soap}", load_context(gateway_configured=True))
    assert [problem.line for problem in problems] == [2]
