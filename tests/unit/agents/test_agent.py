"""What every agent type shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import Action
from journeyman.agents.spec import AgentSpec, ModelSettings, Output
from journeyman.agents.toolset import Toolset
from journeyman.errors import ConfigurationError
from journeyman.events.events import Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import user
from journeyman.tools.spec import ToolSpec

LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object"})


class Silent(BaseAgent):
    def decide(self, state: AgentState) -> tuple[Action, ...]:
        return ()


def agent(**changes: Any) -> Silent:
    spec = AgentSpec(type="silent", name="quiet", model=ModelSettings(name="m", temperature=0.5), **changes)
    return Silent(spec, Toolset([LOOK], lambda name, arguments: {}), lambda state: f"Steps: {state.model_calls}")


def test_a_request_holds_prompt_messages_tools_and_settings() -> None:
    first_no, request = agent(output=Output(schema={"type": "object"})).request(
        AgentState(messages=(user("hi"),)), "Be brief."
    )
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be brief."), ("user", "hi")]
    assert (first_no, request.model, request.temperature) == (1, "m", 0.5)
    assert ([tool.name for tool in request.tools], request.response_schema) == (["look"], {"type": "object"})


def test_an_empty_prompt_is_no_message() -> None:
    _, request = agent().request(AgentState(messages=(user("hi"),)), "")
    assert [message.role for message in request.messages] == ["user"]


def test_a_nodes_request_renders_the_prompt_anew() -> None:
    _, request = agent().node_request(Path("", "plan"), AgentState(model_calls=3, messages=(user("hi"),)))
    assert request.messages[0].text == "Steps: 3"


def test_a_type_without_nodes_has_no_code_for_one() -> None:
    with pytest.raises(ConfigurationError, match="plan"):
        agent().node_work(Path("", "plan"))


class Runner:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed = False

    async def run(self, agent: BaseAgent, text: str, thread_id: str | None, context: Any) -> str:
        self.texts.append(text)
        return "done"

    async def stream(self, agent: BaseAgent, text: str, thread_id: str | None, context: Any) -> AsyncIterator[str]:
        yield text

    async def aclose(self) -> None:
        self.closed = True


async def test_an_agent_runs_where_it_was_bound_to_and_closes_that() -> None:
    runner, bound = Runner(), agent()
    bound.bind(runner)
    assert (await bound.run("hi"), runner.texts) == ("done", ["hi"])
    assert [frame async for frame in bound.stream("more")] == ["more"]
    await bound.aclose()
    assert runner.closed


async def test_an_agent_without_a_runtime_says_so_and_closes() -> None:
    with pytest.raises(ConfigurationError, match="no runtime"):
        await agent().run("hi")
    await agent().aclose()
