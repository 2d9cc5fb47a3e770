"""Bodies that are files: read and sent in chunks, so that a file never is in memory as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import ClientDisconnected, check_again
from journeyman.api.problems import RequestError
from journeyman.api.security.request_context import RequestContext
from journeyman.journal.journal import FileRow


async def body_chunks(context: RequestContext, receive: Receive, limits: RequestLimits) -> AsyncIterator[bytes]:
    """Yield a body as it arrives, however long it is.

    Raises RequestError (408), ClientDisconnected, and UnauthenticatedError if the credential became invalid meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.upload_seconds
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + limits.body_idle_seconds)):
                message = await receive()
        except TimeoutError as exc:
            raise RequestError("The body arrived too slowly.", status=408, code="body_timeout") from exc
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        more = message.get("more_body", False)
        if not more:
            await check_again(context)
        yield message.get("body", b"")


def declared_length(headers: dict[bytes, bytes]) -> int:
    """Return the Content-Length of a request, 0 if it has none."""
    declared = headers.get(b"content-length", b"")
    return int(declared[:18]) if declared.isdigit() else 0


class FileDownload(Response):
    """The answer with a file's bytes. A browser saves them and never shows them as a page of this server."""

    def __init__(self, row: FileRow, pieces: AsyncGenerator[bytes, None], limits: RequestLimits) -> None:
        super().__init__(None, 200, _download_headers(row), row.media_type)
        self._pieces = pieces
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                await self._write(send, piece, more=True)
        await self._write(send, b"", more=False)

    async def _write(self, send: Send, piece: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError as exc:
            raise ClientDisconnected from exc


def _download_headers(row: FileRow) -> dict[str, str]:
    name = quote(row.name or row.id, safe="")
    return {
        "content-length": str(row.size),
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
    }
