"""LazyEndpoint: a route whose code is imported with its first request, so that a server without it pays nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman.api.dependencies import ApiDependencies


class LazyEndpoint:
    """The ASGI application that `module.name` makes of the dependencies."""

    def __init__(self, module: str, name: str, dependencies: ApiDependencies) -> None:
        self._module = module
        self._name = name
        self._dependencies = dependencies
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            make: Callable[[ApiDependencies], ASGIApp] = getattr(import_module(self._module), self._name)
            self._app = make(self._dependencies)
        await self._app(scope, receive, send)
