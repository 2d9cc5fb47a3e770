"""Route of the metrics, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import content, problems


def metrics_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /metrics."""
    router = APIRouter(tags=["health"])
    text = {
        "description": "Prometheus text, or OpenMetrics if `Accept` asks for it",
        "content": content({"type": "string"}, "text/plain"),
    }

    @router.get("/metrics", operation_id="metrics", summary="Metrics", responses={200: text, **problems()})
    async def scrape(request: Request) -> Response:
        body, content_type = await dependencies.metrics(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return router
