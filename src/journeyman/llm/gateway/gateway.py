"""The model client for a gateway, which is any OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import islice

import msgspec

from journeyman.clock import Clock
from journeyman.egress.content_encoding import decompressor
from journeyman.egress.retry_rules import retry_after
from journeyman.egress.traceparent import with_traceparent
from journeyman.egress.transport import Request, Response, Timeouts, Transport
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.events.messages import Owner
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway import errors
from journeyman.llm.gateway.deltas import MAX_REPLY_BYTES, ReplyDecoder
from journeyman.llm.gateway.opaque import owned
from journeyman.llm.gateway.wire import encode_request
from journeyman.resilience.guard import ErrorClass, Guard

_MIN_SECRET_LENGTH = 8  # characters; a shorter key would be found in ordinary words
_ERROR_BYTES = 64 << 10

OnDelta = Callable[[TextDelta], None]


class Gateway:
    """A model client that calls `url` + `/chat/completions` and sends its API key only there.

    Every call passes `guard`, with a breaker for each model. Since a model call has no side effects, transient errors
    (429, 5xx, no connection, a timeout, an incomplete or invalid reply) are retried as the guard allows. While a
    model's breaker is open, the request's fallbacks are called. `timeouts` apply to one attempt; `timeout_seconds` of a
    request replaces the limits until the first byte and between bytes. `name` tells the gateway from others; the one of
    the settings has none.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        api_key: str | None = None,
        *,
        guard: Guard,
        timeouts: Timeouts,
        clock: Clock,
        name: str = "",
    ) -> None:
        self.name = name
        self._transport = transport
        self._url = url.rstrip("/") + "/chat/completions"
        self._api_key = api_key or ""
        self._headers = _headers(api_key)
        self._guard = guard
        self._timeouts = timeouts
        self._clock = clock

    async def call(self, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        attempts = _Attempts(self, request, on_delta)
        for model in (request.model, *request.fallbacks):
            try:
                return await self._guard.call(attempts.of(model), _classify, key=model, first=attempts.made + 1)
            except ServiceError as exc:
                failure, refused = exc, errors.from_guard(exc)
            if not self._guard.is_open(model):
                break
        if refused is not None:
            raise refused from failure
        raise failure

    def http_request(self, request: ModelRequest, *, stream: bool) -> Request:
        """Return the HTTP request for a model request."""
        body = encode_request(request, stream=stream, gateway=self.name)
        idle = request.timeout_seconds
        timeouts = self._timeouts if idle is None else _with_idle_limit(self._timeouts, idle)
        return Request("POST", self._url, with_traceparent(self._headers), body, timeouts)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def attempt(
        self, http_request: Request, request: ModelRequest, attempt: int, on_delta: OnDelta | None
    ) -> ModelReply:
        """Make one attempt and return its reply.

        Raises:
            ServiceError: With the code of the gateway's failure.
        """
        try:
            async with self._transport.send(http_request) as response:
                if not 200 <= response.status < 300:
                    raise await self._error_of(response)
                return await _read_reply(response, request, attempt, on_delta)
        except ServiceError as exc:
            if exc.code.startswith("service_"):
                raise errors.from_transport(exc) from exc
            raise

    async def _error_of(self, response: Response) -> ServiceError:
        try:
            message = errors.body_message(_decompressed(await response.read(_ERROR_BYTES), response.headers))
        except (ServiceError, ValueError):  # the status says enough
            message = ""
        if len(self._api_key) >= _MIN_SECRET_LENGTH:  # some gateways quote the key that they refuse
            message = message.replace(self._api_key, "***")
        return errors.gateway_error(response.status, message, retry_after(response.headers, self._clock.now()))


class _Attempts:
    """The attempts of one call, with the models that it is sent to in turn."""

    __slots__ = ("_gateway", "_http_request", "_on_delta", "_request", "made")

    def __init__(self, gateway: Gateway, request: ModelRequest, on_delta: OnDelta | None) -> None:
        self._gateway = gateway
        self._request = request
        self._on_delta = on_delta
        self._http_request: Request | None = None
        self.made = 0

    def of(self, model: str) -> Callable[[int], Awaitable[ModelReply]]:
        """Return a function that makes one attempt with this model."""
        if model != self._request.model:
            self._request = msgspec.structs.replace(self._request, model=model)
            self._http_request = None
        return self._make

    async def _make(self, number: int) -> ModelReply:
        self.made = number
        request, on_delta = self._request, self._on_delta
        if self._http_request is None:
            self._http_request = self._gateway.http_request(request, stream=on_delta is not None)
        reply = await self._gateway.attempt(self._http_request, request, number, on_delta)
        return owned(reply, Owner(request.model, self._gateway.name))


def _classify(error: ServiceError) -> ErrorClass:
    transient = error.code in errors.TRANSIENT
    return ErrorClass(failing=transient and error.code != "gateway_rate_limited", repeatable=transient)


async def _read_reply(response: Response, request: ModelRequest, attempt: int, on_delta: OnDelta | None) -> ModelReply:
    """Read the reply, whatever its content type and encoding are. `on_delta` gets its text."""
    decoder = ReplyDecoder({tool.name for tool in request.tools}, streamed=on_delta is not None)
    async for piece in _pieces(response, whole=on_delta is None):
        text = decoder.feed(piece)
        if text and on_delta is not None:
            on_delta(TextDelta(text, attempt))
        if decoder.done:
            break
    reply = decoder.reply(response.headers, model=request.model, attempts=attempt)
    if on_delta is not None and reply.message.text and not decoder.shown:
        on_delta(TextDelta(reply.message.text, attempt))
    return reply


async def _pieces(response: Response, *, whole: bool) -> AsyncIterator[bytes]:
    """Return the body, decompressed; `whole`: in one piece, unless it is a stream of events."""
    try:
        inflate = decompressor(response.headers)
        if whole and "event-stream" not in response.headers.get("content-type", ""):
            body = await response.read(MAX_REPLY_BYTES)
            for piece in inflate.feed(body) if inflate else (body,):
                yield piece
            return
        while chunk := await response.chunk():
            for piece in inflate.feed(chunk) if inflate else (chunk,):
                yield piece
    except ValueError as exc:
        raise errors.bad_gateway_reply(str(exc)) from exc


def _decompressed(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the start of a compressed body; the body itself if it is not compressed. Raises ValueError."""
    inflate = decompressor(headers)
    return body if inflate is None else b"".join(islice(inflate.feed(body), 1))


def _with_idle_limit(timeouts: Timeouts, seconds: float) -> Timeouts:
    return Timeouts(min(timeouts.connect, seconds), seconds, seconds, max(timeouts.total, seconds))


def _headers(api_key: str | None) -> Mapping[str, str]:
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "journeyman"}
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError(
                "LITELLM_GATEWAY_API_KEY has characters that an HTTP header cannot contain. Set a valid key."
            )
        headers["authorization"] = f"Bearer {api_key}"
    return headers
