"""Probes: is the process alive, and may it be given work."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import Ports
from journeyman.api.openapi import answers, content, ref
from journeyman.api.responses import reply
from journeyman.api.schemas.runs import Health


def health(ports: Ports) -> APIRouter:
    router = APIRouter(tags=["health"])
    readiness = answers(Health)
    readiness[503] = {"description": "Not ready, and why", "content": content(ref(Health))}

    @router.get("/livez", operation_id="livez", summary="Alive", responses=answers(Health))
    async def livez() -> Response:
        return reply(Health("alive"))

    @router.get("/readyz", operation_id="readyz", summary="Ready for work", responses=readiness)
    async def readyz() -> Response:
        reasons = dict(ports.ready())
        return reply(Health("unready", reasons), 503) if reasons else reply(Health("ready", {}, dict(ports.details())))

    return router
