from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.agent_types import UnknownAgentTypeError
from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.single import AgentBuilder
from journeyman.errors import ConfigurationError

LoadContextFactory = Callable[..., LoadContext]


async def test_a_mapping_makes_an_agent(load_context: LoadContextFactory) -> None:
    config = {"type": "react_agent", "prompt": "Test prompt", "tools": []}
    agent = await AgentBuilder(config, surroundings=load_context()).create_agent()
    assert agent.type == "react_agent"
    assert agent.spec.prompt == "Test prompt"


async def test_without_a_configuration_the_agent_is_the_plain_one(load_context: LoadContextFactory) -> None:
    agent = await AgentBuilder(surroundings=load_context()).create_agent()
    assert (agent.spec.type, agent.spec.name, agent.spec.model.name) == ("react_agent", "agent", "offline")


async def test_an_unknown_type_is_a_value_error(load_context: LoadContextFactory) -> None:
    factory = AgentBuilder({"type": "invalid", "limits": 5, "tools": ["nope"]}, surroundings=load_context())
    with pytest.raises(ValueError, match="known types: react_agent") as caught:
        await factory.create_agent()
    assert isinstance(caught.value, UnknownAgentTypeError)
    assert len(caught.value.problems) == 3


async def test_all_problems_come_in_one_error(load_context: LoadContextFactory) -> None:
    factory = AgentBuilder(
        {"type": "react_agent", "x": 1, "tools": ["nope"], "prompt": "{{"}, surroundings=load_context()
    )
    with pytest.raises(ConfigurationError) as caught:
        await factory.create_agent()
    assert len(caught.value.problems) == 3
    assert not isinstance(caught.value, ValueError)


async def test_a_path_makes_an_agent(tmp_path: Path, load_context: LoadContextFactory) -> None:
    (tmp_path / "support.yaml").write_text("type: react_agent\n")
    for path in (tmp_path, tmp_path / "support.yaml", str(tmp_path)):
        agent = await AgentBuilder(path, surroundings=load_context()).create_agent()
        assert agent.spec.name == "support"
    (tmp_path / "billing.yaml").write_text("type: react_agent\n")
    with pytest.raises(ConfigurationError, match="several agents"):
        await AgentBuilder(tmp_path, surroundings=load_context()).create_agent()


async def test_a_type_of_ones_own(load_context: LoadContextFactory) -> None:
    class Mine:
        def __init__(self, spec: Any) -> None:
            self.type = spec.type

        def decide(self, state: Any) -> tuple[Any, ...]:
            return ()

    factory = AgentBuilder({"type": "mine"}, surroundings=load_context())
    factory.register_type("mine", Mine)
    assert (await factory.create_agent()).type == "mine"


async def test_from_the_environment(load_context: LoadContextFactory) -> None:
    environment = {
        "AGENT_NAME": "support",
        "AGENT_PROMPT": "Help ${WHO}.",
        "WHO": "people",
        "DEFAULT_MODEL": "m",
        "AGENT_TOOLS": " get_username, refund,",
        "LITELLM_GATEWAY_URL": "http://127.0.0.1:4000",
        "AGENT_TYPE": "",
    }
    spec = (await AgentBuilder.from_environment(environment, surroundings=load_context()).create_agent()).spec
    assert (spec.type, spec.name, spec.prompt, spec.model.name) == ("react_agent", "support", "Help people.", "m")
    assert [tool.name for tool in spec.tools] == ["get_username", "refund"]


async def test_problems_of_the_environment_name_the_variable(load_context: LoadContextFactory) -> None:
    environment = {"AGENT_NAME": "Not A Name", "AGENT_TYPE": "nope", "DEFAULT_MODEL": "m", "AGENT_TOOLS": "nope"}
    with pytest.raises(UnknownAgentTypeError) as caught:
        await AgentBuilder.from_environment(environment, surroundings=load_context()).create_agent()
    assert sorted(str(problem.file) for problem in caught.value.problems) == [
        "AGENT_NAME",
        "AGENT_TOOLS",
        "AGENT_TYPE",
        "DEFAULT_MODEL",
    ]


@pytest.mark.parametrize("value", [math.nan, object(), {1: 2}.keys()])
async def test_what_is_not_plain_data_is_refused(value: Any, load_context: LoadContextFactory) -> None:
    with pytest.raises(ConfigurationError, match="not plain data"):
        await AgentBuilder({"type": "react_agent", "x": value}, surroundings=load_context()).create_agent()


async def test_data_that_holds_itself_is_refused(load_context: LoadContextFactory) -> None:
    config: dict[str, Any] = {"type": "react_agent"}
    config["x"] = config
    with pytest.raises(ConfigurationError, match="not plain data"):
        await AgentBuilder(config, surroundings=load_context()).create_agent()
