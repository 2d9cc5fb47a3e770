"""The route of the overview: figures of this process over time, without the name of any principal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import response_schema
from journeyman.api.responses import json_response
from journeyman.api.schemas.overview import OverviewAnswer
from journeyman.api.security.request_context import context_of
from journeyman.errors import NotFoundError

MOST_BUDGETS = 200  # that are listed
Hours = Annotated[float, Query(gt=0, le=24, description="How far back")]
Points = Annotated[int, Query(ge=1, le=720, description="The largest number of spans")]


def overview_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /overview."""
    router = APIRouter(tags=["overview"])

    @router.get(
        "/overview",
        operation_id="overview",
        summary="Figures over time: runs, errors, tokens, cost, latency, queues",
        responses=response_schema(OverviewAnswer),
    )
    async def overview(request: Request, hours: Hours = 1.0, points: Points = 120) -> Response:
        kept = dependencies.figures
        if kept is None:
            raise NotFoundError("This server keeps no figures over time.")
        is_admin = context_of(request.scope).known.may("admin")
        budgets = dependencies.budgets(MOST_BUDGETS) if is_admin else None
        answer = OverviewAnswer(
            history=kept.series(hours, points),
            now=dict(kept.read().gauges),
            budgets=None if budgets is None else {name: dict(used) for name, used in budgets.items()},
        )
        return json_response(answer)

    return router
