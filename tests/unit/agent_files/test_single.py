from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.agent_types import UnknownAgentTypeError
from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.single import load_agent, load_environment_agent
from journeyman.errors import ConfigurationError

LoadContextFactory = Callable[..., LoadContext]


def test_a_mapping_makes_an_agent(load_context: LoadContextFactory) -> None:
    config = {"type": "react_agent", "prompt": "Test prompt", "tools": []}
    agent = load_agent(config, load_context())
    assert agent.spec.type == "react_agent"
    assert agent.spec.prompt == "Test prompt"


def test_without_a_configuration_the_agent_is_the_plain_one(load_context: LoadContextFactory) -> None:
    agent = load_agent(None, load_context())
    assert (agent.spec.type, agent.spec.name, agent.spec.model.name) == ("react_agent", "agent", "offline")


def test_an_unknown_type_is_a_value_error(load_context: LoadContextFactory) -> None:
    config = {"type": "invalid", "limits": 5, "tools": ["nope"]}
    with pytest.raises(ValueError, match="known types: react_agent") as caught:
        load_agent(config, load_context())
    assert isinstance(caught.value, UnknownAgentTypeError)
    assert len(caught.value.problems) == 3


def test_all_problems_come_in_one_error(load_context: LoadContextFactory) -> None:
    config = {"type": "react_agent", "x": 1, "tools": ["nope"], "prompt": "{{"}
    with pytest.raises(ConfigurationError) as caught:
        load_agent(config, load_context())
    assert len(caught.value.problems) == 3
    assert not isinstance(caught.value, ValueError)


def test_a_path_makes_an_agent(tmp_path: Path, load_context: LoadContextFactory) -> None:
    (tmp_path / "support.yaml").write_text("type: react_agent\n")
    for path in (tmp_path, tmp_path / "support.yaml", str(tmp_path)):
        agent = load_agent(path, load_context())
        assert agent.spec.name == "support"
    (tmp_path / "billing.yaml").write_text("type: react_agent\n")
    with pytest.raises(ConfigurationError, match="several agents"):
        load_agent(tmp_path, load_context())


def test_a_registered_type(load_context: LoadContextFactory) -> None:
    class Mine:
        def decide(self, state: Any) -> tuple[Any, ...]:
            return ()

    context = load_context()
    context.types.register("mine", Mine)
    assert load_agent({"type": "mine"}, context).agent_class is Mine


def test_from_the_environment(load_context: LoadContextFactory) -> None:
    environment = {
        "AGENT_NAME": "support",
        "AGENT_PROMPT": "Help ${WHO}.",
        "WHO": "people",
        "DEFAULT_MODEL": "m",
        "AGENT_TOOLS": " get_username, refund,",
        "LITELLM_GATEWAY_URL": "http://127.0.0.1:4000",
        "AGENT_TYPE": "",
    }
    spec = load_environment_agent(environment, load_context()).spec
    assert (spec.type, spec.name, spec.prompt, spec.model.name) == ("react_agent", "support", "Help people.", "m")
    assert [tool.name for tool in spec.tools] == ["get_username", "refund"]


def test_problems_of_the_environment_name_the_variable(load_context: LoadContextFactory) -> None:
    environment = {"AGENT_NAME": "Not A Name", "AGENT_TYPE": "nope", "DEFAULT_MODEL": "m", "AGENT_TOOLS": "nope"}
    with pytest.raises(UnknownAgentTypeError) as caught:
        load_environment_agent(environment, load_context())
    assert sorted(str(problem.file) for problem in caught.value.problems) == [
        "AGENT_NAME",
        "AGENT_TOOLS",
        "AGENT_TYPE",
        "DEFAULT_MODEL",
    ]


@pytest.mark.parametrize("value", [math.nan, object(), {1: 2}.keys()])
def test_what_is_not_plain_data_is_refused(value: Any, load_context: LoadContextFactory) -> None:
    with pytest.raises(ConfigurationError, match="not plain data"):
        load_agent({"type": "react_agent", "x": value}, load_context())


def test_data_that_holds_itself_is_refused(load_context: LoadContextFactory) -> None:
    config: dict[str, Any] = {"type": "react_agent"}
    config["x"] = config
    with pytest.raises(ConfigurationError, match="not plain data"):
        load_agent(config, load_context())
