"""Routes of the agents that this server runs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from journeyman.agents.agent import BaseAgent
from journeyman.agents.graph.drawing import GraphPicture, graph_of, graph_picture, mermaid
from journeyman.agents.spec import Limits, ModelSettings
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import content, lists, ref, response_schema
from journeyman.api.paging import page_by_name
from journeyman.api.parameters import Cursor, NamePath, PageSize, VersionName
from journeyman.api.responses import json_response
from journeyman.api.routes.tools import tool_answer
from journeyman.api.schemas.agents import AgentAnswer, AgentSummary, ModelAnswer, VersionAnswer
from journeyman.errors import NotFoundError
from journeyman.events.codec import rfc3339
from journeyman.events.messages import JSON
from journeyman.runtime.served.reload_report import problem_text

_GRAPH = response_schema(GraphPicture)
_GRAPH[200] = {
    "description": "The graph",
    "content": {**content(ref(GraphPicture)), **content({"type": "string"}, "text/plain")},
}


def agent_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /agents."""
    router = APIRouter(tags=["agents"])
    registry = dependencies.agent_registry

    @router.get("/agents", operation_id="list_agents", summary="The agents", responses=lists(AgentSummary))
    async def list_agents(cursor: Cursor = None, limit: PageSize = 50) -> Response:
        return page_by_name("agents", registry.agents, cursor, limit, lambda agent: _summary(dependencies, agent))

    @router.get("/agents/{name}", operation_id="get_agent", summary="One agent", responses=response_schema(AgentAnswer))
    async def get_agent(name: NamePath, version: VersionName = None) -> Response:
        if version is None:
            return json_response(_answer(dependencies, registry.resolve(name)))
        agent = await dependencies.agent_version(name, version)
        return json_response(_answer(dependencies, agent))

    @router.get("/agents/{name}/graph", operation_id="get_agent_graph", summary="An agent's graph", responses=_GRAPH)
    async def get_graph(name: NamePath, format: Annotated[Literal["json", "mermaid"], Query()] = "json") -> Response:
        graph = graph_of(registry.resolve(name).spec.shown())
        if graph is None:
            raise NotFoundError(f"Agent {name!r} has no graph: its decisions are code.", code="no_graph")
        return PlainTextResponse(mermaid(graph)) if format == "mermaid" else json_response(graph_picture(graph))

    return router


def _is_default(dependencies: ApiDependencies, agent: BaseAgent) -> bool:
    registry = dependencies.agent_registry
    return agent.name == registry.default or len(registry.agents) == 1


def _model(model: ModelSettings) -> ModelAnswer:
    """Describe the model without `extra`, whose values are passed to the gateway and may be secret."""
    return ModelAnswer(model.name, model.gateway or None, model.temperature, model.max_tokens)


def _summary(dependencies: ApiDependencies, agent: BaseAgent) -> AgentSummary:
    spec = agent.spec.shown()
    return AgentSummary(
        name=agent.name,
        type=spec.type,
        description=spec.description,
        version=agent.version,
        model=_model(spec.model),
        tools=tuple(tool.name for tool in spec.tools),
        default=_is_default(dependencies, agent),
    )


def _answer(dependencies: ApiDependencies, agent: BaseAgent) -> AgentAnswer:
    spec = agent.spec.shown()
    metrics, known = dependencies.tool_registry.get_metrics(), dependencies.tool_registry.tools
    return AgentAnswer(
        name=agent.name,
        type=spec.type,
        description=spec.description,
        version=agent.version,
        default=_is_default(dependencies, agent),
        prompt=spec.prompt,
        model=_model(spec.model),
        tools=tuple(
            tool_answer(tool, metrics, dependencies.sandbox, known[tool.name].findings if tool.name in known else ())
            for tool in spec.tools
        ),
        limits=_limits(spec.limits),
        history=msgspec.structs.asdict(spec.history),
        output=msgspec.structs.asdict(spec.output) if spec.output else None,
        versions=_versions(dependencies, agent),
        rolled_back=dependencies.agent_registry.is_rolled_back(agent.name),
        reload_problems=_reload_problems(dependencies),
        problems=tuple(dependencies.tool_problems(agent.name)),
    )


def _limits(limits: Limits) -> dict[str, JSON]:
    """Return the limits by name. `on_reached` is None for a definition that 0.1 stored."""
    on_reached = limits.on_reached and msgspec.structs.asdict(limits.on_reached)
    return {**msgspec.structs.asdict(limits), "on_reached": on_reached}


def _versions(dependencies: ApiDependencies, agent: BaseAgent) -> tuple[VersionAnswer, ...]:
    known = dependencies.agent_registry.versions(agent.name)
    return tuple(
        VersionAnswer(each.agent.version, rfc3339(each.since), each.agent.version == agent.version) for each in known
    )


def _reload_problems(dependencies: ApiDependencies) -> tuple[str, ...]:
    """Return the problems of the last reload, if it was rejected because of them."""
    last = dependencies.last_reload()
    return () if last is None or last.applied else tuple(map(problem_text, last.problems))
