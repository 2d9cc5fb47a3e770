"""How the process stands inside; there only with `DEBUG`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import DebugPages
from journeyman.api.openapi import answers
from journeyman.api.responses import reply


def debug(pages: DebugPages) -> APIRouter:
    router = APIRouter(tags=["debug"], prefix="/debug")

    @router.get("/state", operation_id="debug_state", summary="Runs, queues, caches, settings", responses=answers())
    async def state() -> Response:
        return reply(pages.state())

    @router.get("/services", operation_id="debug_services", summary="Every guard", responses=answers())
    async def services() -> Response:
        return reply(pages.services())

    @router.get("/tasks", operation_id="debug_tasks", summary="Every task", responses=answers())
    async def tasks() -> Response:
        return reply(pages.tasks())

    return router
