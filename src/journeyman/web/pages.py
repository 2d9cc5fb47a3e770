"""Routes for the page and the API documentation. They load no other host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from journeyman.web.page_files import PageFiles

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
_HASHED = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
_STATIC = {
    "/docs.js": ("docs.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}
_Endpoint = Callable[[Request], Awaitable[Response]]


def pages(built: Path | None = None) -> list[BaseRoute]:
    """Return the routes. `built` is the folder of the built page; None: the package's own."""
    page = PageFiles(Path(str(files(__package__))) / "static" if built is None else built)
    return [
        Route("/", _to_page, methods=["GET"]),
        Route("/ui", _to_page, methods=["GET"]),
        Route("/ui/assets/{name}", _assets(page), methods=["GET"]),
        Route("/ui/{path:path}", _shell(page), methods=["GET"]),
        Route("/docs", _docs(page), methods=["GET"]),
        *(Route(path, _static(name, media_type), methods=["GET"]) for path, (name, media_type) in _STATIC.items()),
    ]


async def _to_page(request: Request) -> Response:
    return RedirectResponse(_root(request) + "/ui/", headers=_HEADERS)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _shell(page: PageFiles) -> _Endpoint:
    """Return the page for each address below /ui/. The page reads the rest of the address itself."""
    unbuilt = files(__package__).joinpath("unbuilt.html").read_text("utf-8")

    async def shell(request: Request) -> Response:
        built = await asyncio.to_thread(page.shell)
        base = f'<base href="{escape(_root(request))}/ui/">'
        text = (unbuilt if built is None else built).replace("<head>", f"<head>\n    {base}", 1)
        return Response(text, headers=_HEADERS, media_type="text/html")

    return shell


def _docs(page: PageFiles) -> _Endpoint:
    """Return the way to the page's reference of the API, or a plain list of operations while the page is not built."""
    plain = _static("docs.html", "text/html")

    async def docs(request: Request) -> Response:
        if await asyncio.to_thread(page.shell) is None:
            return await plain(request)
        return RedirectResponse(_root(request) + "/ui/reference", headers=_HEADERS)

    return docs


def _assets(page: PageFiles) -> _Endpoint:
    async def asset(request: Request) -> Response:
        accepted = request.headers.get("accept-encoding", "")
        found = await asyncio.to_thread(page.asset, request.path_params["name"], accepted)
        if found is None:
            return Response("The page has no such file. Load the page anew.", 404, _HEADERS, "text/plain")
        encoding = {"content-encoding": found.encoding} if found.encoding else {}
        return Response(found.content, headers=_HEADERS | _HASHED | encoding, media_type=found.media_type)

    return asset


def _static(name: str, media_type: str) -> _Endpoint:
    content = files(__package__).joinpath(name).read_bytes()

    async def static(request: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    return static
