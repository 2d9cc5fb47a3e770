"""The parts through which calls leave: models, the connections of tools, the executor."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence

from journeyman.agent_files.definition import LoadedAgent
from journeyman.clock import Clock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import Problem
from journeyman.ids import Ids
from journeyman.journal.journal import Journal
from journeyman.llm.client import ModelClient
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.routing import Models
from journeyman.runtime.recorded_model import recorded_replies
from journeyman.settings import Settings
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.executor import Executor
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry

_TOOL_CONNECTIONS = 1024  # of all services together: each has its own bound


def executor_of(
    settings: Settings,
    registry: ToolRegistry,
    workers: WorkerPool,
    clock: Clock,
    ids: Ids,
    cache: ToolCache | None,
    http: HttpClient,
) -> Executor:
    bounds = settings.timeout_seconds, settings.max_retries
    return Executor(registry, workers, clock, random.Random(), ids, *bounds, cache, http)


def transport_of(public_only: bool) -> Transport:
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - as below, only where a tool asks
    from journeyman.egress.public_only import system_resolve  # noqa: PLC0415 - the same

    return AiohttpTransport(_TOOL_CONNECTIONS, resolve=system_resolve if public_only else None)


def models_behind(settings: Settings, services: Services, journal: Journal, clock: Clock) -> Models:
    async def replay(run_id: str) -> ModelClient:
        return await recorded_replies(journal, run_id)

    return Models(gateway_of(settings, services, clock), replay=replay, clock=clock)


def gateway_of(settings: Settings, services: Services, clock: Clock) -> Gateway | None:
    url = settings.litellm_gateway_url
    if url is None:
        return None
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where a gateway is set

    key = settings.litellm_gateway_api_key
    destination = services.gateway(url)
    return Gateway(
        AiohttpTransport(destination.guard.policy.max_connections),
        url,
        key.get_secret_value() if key else None,
        guard=destination.guard,
        timeouts=destination.timeouts,
        clock=clock,
    )


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
