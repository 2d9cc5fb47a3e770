"""Route of the open approvals: what waits for a human."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import lists
from journeyman.api.paging import cut
from journeyman.api.parameters import Cursor, PageSize
from journeyman.api.responses import approval_answer, page
from journeyman.api.schemas.runs import ApprovalAnswer
from journeyman.api.security.request_context import context_of


def approval_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /approvals."""
    router = APIRouter(tags=["approvals"])

    @router.get("/approvals", operation_id="list_approvals", summary="Open approvals", responses=lists(ApprovalAnswer))
    async def list_approvals(request: Request, cursor: Cursor = None, limit: PageSize = 50) -> Response:
        place = cursors.text_place("approvals", cursor)
        caller = context_of(request.scope).known
        principal = None if caller.may("approve:any") else caller.principal
        rows = await dependencies.runs.approvals(principal, place, limit + 1)
        shown, following = cut(rows, limit, "approvals", lambda row: row.id)
        return page([approval_answer(row) for row in shown], following)

    return router
