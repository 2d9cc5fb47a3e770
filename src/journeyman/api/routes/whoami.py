"""The route by which a caller learns who it is, and what it may do."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import response_schema
from journeyman.api.responses import json_response
from journeyman.api.schemas.keys import CallerAnswer, caller_answer
from journeyman.api.security.request_context import context_of


def whoami_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /whoami."""
    router = APIRouter(tags=["keys"])

    @router.get("/whoami", operation_id="whoami", summary="The caller", responses=response_schema(CallerAnswer))
    async def whoami(request: Request) -> Response:
        caller = context_of(request.scope).known
        return json_response(caller_answer(caller, dependencies.authenticator is not None, dependencies.version))

    return router
