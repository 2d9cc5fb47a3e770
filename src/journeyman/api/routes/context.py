"""Routes of the global context: a principal's own, shared by its threads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import merge_patch_of
from journeyman.api.openapi import accepts, response_schema
from journeyman.api.responses import json_response
from journeyman.api.security.request_context import request_principal


def context_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /context."""
    router = APIRouter(tags=["context"])

    @router.get("/context", operation_id="get_context", summary="The global context", responses=response_schema())
    async def get_context(request: Request) -> Response:
        return json_response(await dependencies.threads.global_context(request_principal(request)))

    @router.patch(
        "/context",
        operation_id="patch_context",
        summary="Change the global context (JSON Merge Patch)",
        responses=response_schema(),
        openapi_extra=accepts(),
    )
    async def patch_context(request: Request) -> Response:
        patch = await merge_patch_of(request, dependencies.limits)
        return json_response(await dependencies.threads.patch_global_context(request_principal(request), patch))

    return router
