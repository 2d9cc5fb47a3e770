"""Routes of approvals: what waits for a human, and what has become of an answer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import lists, response_schema
from journeyman.api.paging import cut
from journeyman.api.parameters import ApprovalPath, Cursor, PageSize, WaitSeconds
from journeyman.api.responses import approval_answer, json_response, outcome_answer, page
from journeyman.api.schemas.runs import ApprovalAnswer, OutcomeAnswer
from journeyman.api.security.request_context import context_of


def approval_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /approvals."""
    router = APIRouter(tags=["approvals"])

    @router.get("/approvals", operation_id="list_approvals", summary="Open approvals", responses=lists(ApprovalAnswer))
    async def list_approvals(request: Request, cursor: Cursor = None, limit: PageSize = 50) -> Response:
        place = cursors.text_place("approvals", cursor)
        caller = context_of(request.scope).known
        principal = None if caller.may("approve:any") else caller.principal
        rows = await dependencies.runs.approvals(principal, place, limit + 1)
        shown, following = cut(rows, limit, "approvals", lambda row: row.id)
        return page([approval_answer(row) for row in shown], following)

    @router.get(
        "/approvals/{approval_id}",
        operation_id="get_approval",
        summary="What has become of an approval",
        responses=response_schema(OutcomeAnswer),
    )
    async def get_approval(request: Request, approval_id: ApprovalPath, wait: WaitSeconds = 0.0) -> Response:
        caller = context_of(request.scope).known
        anyone = caller.may("approve:any")
        outcome = await dependencies.runs.outcome(caller.principal, approval_id, anyone=anyone, seconds=wait)
        return json_response(outcome_answer(outcome))

    return router
