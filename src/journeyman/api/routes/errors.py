"""Route of failed runs in groups, which shows where to look first."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.openapi import lists
from journeyman.api.parameters import PageSize
from journeyman.api.responses import page
from journeyman.api.schemas.runs import ErrorGroup
from journeyman.api.security.request_context import request_principal
from journeyman.events.codec import rfc3339
from journeyman.journal.journal import FailureRow


def error_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /errors."""
    router = APIRouter(tags=["runs"])

    @router.get("/errors", operation_id="list_errors", summary="Failed runs in groups", responses=lists(ErrorGroup))
    async def list_errors(request: Request, limit: PageSize = 50) -> Response:
        groups = await dependencies.runs.failures(request_principal(request), limit)
        return page([error_group(row, message) for row, message in groups], None)

    return router


def error_group(row: FailureRow, message: str) -> ErrorGroup:
    """Describe one group. `message` is that of its latest run."""
    return ErrorGroup(
        fingerprint=error_fingerprint(row.agent, row.code),
        code=row.code,
        agent=row.agent,
        message=message,
        count=row.count,
        first_at=rfc3339(row.first_at),
        last_at=rfc3339(row.last_at),
        latest_run=row.latest_run,
        error_id=row.error_id,
    )


def error_fingerprint(agent: str | None, code: str) -> str:
    """Return the id of a group: the same for one agent and error code in every process and release."""
    return hashlib.sha256(f"{agent or ''}\n{code}".encode()).hexdigest()[:16]
