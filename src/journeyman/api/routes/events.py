"""GET /runs/{id}/events: a run's events as a page of JSON, or as a stream that can be resumed after any event."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from journeyman.api import openapi, sse
from journeyman.api import paging as cursors
from journeyman.api.accept import wants_stream
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.paging import cut
from journeyman.api.parameters import all_of, checked_run_id
from journeyman.api.problems import RequestError
from journeyman.api.responses import page
from journeyman.api.schemas.runs import LARGEST_INTEGER, EventAnswer
from journeyman.api.security.request_context import RequestContext, context_of
from journeyman.events.codec import wire
from journeyman.ids import RESOURCE_NAME

PATH = "/runs/{run_id}/events"
_LARGEST_PAGE = 1000


class Events:
    """The endpoint, as plain ASGI: nothing buffers between a stream and its client."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._runs = dependencies.runs
        self._clock = dependencies.clock
        self._limits = dependencies.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        run_id = checked_run_id(scope["path_params"]["run_id"])
        query = _query(scope)
        if wants_stream(context.headers.get(b"accept", b"")):
            await self._stream(context, run_id, query, receive, send)
        else:
            response = await self._page(context, run_id, query)
            await response(scope, receive, send)

    async def _page(self, context: RequestContext, run_id: str, query: dict[str, str]) -> Response:
        limit, after = all_of(lambda: _page_size(query), lambda: self._after(context, query))
        place = cursors.number_place("events", query.get("cursor"))
        after = after if place is None else place
        entries = await self._runs.events(context.principal, run_id, after, limit + 1)
        shown, following = cut(entries, limit, "events", lambda entry: entry.seq)
        return page([wire(entry) for entry in shown], following)

    async def _stream(
        self, context: RequestContext, run_id: str, query: dict[str, str], receive: Receive, send: Send
    ) -> None:
        after = self._after(context, query)
        row = await self._runs.get(context.principal, run_id)  # rejected before the answer starts
        if after > row.last_seq:
            raise RequestError(
                f"The run has no event {after} yet: its last is {row.last_seq}.", status=400, path="query.after"
            )
        frames = self._runs.watch(context.principal, run_id, after)
        await sse.stream(receive, send, frames, clock=self._clock, limits=self._limits, is_valid=context.is_valid)

    def _after(self, context: RequestContext, query: dict[str, str]) -> int:
        """Return the seq to start after. Last-Event-ID wins: a browser that reconnects sends it with its first URL."""
        last = context.headers.get(b"last-event-id") or b"0"
        after, last_seen = all_of(
            lambda: _number(query.get("after", "0"), "query.after"),
            lambda: _number(last.decode("latin-1"), "header.last-event-id"),
        )
        return last_seen if context.headers.get(b"last-event-id") else after


def _query(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _page_size(query: dict[str, str]) -> int:
    text = query.get("limit", "200")
    if text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= _LARGEST_PAGE:
        return int(text)
    raise RequestError(f"`limit` must be 1 to {_LARGEST_PAGE}.", path="query.limit")


def _number(text: str, path: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 17 and int(text) <= LARGEST_INTEGER:
        return int(text)
    raise RequestError(f"`{path.partition('.')[2]}` must be the seq of an event, an integer from 0.", path=path)


def _parameter(name: str, place: str, schema: dict[str, object], text: str) -> dict[str, object]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


_SEQ = {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER}
_SEQ_OR_NONE: dict[str, object] = {"anyOf": [_SEQ, {"enum": [""]}]}
OPERATION: openapi.Operation = {
    "tags": ["runs"],
    "summary": "A run's events",
    "operationId": "list_events",
    "description": (
        "Returns a page of JSON. With `Accept: text/event-stream`, streams the stored events and then those to come. "
        "Stored events have their seq as `id`; `delta`, `snapshot`, `progress` and `reconnect` are live and have none."
    ),
    "parameters": [
        _parameter("run_id", "path", {"type": "string", "pattern": RESOURCE_NAME}, "The run's id"),
        _parameter("after", "query", _SEQ, "Only events after this seq"),
        _parameter("Last-Event-ID", "header", _SEQ_OR_NONE, "Overrides `after`. Browsers send it when they reconnect"),
        _parameter("cursor", "query", {"type": "string"}, "`next_cursor` of the previous page"),
        _parameter(
            "limit",
            "query",
            {"type": "integer", "minimum": 1, "maximum": _LARGEST_PAGE},
            "The largest number of items to return",
        ),
    ],
    "responses": {
        "200": {
            "description": "Events",
            "content": {
                **openapi.lists(EventAnswer)[200]["content"],
                **openapi.content({"type": "string"}, "text/event-stream"),
            },
        },
        **openapi.problems(),
    },
}
