"""Routes of API keys. A key is shown only once, in the answer to the request that created it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, read_route_body
from journeyman.api.openapi import IDEMPOTENT, accepts, lists, response_schema
from journeyman.api.paging import cut
from journeyman.api.parameters import Cursor, NamePath, PageSize
from journeyman.api.requests import key_of
from journeyman.api.responses import json_response, page
from journeyman.api.schemas.keys import (
    LIMITS_OF_DELEGATE,
    CreateKey,
    KeyAnswer,
    MadeKey,
    RotateKey,
    key_answer,
    made_key,
)
from journeyman.api.security.request_context import context_of
from journeyman.auth.api_keys import ApiKeys, NewKey
from journeyman.errors import ForbiddenError, NotFoundError
from journeyman.events.messages import JSON
from journeyman.journal.journal import IdempotencyClaim
from journeyman.runtime.use_cases.idempotency import idempotency_claim


def key_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /keys."""
    router = APIRouter(tags=["keys"])
    _add_list(router, dependencies)
    _add_changes(router, dependencies)
    return router


def _add_list(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get("/keys", operation_id="list_keys", summary="The API keys", responses=lists(KeyAnswer))
    async def list_keys(request: Request, cursor: Cursor = None, limit: PageSize = 50) -> Response:
        after = cursors.text_place("keys", cursor) or ""
        rows = [row for row in await _keys(dependencies).list() if row.id > after]
        shown, following = cut(rows[: limit + 1], limit, "keys", lambda row: row.id)
        return page([key_answer(row, dependencies.clock.now()) for row in shown], following)


def _add_changes(router: APIRouter, dependencies: ApiDependencies) -> None:
    made = response_schema(MadeKey, status=201, text="The new key. `key` is shown only this once")

    @router.post(
        "/keys",
        operation_id="create_key",
        summary="Make a key",
        status_code=201,
        responses=made,
        openapi_extra={**accepts(CreateKey, **LIMITS_OF_DELEGATE), **IDEMPOTENT},
    )
    async def create_key(request: Request) -> Response:
        raw = await read_route_body(request, dependencies.limits)
        body = convert(raw, CreateKey)
        new = await _keys_to_change(dependencies).create(
            body.name,
            body.scopes,
            principal=body.principal,
            ttl_seconds=body.expires_in_seconds,
            limits=body.limits,
            claim=_claim(request, "/keys", raw, dependencies),
        )
        return json_response(_made(new, dependencies), 201)

    @router.post(
        "/keys/{key_id}/rotate",
        operation_id="rotate_key",
        summary="A new key in the place of this one",
        status_code=201,
        responses=made,
        openapi_extra={**accepts(RotateKey), **IDEMPOTENT},
    )
    async def rotate_key(request: Request, key_id: NamePath) -> Response:
        raw = await read_route_body(request, dependencies.limits)
        claim = _claim(request, f"/keys/{key_id}/rotate", raw, dependencies)
        new = await _keys_to_change(dependencies).rotate(key_id, convert(raw, RotateKey).grace_seconds, claim)
        return json_response(_made(new, dependencies), 201)

    @router.post(
        "/keys/{key_id}/revoke",
        operation_id="revoke_key",
        summary="End a key now",
        responses=response_schema(KeyAnswer),
        openapi_extra=IDEMPOTENT,
    )
    async def revoke_key(request: Request, key_id: NamePath) -> Response:
        claim = _claim(request, f"/keys/{key_id}/revoke", None, dependencies)
        return json_response(
            key_answer(await _keys_to_change(dependencies).revoke(key_id, claim), dependencies.clock.now())
        )


def _claim(request: Request, route: str, body: JSON, dependencies: ApiDependencies) -> IdempotencyClaim | None:
    context = context_of(request.scope)
    return idempotency_claim(context.principal, key_of(context, route, body), dependencies.clock.now())


def _keys_to_change(dependencies: ApiDependencies) -> ApiKeys:
    """Return the keys. Raises ForbiddenError (`auth_off`): a key that is made while everybody on this machine may
    make one would be valid later, when not everybody may."""
    if dependencies.keys is not None and dependencies.authenticator is None:
        raise ForbiddenError(
            "With AUTH_MODE=off no keys are made or changed over HTTP. Stop the server, use `journeyman keys`, which "
            "then works on the journal file, and start the server with AUTH_MODE=required.",
            code="auth_off",
        )
    return _keys(dependencies)


def _keys(dependencies: ApiDependencies) -> ApiKeys:
    if dependencies.keys is None:
        raise NotFoundError("This server has no API keys.")
    return dependencies.keys


def _made(new: NewKey, dependencies: ApiDependencies) -> MadeKey:
    return made_key(new.row, new.secret, dependencies.clock.now())
