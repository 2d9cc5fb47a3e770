"""Probes: whether the process is alive, and whether it is ready for work."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import content, ref, response_schema
from journeyman.api.responses import json_response
from journeyman.api.schemas.runs import Health

PROBES = ("/livez", "/readyz")


def health_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes /livez and /readyz."""
    router = APIRouter(tags=["health"])
    readiness = response_schema(Health)
    readiness[503] = {"description": "Not ready, with the reasons", "content": content(ref(Health))}

    @router.head(PROBES[0], include_in_schema=False)
    @router.get(PROBES[0], operation_id="livez", summary="Alive", responses=response_schema(Health))
    async def livez() -> Response:
        return json_response(Health("alive"))

    @router.head(PROBES[1], include_in_schema=False)
    @router.get(PROBES[1], operation_id="readyz", summary="Ready for work", responses=readiness)
    async def readyz() -> Response:
        reasons = dict(dependencies.not_ready())
        return (
            json_response(Health("unready", reasons), 503)
            if reasons
            else json_response(Health("ready", {}, dict(dependencies.details())))
        )

    return router
