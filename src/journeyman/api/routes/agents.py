"""The agents that this server serves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from journeyman.agents.agent import BaseAgent
from journeyman.agents.graph.drawing import GraphPicture, graph_of, graph_picture, mermaid
from journeyman.agents.spec import ModelSettings
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import content, lists, ref, response_schema
from journeyman.api.paging import page_by_name
from journeyman.api.parameters import Cursor, NamePath, PageSize
from journeyman.api.responses import json_response
from journeyman.api.routes.tools import tool_answer
from journeyman.api.schemas.agents import AgentAnswer, AgentSummary, ModelAnswer, VersionAnswer
from journeyman.errors import NotFoundError
from journeyman.events.codec import rfc3339
from journeyman.runtime.served.reload_report import change_text

_GRAPH = response_schema(GraphPicture)
_GRAPH[200] = {
    "description": "The graph",
    "content": {**content(ref(GraphPicture)), **content({"type": "string"}, "text/plain")},
}


def agent_routes(ports: ApiDependencies) -> APIRouter:
    router = APIRouter(tags=["agents"])

    @router.get("/agents", operation_id="list_agents", summary="The agents", responses=lists(AgentSummary))
    async def list_agents(cursor: Cursor = None, limit: PageSize = 50) -> Response:
        return page_by_name("agents", ports.catalog.agents, cursor, limit, lambda agent: _summary(ports, agent))

    @router.get("/agents/{name}", operation_id="get_agent", summary="One agent", responses=response_schema(AgentAnswer))
    async def get_agent(name: NamePath) -> Response:
        return json_response(_answer(ports, ports.catalog.resolve(name)))

    @router.get("/agents/{name}/graph", operation_id="get_agent_graph", summary="An agent's graph", responses=_GRAPH)
    async def get_graph(name: NamePath, format: Annotated[Literal["json", "mermaid"], Query()] = "json") -> Response:
        graph = graph_of(ports.catalog.resolve(name).spec.shown())
        if graph is None:
            raise NotFoundError(f"Agent {name!r} decides by code: it has no graph.", code="no_graph")
        return PlainTextResponse(mermaid(graph)) if format == "mermaid" else json_response(graph_picture(graph))

    return router


def _is_default(ports: ApiDependencies, agent: BaseAgent) -> bool:
    return agent.name == ports.catalog.default or len(ports.catalog.agents) == 1


def _model(model: ModelSettings) -> ModelAnswer:
    """Without `extra`: what is passed on to the gateway may be secret."""
    return ModelAnswer(model.name, model.temperature, model.max_tokens)


def _summary(ports: ApiDependencies, agent: BaseAgent) -> AgentSummary:
    spec = agent.spec.shown()
    return AgentSummary(
        name=agent.name,
        type=spec.type,
        description=spec.description,
        version=agent.version,
        model=_model(spec.model),
        tools=tuple(tool.name for tool in spec.tools),
        default=_is_default(ports, agent),
    )


def _answer(ports: ApiDependencies, agent: BaseAgent) -> AgentAnswer:
    spec = agent.spec.shown()
    metrics, known = ports.registry.get_metrics(), ports.registry.tools
    return AgentAnswer(
        name=agent.name,
        type=spec.type,
        description=spec.description,
        version=agent.version,
        default=_is_default(ports, agent),
        prompt=spec.prompt,
        model=_model(spec.model),
        tools=tuple(
            tool_answer(tool, metrics, ports.sandbox, known[tool.name].findings if tool.name in known else ())
            for tool in spec.tools
        ),
        limits=msgspec.structs.asdict(spec.limits),
        history=msgspec.structs.asdict(spec.history),
        output=msgspec.structs.asdict(spec.output) if spec.output else None,
        versions=_versions(ports, agent),
        rolled_back=ports.catalog.is_rolled_back(agent.name),
        reload_problems=_reload_problems(ports),
    )


def _versions(ports: ApiDependencies, agent: BaseAgent) -> tuple[VersionAnswer, ...]:
    known = ports.catalog.versions(agent.name)
    return tuple(
        VersionAnswer(each.agent.version, rfc3339(each.since), each.agent.version == agent.version) for each in known
    )


def _reload_problems(ports: ApiDependencies) -> tuple[str, ...]:
    """What kept the files from being served, if the last reload was refused."""
    last = ports.last_reload()
    return () if last is None or last.applied else tuple(map(change_text, last.problems))
