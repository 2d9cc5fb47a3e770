"""Routes for the static pages of the package: the start page and the API documentation. They load no other host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
_PAGES = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/docs.js": ("docs.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}


def pages() -> list[BaseRoute]:
    """Return the routes. Each file is read once, when this function is called."""
    return [Route(path, _static(name, media_type), methods=["GET"]) for path, (name, media_type) in _PAGES.items()]


def _static(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = files(__package__).joinpath(name).read_bytes()

    async def static(request: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    return static
