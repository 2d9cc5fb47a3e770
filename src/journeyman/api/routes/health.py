"""Probes: is the process alive, and may it be given work."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import content, ref, response_schema
from journeyman.api.responses import json_response
from journeyman.api.schemas.runs import Health


def health_routes(ports: ApiDependencies) -> APIRouter:
    router = APIRouter(tags=["health"])
    readiness = response_schema(Health)
    readiness[503] = {"description": "Not ready, and why", "content": content(ref(Health))}

    @router.get("/livez", operation_id="livez", summary="Alive", responses=response_schema(Health))
    async def livez() -> Response:
        return json_response(Health("alive"))

    @router.get("/readyz", operation_id="readyz", summary="Ready for work", responses=readiness)
    async def readyz() -> Response:
        reasons = dict(ports.ready())
        return (
            json_response(Health("unready", reasons), 503)
            if reasons
            else json_response(Health("ready", {}, dict(ports.details())))
        )

    return router
