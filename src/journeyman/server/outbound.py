"""Outgoing calls: builds the model clients, the HTTP transports, the executor and the OpenAPI tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial

from journeyman.agent_files.definition import LoadedAgent
from journeyman.clock import Clock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import Problem
from journeyman.ids import Ids
from journeyman.journal.journal import Journal
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.gateway_spec import GatewaySpec
from journeyman.llm.gateway.gateways import Gateways
from journeyman.llm.gateway.reply_bytes import ReplyBytes
from journeyman.llm.routing import Models, TurnedModel
from journeyman.runtime.recorded_model import recorded_replies
from journeyman.runtime.tool_outputs import ToolOutputs
from journeyman.settings import Settings
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.call_bounds import CallBounds
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
    outputs: ToolOutputs,
) -> Executor:
    """Return the executor of tools."""
    bounds = CallBounds(
        patches=settings.call_patches,
        patch_bytes=settings.call_patch_bytes,
        log_lines=settings.call_log_lines,
        reports=settings.call_progress_reports,
    )
    return Executor(
        registry,
        workers,
        clock,
        random.Random(),
        ids,
        settings.timeout_seconds,
        settings.max_retries,
        cache,
        http,
        outputs.keep,
        bounds,
        settings.tool_wait_seconds,
    )


def transport_of(public_only: bool) -> Transport:
    """Return an HTTP transport; with `public_only`, one that reaches public addresses only."""
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - as below, only where a tool asks
    from journeyman.egress.public_only import system_resolve  # noqa: PLC0415 - the same

    return AiohttpTransport(_TOOL_CONNECTIONS, resolve=system_resolve if public_only else None)


def models_behind(
    settings: Settings, services: Services, journal: Journal, clock: Clock, named: Iterable[GatewaySpec] = ()
) -> Models:
    """Return the model client: by name a gateway, the offline model, a script or a replay.

    `named` are the gateways of agent files.
    """

    async def replay(run_id: str) -> TurnedModel:
        return await recorded_replies(journal, run_id)

    def reply_bytes() -> ReplyBytes:
        return ReplyBytes(clock, settings.gateway_reply_bytes, lambda: journal.stats().get("unwritten_bytes", 0))

    gateways = Gateways(partial(_gateway, services, clock, reply_bytes), settings.gateway)
    gateways.renew(named)
    return Models(gateways=gateways, replay=replay, clock=clock)


def _gateway(
    services: Services,
    clock: Clock,
    reply_bytes: Callable[[], ReplyBytes],
    spec: GatewaySpec,
    others: Mapping[str, Gateway],
) -> Gateway:
    """Return the client of a gateway. `others` are all clients by name."""
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where a gateway is set

    destination = services.gateway(spec.url, spec.name)
    return Gateway(
        AiohttpTransport(destination.guard.policy.max_connections),
        spec.url,
        spec.key,
        guard=destination.guard,
        timeouts=destination.timeouts,
        clock=clock,
        name=spec.name,
        header=spec.header,
        query=spec.query,
        setting_names=spec.setting_names,
        others=others,
        reply_bytes=reply_bytes(),
    )


def outside(agents: Sequence[LoadedAgent]) -> Transport | None:
    """Return the transport for the OpenAPI tools of `agents`. None: they have none. Nothing is opened yet."""
    if not any(agent.openapi for agent in agents):
        return None
    from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where a tool needs it

    return AiohttpTransport()


def openapi_tools(
    agents: Sequence[LoadedAgent], taken: Container[str]
) -> tuple[tuple[OpenApiTool, ...], list[Problem]]:
    """Return the OpenAPI tools of all agents, and a problem for each name that means two different tools. Pure."""
    problems: list[Problem] = []
    known: dict[str, OpenApiTool] = {}
    for agent in agents:
        for tool in agent.openapi:
            name = tool.spec.name
            if name not in taken and known.setdefault(name, tool) == tool:
                continue
            message = f"agent {agent.spec.name!r} defines the tool {name!r}, but another agent defines it differently"
            remedy = "rename the entry under `openapi:`"
            problems.append(Problem(message, str(agent.file) if agent.file else None, remedy=remedy))
    return tuple(known.values()), problems


def register(
    registry: ToolRegistry, tools: Sequence[OpenApiTool], transport: Transport | None, services: Services, clock: Clock
) -> None:
    """Register these tools; their calls go through `transport`, behind the guards of `services`."""
    if transport is not None:
        for tool in tools:
            registry.add(tool.registered(transport, services, clock))
