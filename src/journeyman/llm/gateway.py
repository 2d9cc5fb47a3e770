"""The gateway: any OpenAI-compatible server, over the egress transport."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from journeyman.clock import Clock
from journeyman.egress.transport import Request, Response, Timeouts, Transport
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.llm import refusals
from journeyman.llm.client import Delta, ModelReply, ModelRequest
from journeyman.llm.deltas import ReplyFold
from journeyman.llm.wire import MAX_REPLY_BYTES, decode_reply, encode_request

_CONNECT_SECONDS = 10.0
_TOTAL_SECONDS = 900.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_SHORTEST_SECRET = 8  # characters; anything shorter also stands in ordinary words
_ERROR_BYTES = 64 << 10

OnDelta = Callable[[Delta], None]


class Gateway:
    """Calls `url` + `/chat/completions`; the key goes there and nowhere else.

    What is transient (429, 5xx, no connection, silence, a cut or unusable reply) is tried again, `max_retries` times
    after the first, with exponential pauses under full jitter or as long as `Retry-After` says. `timeout_seconds`
    bounds the silence before the first byte and between bytes.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        api_key: str | None = None,
        *,
        max_retries: int = 3,
        timeout_seconds: float = 30.0,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._transport = transport
        self._url = url.rstrip("/") + "/chat/completions"
        self._api_key = api_key or ""
        self._headers = _headers(api_key)
        self._max_retries = max_retries
        self._timeouts = _timeouts(timeout_seconds)
        self._clock = clock
        self._rng = rng

    async def call(self, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        outgoing = Request(
            "POST",
            self._url,
            self._headers,
            encode_request(request, stream=on_delta is not None),
            self._timeouts if request.timeout_seconds is None else _timeouts(request.timeout_seconds),
        )
        attempt = 1
        while True:
            try:
                reply = await self._attempt(outgoing, request.model, attempt, on_delta)
            except ServiceError as exc:
                if attempt > self._max_retries or exc.code not in refusals.TRANSIENT:
                    raise
                pause = self._pause(attempt, exc.retry_after)
            else:
                return reply
            await self._clock.sleep(pause)
            attempt += 1

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _attempt(self, outgoing: Request, model: str, attempt: int, on_delta: OnDelta | None) -> ModelReply:
        try:
            async with self._transport.send(outgoing) as response:
                if not 200 <= response.status < 300:
                    raise await self._refusal(response)
                if on_delta is None or "application/json" in response.headers.get("content-type", ""):
                    body = await response.read(MAX_REPLY_BYTES)
                    reply = decode_reply(body, response.headers, model=model, attempts=attempt)
                    if on_delta is not None and reply.message.text:
                        on_delta(Delta(reply.message.text, attempt))
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
        return refusals.refusal(response.status, said, refusals.retry_after(response.headers, self._clock.now()))

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        jitter = self._rng.random()
        if retry_after is not None:
            return retry_after + jitter * _FIRST_PAUSE
        return float(jitter * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))


async def _streamed(response: Response, model: str, attempt: int, on_delta: OnDelta) -> ModelReply:
    fold = ReplyFold()
    while not fold.done and (chunk := await response.chunk()):
        text = fold.feed(chunk)
        if text:
            on_delta(Delta(text, attempt))
    return fold.reply(response.headers, model=model, attempts=attempt)


def _timeouts(silence: float) -> Timeouts:
    return Timeouts(min(_CONNECT_SECONDS, silence), silence, silence, max(_TOTAL_SECONDS, silence))


def _headers(api_key: str | None) -> Mapping[str, str]:
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "journeyman"}
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError("LITELLM_GATEWAY_API_KEY has characters that a header cannot carry; correct it")
        headers["authorization"] = f"Bearer {api_key}"
    return headers
