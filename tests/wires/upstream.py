"""Serves the servers of the matrix over HTTP, to put a real proxy in front of them.

    python -m tests.wires.upstream PORT

`POST /{server}/{play}/v1/chat/completions` is what the server with this number says in this play (loop, cut, error).
`GET /{server}/{play}` returns the bodies of the requests so far, and `DELETE` forgets them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

from aiohttp import web

from tests.wires import server_shapes
from tests.wires.player import Form, Shape, encoded, refusal_of

PLAYS = {
    "loop": server_shapes.loop,
    "cut": server_shapes.cut,
    "error": lambda server, form: server_shapes.failing(server, form, times=1),
}


class Upstream:
    """The servers, with the requests to each play of theirs."""

    def __init__(self) -> None:
        self._servers = server_shapes.servers()
        self._requests: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)

    def app(self) -> web.Application:
        """Return the application that serves all of them."""
        app = web.Application()
        app.router.add_post("/{server}/{play}/v1/chat/completions", self._answer)
        app.router.add_post("/{server}/{play}/chat/completions", self._answer)
        app.router.add_get("/{server}/{play}", self._seen)
        app.router.add_delete("/{server}/{play}", self._forget)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        server, play = request.match_info["server"], request.match_info["play"]
        form: Form = "streamed" if body.get("stream") else "plain"
        shape = PLAYS[play](self._servers[int(server)], form)
        requests = self._requests[server, play]
        requests.append(body)
        refused = refusal_of(shape, body)
        reply = encoded(refused or shape[form][_number(shape, form, play, body, len(requests))], form)
        pieces = [piece for piece in reply.body if isinstance(piece, bytes)]
        return web.Response(body=b"".join(pieces), status=reply.status, headers=reply.headers)

    async def _seen(self, request: web.Request) -> web.Response:
        return web.json_response(self._requests[request.match_info["server"], request.match_info["play"]])

    async def _forget(self, request: web.Request) -> web.Response:
        self._requests.pop((request.match_info["server"], request.match_info["play"]), None)
        return web.Response()


def _number(shape: Shape, form: Form, play: str, body: dict[str, Any], count: int) -> int:
    """Return which reply of the shape it is: by the replies in the request, but the error comes first."""
    said = sum(message["role"] == "assistant" for message in body["messages"])
    return min(count - 1 if play == "error" else said, len(shape[form]) - 1)


if __name__ == "__main__":
    web.run_app(Upstream().app(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
