"""Routes that reload the files of agents and tools, and roll an agent back to an earlier version."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, parse, read_body
from journeyman.api.openapi import accepts, response_schema
from journeyman.api.parameters import NamePath
from journeyman.api.responses import json_response
from journeyman.api.schemas.agents import ChangeAnswer, ReloadAnswer, RollbackRequest
from journeyman.api.security.request_context import context_of
from journeyman.events.codec import rfc3339
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport, problem_text


def reload_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes /reload and /agents/{name}/rollback."""
    router = APIRouter(tags=["agents"])

    @router.post(
        "/reload",
        operation_id="reload",
        summary="Check the files of agents and tools anew, and serve what they say if nothing is wrong with them",
        responses=response_schema(ReloadAnswer),
    )
    async def reload_files() -> Response:
        return json_response(_answer(await dependencies.reload()))

    @router.post(
        "/agents/{name}/rollback",
        operation_id="roll_back_agent",
        summary="Let new runs begin with an earlier version of the agent",
        responses=response_schema(ChangeAnswer),
        openapi_extra=accepts(RollbackRequest),
    )
    async def roll_back(request: Request, name: NamePath) -> Response:
        raw = await read_body(context_of(request.scope), request.receive, dependencies.limits)
        asked = convert(parse(raw, dependencies.limits), RollbackRequest) if raw else RollbackRequest()
        return json_response(_change(await dependencies.roll_back(name, asked.version)))

    return router


def _answer(reloaded: ReloadReport) -> ReloadAnswer:
    return ReloadAnswer(
        applied=reloaded.applied,
        at=rfc3339(reloaded.at),
        changes=tuple(map(_change, reloaded.changes)),
        problems=tuple(map(problem_text, reloaded.problems)),
    )


def _change(change: AgentChange) -> ChangeAnswer:
    return ChangeAnswer(change.agent, change.version or None, change.before or None)
