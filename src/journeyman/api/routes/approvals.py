"""Routes of approvals: what waits for a human, and what has become of an answer."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import lists, response_schema
from journeyman.api.paging import cut
from journeyman.api.parameters import ApprovalPath, Cursor, PageSize, WaitSeconds
from journeyman.api.responses import (
    answered_approval_answer,
    approval_answer,
    json_response,
    outcome_answer,
    page,
    partial_page,
)
from journeyman.api.schemas.runs import ApprovalAnswer, OutcomeAnswer
from journeyman.api.security.request_context import context_of
from journeyman.auth.principal import Caller

Status = Annotated[
    Literal["open", "answered", "expired", "closed", "ended"],
    Query(description="`open`, or the newest first: `answered`, `expired`, `closed` with the run, `ended`: all three"),
]


def approval_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /approvals."""
    router = APIRouter(tags=["approvals"])

    @router.get(
        "/approvals",
        operation_id="list_approvals",
        summary="Open approvals, or those that were answered",
        responses=lists(ApprovalAnswer, partial=True),
    )
    async def list_approvals(
        request: Request, status: Status = "open", cursor: Cursor = None, limit: PageSize = 50
    ) -> Response:
        caller = context_of(request.scope).known
        if status != "open":
            return await _history(dependencies, caller, status, cursor, limit)
        place = cursors.text_place("approvals", cursor)
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


async def _history(
    dependencies: ApiDependencies,
    caller: Caller,
    status: Literal["answered", "expired", "closed", "ended"],
    cursor: str | None,
    limit: int,
) -> Response:
    """Answer with approvals that are no longer open, the newest first."""
    before = cursors.text_place("approvals", cursor)
    rows, stopped_at = await dependencies.approval_history.list(
        caller.principal,
        None if status == "ended" else status,
        before,
        limit + 1,
        anyone=caller.may("approve:any"),
    )
    shown, following = cut(rows, limit, "approvals", lambda row: row.approval.id)
    items = [answered_approval_answer(row) for row in shown]
    if following is None and stopped_at is not None:
        return partial_page(items, cursors.encode_cursor("approvals", stopped_at))
    return page(items, following)
