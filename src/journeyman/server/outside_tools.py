"""Tools that are outside services: registered once for all agents, over one transport."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.agents.definition import LoadedAgent
from journeyman.egress.transport import Transport
from journeyman.errors import Problem, ToolRegistrationError
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.registry import ToolRegistry


def outside(agents: Sequence[LoadedAgent]) -> Transport | None:
    """The way out for tools of `agents`; None if they have none. Opens nothing. A guard goes around it here."""
    if not any(agent.openapi for agent in agents):
        return None
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where a tool needs it

    return AiohttpTransport()


def register_openapi(
    registry: ToolRegistry, agents: Sequence[LoadedAgent], transport: Transport | None
) -> list[Problem]:
    """Register the operations of all agents; one name is one tool in a server, so what contradicts is a problem."""
    problems: list[Problem] = []
    known: dict[str, OpenApiTool] = {}
    for agent in agents:
        for tool in agent.openapi:
            name = tool.spec.name
            if known.get(name) == tool or transport is None:
                continue
            try:
                registry.add(tool.registered(transport))
            except ToolRegistrationError:
                message = f"the tool {name} of the agent {agent.spec.name} is another one elsewhere"
                remedy = "give its entry under `openapi` another key"
                problems.append(Problem(message, str(agent.file) if agent.file else None, remedy=remedy))
            else:
                known[name] = tool
    return problems
