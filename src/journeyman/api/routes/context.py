"""The principal's own context, across its threads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import Ports
from journeyman.api.json_body import merge_patch_of
from journeyman.api.openapi import accepts, answers
from journeyman.api.responses import reply
from journeyman.api.security.request_context import visit_of


def context(ports: Ports) -> APIRouter:
    router = APIRouter(tags=["context"])

    @router.get("/context", operation_id="get_context", summary="The global context", responses=answers())
    async def get_context(request: Request) -> Response:
        return reply(await ports.threads.global_context(visit_of(request.scope).principal))

    @router.patch(
        "/context",
        operation_id="patch_context",
        summary="Change the global context (JSON Merge Patch)",
        responses=answers(),
        openapi_extra=accepts(),
    )
    async def patch_context(request: Request) -> Response:
        patch = await merge_patch_of(request, ports.limits)
        return reply(await ports.threads.patch_global_context(visit_of(request.scope).principal, patch))

    return router
