"""build_app: assembles routes, middleware and error handlers to one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus
from importlib import import_module
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman.api import openapi
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.middleware.authentication import AuthenticationMiddleware, guard
from journeyman.api.middleware.edge import EdgeMiddleware
from journeyman.api.problems import answer_problem
from journeyman.api.protocols.lazy_endpoint import LazyEndpoint
from journeyman.api.responses import json_response
from journeyman.api.routes import events, execute_tool, process, websocket
from journeyman.api.routes.agents import agent_routes
from journeyman.api.routes.approvals import approval_routes
from journeyman.api.routes.context import context_routes
from journeyman.api.routes.debug import debug_routes
from journeyman.api.routes.errors import error_routes
from journeyman.api.routes.files import file_routes
from journeyman.api.routes.health import health_routes
from journeyman.api.routes.keys import key_routes
from journeyman.api.routes.metrics import metrics_routes
from journeyman.api.routes.overview import overview_routes
from journeyman.api.routes.reload import reload_routes
from journeyman.api.routes.retention import retention_routes
from journeyman.api.routes.runs import run_routes
from journeyman.api.routes.settings import settings_routes
from journeyman.api.routes.threads import thread_routes
from journeyman.api.routes.tools import tool_routes
from journeyman.api.routes.whoami import whoami_routes
from journeyman.api.security.request_context import context_of
from journeyman.errors import BaseError

Lifespan = Callable[[Any], Any]
OPERATIONS = {
    process.PATH: {"post": process.OPERATION},
    execute_tool.PATH: {"post": execute_tool.OPERATION},
    events.PATH: {"get": events.OPERATION},
}
_PROTOCOLS = "journeyman.api.protocols"
_CHAT_PATH = "/v1/chat/completions"
OPENAI_ROUTES = (  # method, path, module, and what of it makes the endpoint
    ("POST", _CHAT_PATH, "openai_chat", "ChatCompletions"),
    ("GET", "/v1/models", "openai_models", "list_models"),
    ("GET", "/v1/models/{model}", "openai_models", "get_model"),
)
_CORS_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-On-Behalf-Of",
    "X-Request-Id",
    "traceparent",
)
_CORS_EXPOSED = ("X-Request-Id", "X-Run-Id", "X-Thread-Id", "Retry-After")


def build_app(dependencies: ApiDependencies, *, lifespan: Lifespan | None = None) -> ASGIApp:
    """Build the ASGI application. `lifespan` is called with the inner FastAPI application."""
    app = FastAPI(
        title=openapi.TITLE,
        version=dependencies.version,
        openapi_url=None,
        root_path=dependencies.root_path,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    authentication = AuthenticationMiddleware(dependencies.authenticator, dependencies.rate_limiter)
    _add_routes(app, dependencies, authentication)
    guard(app.router.routes, authentication)
    _add_error_handlers(app, dependencies)
    if dependencies.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=tuple(dependencies.cors_origins),
            allow_methods=("GET", "POST", "PATCH", "DELETE"),
            allow_headers=_CORS_HEADERS,
            expose_headers=_CORS_EXPOSED,
        )
    templates = {route.endpoint: route.path for route in app.router.routes if isinstance(route, Route)}
    return EdgeMiddleware(_Shortcut(app), dependencies, templates)


_HOT = (process.PATH, execute_tool.PATH, _CHAT_PATH)


class _Shortcut:
    """Calls the most used routes directly, without FastAPI around them, which was half of a request's cost.

    Requests of browsers (with `Origin`) go through FastAPI all the same, since they need CORS; so do all other paths.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        routes = [route for route in app.router.routes if isinstance(route, Route)]
        self._hot = {route.path: route for route in routes if route.path in _HOT}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hot = self._hot.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if hot is None or b"origin" in context_of(scope).headers:
            await self._app(scope, receive, send)
        else:
            scope["route"] = hot
            await hot.app(scope, receive, send)


def _add_routes(app: FastAPI, dependencies: ApiDependencies, authentication: AuthenticationMiddleware) -> None:
    """Add all routes, the most used first: routes are tried in order."""
    app.router.routes += [
        Route(process.PATH, process.Process(dependencies), methods=["POST"]),
        Route(execute_tool.PATH, execute_tool.ExecuteTool(dependencies), methods=["POST"]),
        Route(events.PATH, events.Events(dependencies), methods=["GET"]),
        WebSocketRoute(websocket.PATH, websocket.WebSocketEndpoint(dependencies, authentication)),
        *_openai_routes(dependencies),
        *dependencies.pages,
    ]
    for router in (
        agent_routes,
        reload_routes,
        tool_routes,
        thread_routes,
        run_routes,
        file_routes,
        context_routes,
        approval_routes,
        error_routes,
        retention_routes,
        key_routes,
        whoami_routes,
        overview_routes,
        settings_routes,
        health_routes,
        metrics_routes,
    ):
        app.router.routes += router(
            dependencies
        ).routes  # not `include_router`, which copies routes: authentication wraps these
    if dependencies.debug is not None:
        app.router.routes += debug_routes(dependencies.debug).routes

    @cache
    def document() -> dict[str, Any]:
        openai = import_module(f"{_PROTOCOLS}.openai_operations")
        return openapi.document(app, dependencies.version, {**OPERATIONS, **openai.OPERATIONS}, openai.MODELS)

    async def openapi_json(request: Request) -> Response:
        return json_response(document())

    app.router.routes.append(Route("/openapi.json", openapi_json, methods=["GET"]))


def _openai_routes(dependencies: ApiDependencies) -> list[Route]:
    """Return the routes of the OpenAI protocol, whose code is imported when a client uses them."""
    return [
        Route(path, LazyEndpoint(f"{_PROTOCOLS}.{module}", name, dependencies), methods=[method])
        for method, path, module, name in OPENAI_ROUTES
    ]


def _allowed(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """Return the methods of this path for an Allow header: each of them has a separate route.

    A path that is a route itself, such as `/runs/cancel`, does not have those of `/runs/{run_id}`.
    """
    found = [route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    found = [route for route in found if route.path == scope["path"]] or found
    return ", ".join(sorted(set[str]().union(*(route.methods or () for route in found))))


def _add_error_handlers(app: FastAPI, dependencies: ApiDependencies) -> None:
    async def on_error(request: Request, exc: Exception) -> Response:
        if isinstance(exc, HTTPException) and exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            exc = HTTPException(exc.status_code, headers={"Allow": _allowed(app.router.routes, request.scope)})
        return answer_problem(exc, context_of(request.scope), dependencies.ids, dependencies.mask)

    async def pass_on(request: Request, exc: Exception) -> Response:
        raise exc  # to the edge middleware, which logs and answers; Starlette would answer in plain text

    app.add_exception_handler(Exception, pass_on)
    for kind in (BaseError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, on_error)
