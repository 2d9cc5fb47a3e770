"""An OpenAI-compatible server in front of any model client: an ASGI app to test gateways and clients against."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from journeyman.clock import Clock
from journeyman.errors import ServiceError, ValidationError
from journeyman.events.messages import JSON
from journeyman.llm.client import ModelClient, ModelReply
from journeyman.llm.fake.responses_wire import (
    ResponsesRequest,
    decode_responses_request,
    response,
    response_events,
)
from journeyman.llm.fake.wire import ChatRequest, chunks, completion, decode_request, failure

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_MAX_BODY = 32 << 20
_DECODERS: dict[str, Callable[[bytes], ChatRequest]] = {
    "/chat/completions": decode_request,
    "/responses": decode_responses_request,
}
_encoder = msgspec.json.Encoder()
_STATUSES = {
    "gateway_rate_limited": 429,
    "gateway_auth": 401,
    "gateway_timeout": 504,
    "gateway_not_set": 404,
    "gateway_rejected": 400,
    "gateway_bad_parameter": 400,
    "gateway_context_length": 400,
    "gateway_filtered": 400,
    "gateway_no_credit": 402,
}


def fake_llm_app(model: ModelClient, *, clock: Clock, models: Iterable[str] = ("offline",)) -> ASGIApp:
    """Return an ASGI app that serves `/chat/completions`, `/responses` and `/models`, all also under `/v1`.

    Errors of a scripted model are sent as HTTP statuses, invalid JSON or streams that break off.
    """
    return _FakeServer(model, clock, tuple(models))


class _ConnectionCut(Exception):
    """Raised out of the app so that its server closes the connection."""


class _FakeServer:
    def __init__(self, model: ModelClient, clock: Clock, models: tuple[str, ...]) -> None:
        self._model = model
        self._clock = clock
        self._models = models
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            path = scope["path"].rstrip("/").removeprefix("/v1")
            if path == "/models" and scope["method"] == "GET":
                await _send_json(send, 200, self._listing())
            elif path in _DECODERS and scope["method"] == "POST":
                await self._answer(_DECODERS[path], receive, send)
            else:
                await _send_json(send, 404, failure("no such page", "invalid_request_error", "not_found"))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            if event == "lifespan.shutdown":
                await self._model.aclose()
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

    def _listing(self) -> JSON:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "journeyman"} for name in self._models]
        return {"object": "list", "data": data}

    async def _answer(self, decode: Callable[[bytes], ChatRequest], receive: Receive, send: Send) -> None:
        pieces: list[str] = []
        asked: ChatRequest | None = None
        try:
            asked = decode(await _body(receive))
            reply = await self._model.call(
                asked.request, (lambda delta: pieces.append(delta.text)) if asked.stream else None
            )
        except ValidationError as exc:
            await _send_json(send, 400, failure(exc.message, "invalid_request_error", exc.code))
        except ServiceError as exc:
            await self._send_error(send, exc, asked, pieces)
        else:
            number, created = next(self._numbers), self._clock.now() // 1_000_000
            if not asked.stream:
                await _send_json(send, 200, _whole(reply, asked, number, created))
            else:
                await _send_stream(send, _events(reply, asked, pieces, number, created), ends=True)

    async def _send_error(self, send: Send, error: ServiceError, asked: ChatRequest | None, pieces: list[str]) -> None:
        streamed = asked is not None and asked.stream
        if error.code == "gateway_cut_stream":
            cut = [_event(_piece(asked, piece)) for piece in pieces]
            await _send_stream(send, cut or [b'{"choices": ['], ends=False)
            raise _ConnectionCut from error
        if error.code == "gateway_bad_reply":
            garbage = b'data: {"choices": [garbage\n\n' if streamed else b'{"choices": [garbage'
            await _send_stream(send, [garbage], ends=True)
            return
        fallback = 500 if error.code.startswith("gateway_") else 400  # no retry helps when a script is exhausted
        status = error.status or _STATUSES.get(error.code, fallback)
        await _send_json(send, status, failure(error.message, "api_error", error.code), retry_after=error.retry_after)


def _whole(reply: ModelReply, asked: ChatRequest, number: int, created: int) -> JSON:
    """Return a reply that is not streamed."""
    if isinstance(asked, ResponsesRequest):
        return response(reply, asked, number, created)
    return completion(reply, asked.request.model, number, created)


def _events(reply: ModelReply, asked: ChatRequest, pieces: list[str], number: int, created: int) -> Iterable[bytes]:
    """Return a streamed reply. That of the Responses API ends with its last event, without `[DONE]`."""
    if isinstance(asked, ResponsesRequest):
        whole = response(reply, asked, number, created)
        return (b"event: " + event["type"].encode() + b"\n" + _event(event) for event in response_events(whole, pieces))
    name, usage = asked.request.model, asked.include_usage
    events = map(_event, chunks(reply, pieces, name, number, created, include_usage=usage))
    return itertools.chain(events, [b"data: [DONE]\n\n"])


def _piece(asked: ChatRequest | None, text: str) -> JSON:
    if isinstance(asked, ResponsesRequest):
        return {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_BODY:
            raise ValidationError(f"the body is larger than {_MAX_BODY} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _event(chunk: JSON) -> bytes:
    return b"data: " + _encoder.encode(chunk) + b"\n\n"


async def _send_json(send: Send, status: int, body: JSON, retry_after: float | None = None) -> None:
    content = _encoder.encode(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", f"{retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _send_stream(send: Send, pieces: Iterable[bytes], *, ends: bool) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if ends:
        await send({"type": "http.response.body", "body": b""})
