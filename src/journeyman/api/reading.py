"""The body of an ordinary route."""

from __future__ import annotations

from fastapi import Request

from journeyman.api.body import read_json
from journeyman.api.ports import Limits
from journeyman.api.problems import RequestError
from journeyman.api.visit import visit_of
from journeyman.events.messages import JSON


async def read(request: Request, limits: Limits) -> JSON:
    """The request's JSON. Raises RequestError."""
    return await read_json(visit_of(request.scope).headers, request.receive, limits)


async def merge_patch_of(request: Request, limits: Limits) -> dict[str, JSON]:
    """A JSON Merge Patch (RFC 7396) of an object."""
    patch = await read(request, limits)
    if not isinstance(patch, dict):
        raise RequestError("body: a context is an object, and so is its patch.", path="body")
    return patch
