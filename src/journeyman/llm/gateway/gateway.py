"""The gateway: any OpenAI-compatible server, over the egress transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from journeyman.clock import Clock
from journeyman.egress.retry_rules import retry_after
from journeyman.egress.traceparent import with_traceparent
from journeyman.egress.transport import Request, Response, Timeouts, Transport
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway import errors as refusals
from journeyman.llm.gateway.deltas import ReplyFold
from journeyman.llm.gateway.wire import MAX_REPLY_BYTES, decode_reply, encode_request
from journeyman.resilience.guard import ErrorClass, Guard

_SHORTEST_SECRET = 8  # characters; anything shorter also stands in ordinary words
_ERROR_BYTES = 64 << 10

OnDelta = Callable[[TextDelta], None]


class Gateway:
    """Calls `url` + `/chat/completions`; the key goes there and nowhere else.

    Every call passes `guard`, with a breaker for each model. A model call has no effects: what is transient (429, 5xx,
    no connection, silence, a cut or unusable reply) is tried again as the guard allows. While a model's breaker is open
    its fallbacks are asked. `timeouts` are those of one try; a request's own `timeout_seconds` bounds its silence.
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
    ) -> None:
        self._transport = transport
        self._url = url.rstrip("/") + "/chat/completions"
        self._api_key = api_key or ""
        self._headers = _headers(api_key)
        self._guard = guard
        self._timeouts = timeouts
        self._clock = clock

    async def call(self, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        tries = _Tries(self, request, on_delta)
        for model in (request.model, *request.fallbacks):
            try:
                return await self._guard.call(tries.of(model), _judge, key=model, first=tries.made + 1)
            except ServiceError as exc:
                failure, refused = exc, refusals.from_guard(exc)
            if not self._guard.is_open(model):
                break
        if refused is not None:
            raise refused from failure
        raise failure

    def outgoing(self, request: ModelRequest, *, stream: bool) -> Request:
        body = encode_request(request, stream=stream)
        silence = request.timeout_seconds
        timeouts = self._timeouts if silence is None else _silent_for(self._timeouts, silence)
        return Request("POST", self._url, with_traceparent(self._headers), body, timeouts)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def attempt(self, outgoing: Request, model: str, attempt: int, on_delta: OnDelta | None) -> ModelReply:
        try:
            async with self._transport.send(outgoing) as response:
                if not 200 <= response.status < 300:
                    raise await self._refusal(response)
                if on_delta is None or "application/json" in response.headers.get("content-type", ""):
                    body = await response.read(MAX_REPLY_BYTES)
                    reply = decode_reply(body, response.headers, model=model, attempts=attempt)
                    if on_delta is not None and reply.message.text:
                        on_delta(TextDelta(reply.message.text, attempt))
                    return reply
                return await _streamed(response, model, attempt, on_delta)
        except ServiceError as exc:
            if exc.code.startswith("service_"):
                raise refusals.from_transport(exc) from exc
            raise

    async def _refusal(self, response: Response) -> ServiceError:
        try:
            said = refusals.body_message(await response.read(_ERROR_BYTES))
        except ServiceError:  # the status says enough
            said = ""
        if len(self._api_key) >= _SHORTEST_SECRET:  # some gateways quote the key they refuse
            said = said.replace(self._api_key, "***")
        return refusals.gateway_error(response.status, said, retry_after(response.headers, self._clock.now()))


class _Tries:
    """The tries of one call, over the models that it is sent to in turn."""

    __slots__ = ("_gateway", "_on_delta", "_outgoing", "_request", "made")

    def __init__(self, gateway: Gateway, request: ModelRequest, on_delta: OnDelta | None) -> None:
        self._gateway = gateway
        self._request = request
        self._on_delta = on_delta
        self._outgoing: Request | None = None
        self.made = 0

    def of(self, model: str) -> Callable[[int], Awaitable[ModelReply]]:
        """One try with this model, for the guard."""
        if model != self._request.model:
            self._request = msgspec.structs.replace(self._request, model=model)
            self._outgoing = None
        return self._make

    async def _make(self, number: int) -> ModelReply:
        self.made = number
        request, on_delta = self._request, self._on_delta
        if self._outgoing is None:
            self._outgoing = self._gateway.outgoing(request, stream=on_delta is not None)
        return await self._gateway.attempt(self._outgoing, request.model, number, on_delta)


def _judge(error: ServiceError) -> ErrorClass:
    transient = error.code in refusals.TRANSIENT
    return ErrorClass(failing=transient and error.code != "gateway_rate_limited", repeatable=transient)


async def _streamed(response: Response, model: str, attempt: int, on_delta: OnDelta) -> ModelReply:
    fold = ReplyFold()
    while not fold.done and (chunk := await response.chunk()):
        text = fold.feed(chunk)
        if text:
            on_delta(TextDelta(text, attempt))
    return fold.reply(response.headers, model=model, attempts=attempt)


def _silent_for(timeouts: Timeouts, silence: float) -> Timeouts:
    return Timeouts(min(timeouts.connect, silence), silence, silence, max(timeouts.total, silence))


def _headers(api_key: str | None) -> Mapping[str, str]:
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "journeyman"}
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError("LITELLM_GATEWAY_API_KEY has characters that a header cannot carry; correct it")
        headers["authorization"] = f"Bearer {api_key}"
    return headers
