"""Routes that show the inner state of the process. They exist only with `DEBUG`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import DebugPagesPort
from journeyman.api.openapi import response_schema
from journeyman.api.responses import json_response


def debug_routes(pages: DebugPagesPort) -> APIRouter:
    """Return the routes under /debug."""
    router = APIRouter(tags=["debug"], prefix="/debug")

    @router.get(
        "/state", operation_id="debug_state", summary="Runs, queues, caches, settings", responses=response_schema()
    )
    async def state() -> Response:
        return json_response(pages.state())

    @router.get("/services", operation_id="debug_services", summary="Every guard", responses=response_schema())
    async def services() -> Response:
        return json_response(pages.services())

    @router.get("/tasks", operation_id="debug_tasks", summary="Every task", responses=response_schema())
    async def tasks() -> Response:
        return json_response(pages.tasks())

    return router
