"""The clients of outside services that the settings ask for."""

from __future__ import annotations

import random

import msgspec

from journeyman.agent_files.definition import LoadedAgent
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.journal.memory import MemoryJournal
from journeyman.server.outbound import models_behind, openapi_tools, outside
from journeyman.settings import Settings
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.openapi.tool import openapi_tool
from tests.harness.openapi_documents import ID, document, read

SETTINGS = Settings.read(env_file=None)


def services() -> Services:
    return Services(clock=ManualClock(), rng=random.Random(1))


def test_without_an_address_there_is_no_gateway() -> None:
    assert SETTINGS.gateway is None
    models_behind(SETTINGS, services(), MemoryJournal(), ManualClock())


def tool(name: str, source: str) -> OpenApiTool:
    reading = read(document({"parameters": [ID]}))
    made = openapi_tool("shop", reading, "https://shop.example", (), source)
    return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, name=name))


def agent(*tools: OpenApiTool) -> LoadedAgent:
    spec = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"))
    return LoadedAgent(spec=spec, agent_class=ReactAgent, openapi=tools)


def test_agents_without_openapi_need_no_transport() -> None:
    assert outside([agent()]) is None
    assert openapi_tools([agent()], ()) == ((), [])


def test_one_name_means_one_tool() -> None:
    one, other = tool("look", "a.yaml"), tool("look", "b.yaml")
    assert openapi_tools([agent(one), agent(one)], ()) == ((one,), [])
    kept, problems = openapi_tools([agent(one), agent(other)], ())
    assert (kept, len(problems)) == ((one,), 1)
    assert "'look'" in problems[0].message
    _, problems = openapi_tools([agent(one)], {"look"})
    assert len(problems) == 1
