"""The model client for a gateway, which is any OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import islice

import msgspec

from journeyman.clock import Clock
from journeyman.egress.content_encoding import decompressor
from journeyman.egress.retry_rules import retry_after
from journeyman.egress.traceparent import with_traceparent
from journeyman.egress.transport import Request, Response, Timeouts, Transport
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.events.answer_schema import schema_instruction, with_instruction
from journeyman.events.messages import Owner
from journeyman.events.model_request import Api
from journeyman.events.part_notes import noted
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway import errors
from journeyman.llm.gateway.address import MODELS, RESPONSES, endpoint_url, means_responses, with_parameter
from journeyman.llm.gateway.complaint import Complaint, complaint_of
from journeyman.llm.gateway.deltas import MAX_REPLY_BYTES, ReplyDecoder, decode_reply
from journeyman.llm.gateway.gateway_spec import SettingNames
from journeyman.llm.gateway.learned import LearnedChoices
from journeyman.llm.gateway.opaque import owned
from journeyman.llm.gateway.outage import AWAY_STATUSES, outage_of
from journeyman.llm.gateway.output_items import API
from journeyman.llm.gateway.plain_reply import plain_reply
from journeyman.llm.gateway.refused_by_responses import asks_for_responses, without_refused_items
from journeyman.llm.gateway.refused_part import refused_name, without_refused, without_stream
from journeyman.llm.gateway.refused_parts import without_refused_parts
from journeyman.llm.gateway.reply_bytes import LARGE_BYTES, CountedReply, ReplyBytes
from journeyman.llm.gateway.responses_decoder import ResponsesDecoder
from journeyman.llm.gateway.responses_wire import encode_responses_request
from journeyman.llm.gateway.wire import encode_request
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices
from journeyman.resilience.guard import ErrorClass, Guard

_MIN_SECRET_LENGTH = 8  # characters; a shorter key would be found in ordinary words
PROBE_SECONDS = 2.0  # how long a gateway may take to answer the question whether it is here
_ERROR_BYTES = 64 << 10
_SHORT_DIGITS = len(str(LARGE_BYTES)) - 1
_MAX_CHANGES = 8  # of one call's request, after errors that name a part of it

OnDelta = Callable[[TextDelta], None]


class Gateway:
    """A model client that calls `/chat/completions` or `/responses` at `url` and sends its API key only there.

    Every call passes `guard`, with a breaker for each model. Since a model call has no side effects, transient errors
    (429, 5xx, no connection, a timeout, an incomplete or invalid reply) are retried as the guard allows. While a
    model's breaker is open, the request's fallbacks are called. `timeouts` apply to one attempt; `timeout_seconds` of a
    request replaces the limits until the first byte and between bytes. `name` tells the gateway from others; the one of
    the settings has none.

    An error that names a part of the request which the model does not need is answered by the same request without it.
    That is no retry, and `learned` keeps what helped. A model that asks for the Responses API gets it in the same way,
    unless the request's `api` says which one to use. A URL that ends with `/responses` says so too.

    The key is sent as a bearer token, or in the `header` or the parameter `query`. `others` are all gateways by name,
    for fallbacks. While the replies that are being read fill `reply_bytes`, a call waits before it reads on.
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
        header: str = "",
        query: str = "",
        setting_names: SettingNames = SettingNames(),
        others: Mapping[str, Gateway] | None = None,
        reply_bytes: ReplyBytes | None = None,
    ) -> None:
        self.name = name
        self._setting_names = setting_names
        self._others = {} if others is None else others  # gateways may be added to it later
        self._transport = transport
        self._url, self._responses_url = endpoint_url(url), endpoint_url(url, RESPONSES)
        self._means_responses = means_responses(url)
        if query and api_key:
            self._url = with_parameter(self._url, query, api_key)
            self._responses_url = with_parameter(self._responses_url, query, api_key)
        self._models_url = endpoint_url(url, MODELS)
        if query and api_key:
            self._models_url = with_parameter(self._models_url, query, api_key)
        self._api_key = api_key or ""
        self._headers = _headers("" if query else self._api_key, header, setting_names.key)
        self._guard = guard
        self._timeouts = timeouts
        self._clock = clock
        self.learned = LearnedChoices()
        self.reply_bytes = reply_bytes or ReplyBytes(clock)

    async def call(self, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        attempts = _Attempts(self, request, on_delta)
        for gateway, model in self._targets(request):
            try:
                return await gateway._call_one(model, attempts)
            except ServiceError as exc:
                failure, refused = exc, errors.from_guard(exc)
                gateway._name_own_settings(failure)
            if not gateway._guard.is_open(model):
                break
        if refused is not None:
            raise refused from failure
        raise failure

    async def _call_one(self, model: str, attempts: _Attempts) -> ModelReply:
        """Call one model, again without the parts of the request that it refuses."""
        attempt = attempts.of(model, self)
        for _ in range(_MAX_CHANGES):
            try:
                reply = await self._guard.call(attempt, attempts.classify, key=model, first=attempts.made + 1)
            except errors.RequestRefusedError as exc:
                if attempts.change_after(exc):
                    continue
                if (named := attempts.named(exc)) is not None:
                    raise named from exc
                raise
            else:
                self.learned.remember(model, attempts.choices)
                return reply
        return await self._guard.call(attempt, attempts.classify, key=model, first=attempts.made + 1)

    def _targets(self, request: ModelRequest) -> Iterator[tuple[Gateway, str]]:
        """Yield the request's model and its fallbacks, each with its gateway; without those whose gateway is gone."""
        yield self, request.model
        names = request.fallback_gateways or (self.name,) * len(request.fallbacks)
        for model, name in zip(request.fallbacks, names, strict=True):
            gateway = self if name == self.name else self._others.get(name)
            if gateway is not None:
                yield gateway, model

    def _name_own_settings(self, failure: ServiceError) -> None:
        failure.message = self._setting_names.in_text(failure.message)
        failure.args = (failure.message,)

    def http_request(
        self, request: ModelRequest, *, stream: bool, choices: WireChoices = USUAL, responses: bool = False
    ) -> Request:
        """Return the HTTP request for a model request; `responses`: to the Responses API."""
        if request.response_schema is not None and request.response_mode == "schema":
            request = _with_schema_told(request, choices)
        if choices.without_parts:
            messages = noted(request.messages, choices.without_parts)
            request = msgspec.structs.replace(request, messages=messages)
        encode, url = (encode_responses_request, self._responses_url) if responses else (encode_request, self._url)
        body = encode(request, stream=stream, choices=choices, gateway=self.name)
        idle = request.timeout_seconds
        timeouts = self._timeouts if idle is None else _with_idle_limit(self._timeouts, idle)
        return Request("POST", url, with_traceparent(self._headers), body, timeouts)

    def uses_responses(self, api: Api, choices: WireChoices) -> bool:
        """Return whether requests of this `api` go to the Responses API."""
        return (choices.responses or self._means_responses) if api == "auto" else api == "responses"

    async def is_here(self) -> bool:
        """Return whether the gateway answers now, by a request for its models that no model is asked for."""
        if self._guard.closed_for() > PROBE_SECONDS:
            return False
        timeouts = Timeouts(PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS)
        try:
            async with self._transport.send(Request("GET", self._models_url, self._headers, b"", timeouts)) as response:
                return response.status not in AWAY_STATUSES
        except ServiceError:
            return False

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def attempt(
        self,
        http_request: Request,
        request: ModelRequest,
        attempt: int,
        on_delta: OnDelta | None,
        read: type[ReplyDecoder] = ReplyDecoder,
    ) -> ModelReply:
        """Make one attempt and return its reply, which `read` decodes.

        Raises:
            ServiceError: With the code of the gateway's failure.
        """
        counted = CountedReply(self.reply_bytes)
        try:
            async with self._transport.send(http_request) as response:
                if not 200 <= response.status < 300:
                    raise await self._error_of(response)
                return await _read_reply(response, counted, request, attempt, on_delta, read)
        except ServiceError as exc:
            if exc.code.startswith("service_"):
                raise errors.from_transport(exc) from exc
            raise
        finally:
            counted.release()

    async def _error_of(self, response: Response) -> ServiceError:
        secret = self._api_key if len(self._api_key) >= _MIN_SECRET_LENGTH else ""  # some gateways quote the key
        try:
            body = _decompressed(await response.read(_ERROR_BYTES), response.headers)
            complaint = complaint_of(body, secret)
        except (ServiceError, ValueError):  # the status says enough
            complaint = Complaint()
        return errors.gateway_error(response.status, complaint, retry_after(response.headers, self._clock.now()))


class _Attempts:
    """The attempts of one call, with the models that it is sent to in turn."""

    __slots__ = (
        "_api",
        "_first",
        "_gateway",
        "_http_request",
        "_on_delta",
        "_request",
        "_responses",
        "choices",
        "made",
    )

    def __init__(self, gateway: Gateway, request: ModelRequest, on_delta: OnDelta | None) -> None:
        self._first = self._gateway = gateway
        self._request = request
        self._on_delta = on_delta
        self._http_request: Request | None = None
        self._api: Api = request.api
        self._responses = False
        self.choices = USUAL
        self.made = 0

    def of(self, model: str, gateway: Gateway) -> Callable[[int], Awaitable[ModelReply]]:
        """Return a function that makes one attempt with this model of this gateway."""
        if model != self._request.model:
            self._request = msgspec.structs.replace(self._request, model=model)
        self._gateway = gateway
        self._api = self._request.api if gateway is self._first else "auto"
        self.choices = gateway.learned.of(model)
        self._responses = gateway.uses_responses(self._api, self.choices)
        self._http_request = None
        return self._make

    @property
    def classify(self) -> Callable[[ServiceError], ErrorClass]:
        """Return what says whether a failed attempt is made again."""
        return _classify_again if self._request.again else _classify

    def change_after(self, error: errors.RequestRefusedError) -> bool:
        """Change the part of the request that the error's complaint names. Returns whether there is one.

        It is left out or renamed, or the request goes to the other API.
        """
        complaint, stream = error.complaint, self._on_delta is not None
        if stream and (whole := without_stream(complaint, self._request, self.choices)) is not None:
            choices: WireChoices | None = whole
        elif (noted_parts := without_refused_parts(complaint.text, self._request, self.choices)) is not None:
            choices = noted_parts
        elif self._responses:
            choices = without_refused_items(complaint, self._request, self._owner(), self.choices)
        elif self._api == "auto" and asks_for_responses(complaint):
            choices = msgspec.structs.replace(self.choices, responses=True)
        else:
            choices = without_refused(complaint, self._request, self._owner(), self.choices, stream=stream)
        if choices is None:
            return False
        self.choices = choices
        self._responses = self._responses or choices.responses
        self._http_request = None
        return True

    def named(self, error: errors.RequestRefusedError) -> ServiceError | None:
        """Return the error with the name of the refused parameter or field. None: the complaint names none."""
        if error.status == 404:
            return errors.without_responses_api(error) if self._responses else None
        name = refused_name(error.complaint, self._request)
        return None if name is None else errors.bad_parameter(error, name)

    def _owner(self) -> Owner:
        model, gateway = self._request.model, self._gateway.name
        return Owner(model, gateway, API) if self._responses else Owner(model, gateway)

    async def _make(self, number: int) -> ModelReply:
        self.made = number
        request, on_delta, responses = self._request, self._on_delta, self._responses
        if self._http_request is None:
            self._http_request = self._gateway.http_request(
                request, stream=on_delta is not None, choices=self.choices, responses=responses
            )
        read = ResponsesDecoder if responses else ReplyDecoder
        reply = await self._gateway.attempt(self._http_request, request, number, on_delta, read)
        return owned(reply, self._owner())


def _classify(error: ServiceError) -> ErrorClass:
    transient = error.code in errors.TRANSIENT
    is_alive = error.status in (400, 429)  # it limits the rate, or its model's reply was unusable
    return ErrorClass(failing=transient and not is_alive, repeatable=transient)


def _classify_again(error: ServiceError) -> ErrorClass:
    """Classify an error of a call that may have been billed before."""
    found = _classify(error)
    return ErrorClass(found.failing, found.repeatable and outage_of(error) != "billed")


def _with_schema_told(request: ModelRequest, choices: WireChoices) -> ModelRequest:
    """Return the request with the schema of its answer in the prompt, if the model refuses `response_format`."""
    schema = request.response_schema
    removed = any(request.extra.get(name, ...) is None for name in ("response_format", "text"))
    refused = removed or choices.json_object or "response_format" in choices.dropped
    if schema is None or not refused:
        return request
    return msgspec.structs.replace(request, messages=with_instruction(request.messages, schema_instruction(schema)))


async def _read_reply(
    response: Response,
    counted: CountedReply,
    request: ModelRequest,
    attempt: int,
    on_delta: OnDelta | None,
    read: type[ReplyDecoder],
) -> ModelReply:
    """Read the reply, whatever its content type and encoding are. `on_delta` gets its text."""
    tools = {tool.name for tool in request.tools}
    if on_delta is None and read is ReplyDecoder and _is_document(response.headers):
        read_body = response.read(MAX_REPLY_BYTES) if _is_short(response.headers) else _document(response, counted)
        body = await read_body
        plain = plain_reply(body, response.headers, tools, attempts=attempt)
        return plain or decode_reply(body, response.headers, tools, model=request.model, attempts=attempt)
    decoder = read(tools, streamed=on_delta is not None)
    async for piece in _pieces(response):
        text = decoder.feed(piece)
        if text and on_delta is not None:
            on_delta(TextDelta(text, attempt))
        if decoder.done:
            break
        if decoder.held > LARGE_BYTES and not counted.grow(decoder.held):
            response.extend(await counted.wait(decoder.held))
    reply = decoder.reply(response.headers, model=request.model, attempts=attempt)
    if on_delta is not None and reply.message.text and not decoder.shown:
        on_delta(TextDelta(reply.message.text, attempt))
    return reply


def _is_document(headers: Mapping[str, str]) -> bool:
    """Return whether the headers announce one document, and not compressed."""
    return "event-stream" not in headers.get("content-type", "") and "content-encoding" not in headers


def _is_short(headers: Mapping[str, str]) -> bool:
    """Return whether the headers announce a body of at most five digits of bytes, as most are: it is not counted."""
    return 0 < len(headers.get("content-length", "")) <= _SHORT_DIGITS


async def _document(response: Response, counted: CountedReply) -> bytes:
    """Return the body. If its length is announced, it is counted before it is read."""
    length = response.headers.get("content-length", "")
    if length.isdecimal():
        size = int(length[:9])
        if size <= MAX_REPLY_BYTES and not counted.grow(size):  # a larger one is refused unread
            response.extend(await counted.wait(size))
        return await response.read(MAX_REPLY_BYTES)
    pieces: list[bytes] = []
    size = 0
    while piece := await response.chunk():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_REPLY_BYTES:
            raise errors.bad_gateway_reply(f"it is larger than {MAX_REPLY_BYTES} bytes")
        if not counted.grow(size):
            response.extend(await counted.wait(size))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _pieces(response: Response) -> AsyncIterator[bytes]:
    """Return the body, decompressed, as it arrives."""
    try:
        inflate = decompressor(response.headers)
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


def _headers(api_key: str, header: str, setting: str) -> Mapping[str, str]:
    """Return the headers of all requests. Raises ConfigurationError if the key, which is that setting, is unusable."""
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "journeyman"}
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError(f"{setting} has characters that an HTTP header cannot contain. Set a valid key.")
        headers[header.lower() or "authorization"] = api_key if header else f"Bearer {api_key}"
    return headers
