"""The route that shows the settings in force, with secrets masked."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import lists
from journeyman.api.responses import page
from journeyman.api.schemas.settings import SettingAnswer


def settings_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /settings."""
    router = APIRouter(tags=["settings"])

    @router.get(
        "/settings", operation_id="list_settings", summary="The settings in force", responses=lists(SettingAnswer)
    )
    async def list_settings() -> Response:
        return page(list(dependencies.settings()), None)

    return router
