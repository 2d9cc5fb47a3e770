from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from journeyman.api.middleware.authentication import AuthenticationMiddleware, guard
from journeyman.api.security import scopes as access
from journeyman.api.websocket_messages import Command
from journeyman.auth.principal import SCOPES
from tests.harness.asgi_client import error_of, request
from tests.harness.secured_api import GUARDED, SecuredApp, filled


def routes_of(app: Any) -> set[tuple[str, str]]:
    inner = app._app._app
    found = set()
    for route in inner.router.routes:
        methods = {"WS"} if isinstance(route, WebSocketRoute) else route.methods - {"HEAD"}
        found |= {(method, route.path) for method in methods}
    return found


def test_the_table_and_the_application_name_the_same_routes(secured: SecuredApp) -> None:
    assert routes_of(secured.app) == set(access.ROUTES)
    assert set(access.ROUTES.values()) <= {*SCOPES, access.ANY, access.OPEN, access.SOCKET}


def test_an_unlisted_route_keeps_the_application_from_being_built() -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...

    for route in (Route("/new", nothing), WebSocketRoute("/new", nothing), Mount("/new", nothing)):
        with pytest.raises(LookupError):
            guard([route], AuthenticationMiddleware(None))
    with pytest.raises(LookupError, match="different scopes"):
        guard([Route("/threads", nothing, methods=["GET", "POST"])], AuthenticationMiddleware(None))


async def test_each_route_needs_its_scope_and_no_other(secured: SecuredApp) -> None:
    for method, path, scope in GUARDED:
        for other in SCOPES:
            answer = await request(secured.app, method, filled(path), json={}, headers=secured.bearer(other))
            if other in (scope, "admin") or (scope, other) == ("approve", "approve:any"):
                assert answer.status not in (401, 403), (path, other, answer.text)
            else:
                assert (answer.status, error_of(answer)[0]) == (403, "missing_scope"), (path, other)
                assert f"`{scope}`" in error_of(answer)[1]


def test_every_command_has_its_scope() -> None:
    tags = {command.__struct_config__.tag for command in get_args(Command)}
    assert tags == set(access.COMMANDS)
    assert set(access.COMMANDS.values()) <= set(SCOPES)


def test_the_page_shows_the_tables_as_they_are() -> None:
    from tests.harness.source_tree import page

    text = page("reference/security.md")
    for scope, may in SCOPES.items():
        assert f"| `{scope}` | {may} |" in text
    shown = dict(re.findall(r"^\| `((?:GET|POST|PATCH|DELETE|WS) [^`]+)` \| `?([a-z:]+)`? \|$", text, re.M))
    assert shown == {f"{method} {path}": scope for (method, path), scope in access.ROUTES.items()}
