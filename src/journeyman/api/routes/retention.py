"""Route that erases old threads on demand."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, read_route_body
from journeyman.api.openapi import accepts, response_schema
from journeyman.api.problems import RequestError
from journeyman.api.responses import json_response
from journeyman.api.schemas.keys import Pruned, PruneRequest
from journeyman.runtime.retention import Keep

_ONE_BOUND = [{"required": [name], "properties": {name: {"type": "number"}}} for name in PruneRequest.__struct_fields__]


def retention_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the route /retention/prune."""
    router = APIRouter(tags=["retention"])

    @router.post(
        "/retention/prune",
        operation_id="prune",
        summary="Erase threads beyond an age, a count or a size, the longest untouched first",
        responses=response_schema(Pruned),
        openapi_extra=accepts(PruneRequest, anyOf=_ONE_BOUND),
    )
    async def prune(request: Request) -> Response:
        asked = convert(await read_route_body(request, dependencies.limits), PruneRequest)
        keep = Keep.of(asked.days, asked.threads, asked.megabytes)
        if keep.all:
            raise RequestError("`body` must set at least one of `days`, `threads` and `megabytes`.", path="body")
        erased, left = await dependencies.prune(keep)
        return json_response(Pruned(erased, left.threads, left.bytes))

    return router
