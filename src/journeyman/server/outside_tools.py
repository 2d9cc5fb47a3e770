"""Tools that are outside services: registered once for all agents, over one transport."""

from __future__ import annotations

from collections.abc import Container, Sequence

from journeyman.agents.definition import LoadedAgent
from journeyman.clock import Clock
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import Problem
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.registry import ToolRegistry


def outside(agents: Sequence[LoadedAgent]) -> Transport | None:
    """The way out for tools of `agents`; None if they have none. Opens nothing: each call passes its origin's guard."""
    if not any(agent.openapi for agent in agents):
        return None
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where a tool needs it

    return AiohttpTransport()


def openapi_tools(
    agents: Sequence[LoadedAgent], taken: Container[str]
) -> tuple[tuple[OpenApiTool, ...], list[Problem]]:
    """The operations of all agents; one name is one tool in a server, so what contradicts is a problem. Pure."""
    problems: list[Problem] = []
    known: dict[str, OpenApiTool] = {}
    for agent in agents:
        for tool in agent.openapi:
            name = tool.spec.name
            if name not in taken and known.setdefault(name, tool) == tool:
                continue
            message = f"the tool {name} of the agent {agent.spec.name} is another one elsewhere"
            remedy = "give its entry under `openapi` another key"
            problems.append(Problem(message, str(agent.file) if agent.file else None, remedy=remedy))
    return tuple(known.values()), problems


def register(
    registry: ToolRegistry, tools: Sequence[OpenApiTool], transport: Transport | None, services: Services, clock: Clock
) -> None:
    """Have these operations called through `transport`, behind the guards of `services`."""
    if transport is not None:
        for tool in tools:
            registry.add(tool.registered(transport, services, clock))
