"""The principal's own context, across its threads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import merge_patch_of
from journeyman.api.openapi import accepts, response_schema
from journeyman.api.responses import json_response
from journeyman.api.security.request_context import context_of


def context_routes(ports: ApiDependencies) -> APIRouter:
    router = APIRouter(tags=["context"])

    @router.get("/context", operation_id="get_context", summary="The global context", responses=response_schema())
    async def get_context(request: Request) -> Response:
        return json_response(await ports.threads.global_context(context_of(request.scope).principal))

    @router.patch(
        "/context",
        operation_id="patch_context",
        summary="Change the global context (JSON Merge Patch)",
        responses=response_schema(),
        openapi_extra=accepts(),
    )
    async def patch_context(request: Request) -> Response:
        patch = await merge_patch_of(request, ports.limits)
        return json_response(await ports.threads.patch_global_context(context_of(request.scope).principal, patch))

    return router
