from __future__ import annotations

import asyncio
import json
import random

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.egress.transport import FakeReply, FakeTransport, cut_off, unreachable
from journeyman.errors import ConfigurationError, ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.events.messages import Owner, user
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.reply_bytes import CountedReply, ReplyBytes
from journeyman.resilience.signals import ignore_signal

URL = "http://gateway.example:4000/v1/"
ASK = ModelRequest(model="m", messages=(user("hi"),))


class PatientClock(ManualClock):
    """A clock that never waits and records the requested pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Half(random.Random):
    def random(self) -> float:
        return 0.5


def plain(text: str = "hello", **headers: str) -> FakeReply:
    body = {"model": "gpt", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return FakeReply(json.dumps(body).encode(), headers=headers)


def event(delta: dict[str, object], finish: str | None = None) -> bytes:
    body = {"model": "gpt", "choices": [{"delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def stream(*pieces: bytes | float | Exception) -> FakeReply:
    return FakeReply(pieces, headers={"content-type": "text/event-stream"})


WHOLE = (event({"content": "hel"}), event({"content": "lo"}), event({}, "stop"), b"data: [DONE]\n\n")


def guarded(transport, key: str | None, clock, *, url: str = URL, hook=ignore_signal, **options) -> Gateway:
    names = {"max_retries": "retries", "timeout_seconds": "idle_seconds"}
    settings = {names[name]: value for name, value in options.items()}
    services = Services(clock=clock, rng=Half(), hook=hook, **settings)
    destination = services.gateway(url)
    return Gateway(transport, url, key, guard=destination.guard, timeouts=destination.timeouts, clock=clock)


class Setup:
    def __init__(self, *replies, key: str | None = "sk-secret", **options) -> None:
        self.clock = PatientClock()
        self.transport = FakeTransport(*replies, clock=self.clock)
        self.gateway = guarded(self.transport, key, self.clock, **options)
        self.deltas: list[TextDelta] = []

    async def call(self, request: ModelRequest = ASK) -> ModelReply:
        return await self.gateway.call(request)

    async def stream(self) -> ModelReply:
        return await self.gateway.call(ASK, self.deltas.append)

    async def failure(self, streamed: bool = False) -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await (self.stream() if streamed else self.call())
        assert self.transport.open == 0
        return caught.value


async def test_posts_to_the_url_with_the_key():
    setup = Setup(plain())
    reply = await setup.call()
    (request,) = setup.transport.requests
    assert (request.method, request.url) == ("POST", "http://gateway.example:4000/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert (reply.message.text, reply.model, reply.attempts) == ("hello", "gpt", 1)
    no_key = Setup(plain(), key=None)
    await no_key.call()
    assert "authorization" not in no_key.transport.requests[0].headers


async def test_streamed_and_not_give_the_same_reply():
    streamed = Setup(stream(*WHOLE))
    assert await streamed.stream() == await Setup(plain()).call()
    assert streamed.deltas == [TextDelta("hel"), TextDelta("lo")]
    assert json.loads(streamed.transport.requests[0].body)["stream"] is True


async def test_a_gateway_that_does_not_stream_is_understood():
    setup = Setup(plain(**{"content-type": "application/json"}))
    assert (await setup.stream()).message.text == "hello"
    assert setup.deltas == [TextDelta("hello")]


async def test_timeouts_come_from_the_settings_or_the_request():
    setup = Setup(plain(), plain(), timeout_seconds=7)
    await setup.call()
    await setup.call(ModelRequest(model="m", messages=(), timeout_seconds=2))
    assert [request.timeouts.idle for request in setup.transport.requests] == [7, 2]


@pytest.mark.parametrize(
    ("bad", "code", "kind"),
    [
        (FakeReply(b"busy", status=429), "gateway_rate_limited", ServiceUnavailableError),
        (FakeReply(b"", status=500), "gateway_error", ServiceError),
        (FakeReply(b"", status=502), "gateway_error", ServiceError),
        (FakeReply(b"", status=503), "gateway_error", ServiceUnavailableError),
        (FakeReply(b"", status=504), "gateway_timeout", ServiceTimeoutError),
        (FakeReply(b"", status=529), "gateway_error", ServiceUnavailableError),
        (unreachable(URL, "refused"), "gateway_unreachable", ServiceUnavailableError),
        (FakeReply(b"", delay=31), "gateway_timeout", ServiceTimeoutError),
        (FakeReply([b"{", 31.0]), "gateway_timeout", ServiceTimeoutError),
        (FakeReply([b"{", cut_off(URL)]), "gateway_cut_stream", ServiceError),
        (FakeReply([b"x" * (33 << 20)]), "gateway_bad_reply", ServiceError),
        (FakeReply(b"<html>"), "gateway_bad_reply", ServiceError),
        (FakeReply(b'{"choices":[]}'), "gateway_bad_reply", ServiceError),
    ],
)
async def test_transient_errors_are_retried_and_reported_if_they_persist(bad, code, kind):
    setup = Setup(bad, plain())
    assert (await setup.call()).attempts == 2
    stays = Setup(bad, bad, max_retries=1)
    error = await stays.failure()
    assert (error.code, len(stays.transport.requests)) == (code, 2)
    assert isinstance(error, kind)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 413, 422])
async def test_a_rejected_request_is_not_retried(status):
    said = json.dumps({"error": {"message": "no such \ud800 model " + "x" * 500}}).encode()
    setup = Setup(FakeReply(said, status=status))
    error = await setup.failure()
    assert (error.code, error.status, len(setup.transport.requests)) == ("gateway_rejected", status, 1)
    assert "no such" not in error.message
    assert len(error.detail) < 500
    error.detail.encode()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_says_which_setting_to_fix_and_not_the_key(status):
    setup = Setup(FakeReply(b'{"error":{"message":"bad key sk-secret"}}', status=status))
    error = await setup.failure(streamed=True)
    assert (error.code, len(setup.transport.requests)) == ("gateway_auth", 1)
    assert "LITELLM_GATEWAY_API_KEY" in error.message
    assert "bad key" not in error.message
    assert "sk-secret" not in error.detail


@pytest.mark.parametrize("status", [400, 404, 408, 422, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("streamed", [False, True])
async def test_the_gateways_message_goes_only_to_the_log(status, streamed):
    """The body may quote keys, addresses and stack traces."""
    body = b'{"error":{"message":"Traceback: /srv/proxy/main.py, key sk-inner-1234, http://10.0.0.7:4000"}}'
    setup = Setup(*[FakeReply(body, status=status)] * 4)
    error = await setup.failure(streamed=streamed)
    assert not any(word in error.message for word in ("Traceback", "/srv", "sk-inner", "10.0.0.7"))
    assert error.message.endswith("; the log has its words")
    assert "sk-inner" in error.detail


async def test_pauses_grow_with_jitter():
    setup = Setup(*[FakeReply(b"", status=500)] * 3, plain())
    assert (await setup.call()).attempts == 4
    assert setup.clock.slept == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("3", 3.25),
        ("0.5", 0.75),
        ("9", 9.25),
        ("-5", 0.25),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5.25),
        ("Tue, 14 Nov 2000 22:13:25 GMT", 0.25),
        ("soon", 0.25),
        ("nan", 0.25),
        ("", 0.25),
    ],
)
async def test_retry_after_is_honoured_capped_or_ignored(header, pause):
    setup = Setup(FakeReply(b"", status=429, headers={"Retry-After": header}), plain())
    await setup.call()
    assert setup.clock.slept == [pytest.approx(pause)]


async def test_a_call_does_not_wait_longer_than_ten_seconds_for_a_gateway_that_wants_none():
    setup = Setup(FakeReply(b"", status=429, headers={"Retry-After": "100000"}), plain())
    error = await setup.failure()
    assert (error.code, error.retry_after) == ("gateway_rate_limited", 60)
    other = await setup.failure()
    assert other.code == "gateway_throttled"
    assert other.retry_after == pytest.approx(60.25)
    assert not await setup.gateway.is_here()


async def test_retry_after_is_kept_on_the_error():
    error = await Setup(FakeReply(b"", status=429, headers={"Retry-After": "9"}), max_retries=0).failure()
    assert error.retry_after == 9


@pytest.mark.parametrize(
    "broken",
    [
        stream(event({"content": "he"})),
        stream(event({"content": "he"}), cut_off(URL)),
        stream(event({"content": "he"}), 31.0),
        stream(event({"content": "he"}), b"data: {garbage\n\n"),
        stream(event({"content": "he"}), b'data: {"error": {"message": "overloaded"}}\n\n'),
    ],
)
async def test_a_stream_that_breaks_starts_over_with_the_next_attempt(broken):
    setup = Setup(broken, stream(*WHOLE))
    reply = await setup.stream()
    assert (reply.message.text, reply.attempts) == ("hello", 2)
    assert setup.deltas == [TextDelta("he"), TextDelta("hel", 2), TextDelta("lo", 2)]
    assert setup.transport.open == 0


async def test_the_cause_is_kept():
    error = await Setup(unreachable(URL, "refused"), max_retries=0).failure()
    assert isinstance(error.__cause__, ServiceUnavailableError)
    assert "http://gateway.example:4000" in error.message


async def test_cancelling_closes_the_exchange():
    clock = ManualClock()
    transport = FakeTransport(stream(event({"content": "he"}), 20.0), clock=clock)
    gateway = guarded(transport, None, clock)
    arrived = asyncio.Event()
    task = asyncio.create_task(gateway.call(ASK, lambda delta: arrived.set()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.open == 0


def test_a_key_that_a_header_cannot_contain_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="LITELLM_GATEWAY_API_KEY"):
        guarded(FakeTransport(), "a\r\nb", ManualClock())


async def test_closing_closes_the_transport():
    setup = Setup()
    await setup.gateway.aclose()
    assert setup.transport.closed


OTHER = ModelRequest(model="m", messages=(user("hi"),), fallbacks=("n", "o"))


async def test_the_breaker_of_a_failing_model_opens():
    setup = Setup(*[FakeReply(b"", status=500)] * 5)
    first = await setup.failure()
    second = await setup.failure()  # its first attempt is the fifth consecutive failure
    third = await setup.failure()
    assert [first.code, second.code, third.code] == ["gateway_error", "gateway_error", "gateway_circuit_open"]
    assert isinstance(third, ServiceUnavailableError)
    assert third.retry_after == pytest.approx(2)
    assert len(setup.transport.requests) == 5
    setup.clock.advance(2)
    setup.transport.script(plain())
    assert (await setup.call()).message.text == "hello"


async def test_fallbacks_answer_while_a_breaker_is_open():
    setup = Setup(*[FakeReply(b"", status=500)] * 5, plain("from n"), plain("from n again"))
    await setup.failure()
    reply = await setup.call(OTHER)
    assert (reply.message.text, reply.attempts) == ("from n", 2)
    assert (await setup.call(OTHER)).message.text == "from n again"
    asked = [json.loads(request.body)["model"] for request in setup.transport.requests]
    assert asked == ["m"] * 5 + ["n", "n"]


async def test_a_fallback_gets_no_opaque_fields_of_the_model_before_it_and_owns_its_own():
    thinking = {"choices": [{"message": {"content": "a", "reasoning_content": "hm"}, "finish_reason": "stop"}]}
    thought = [FakeReply(json.dumps(thinking).encode()) for _ in range(2)]
    setup = Setup(thought[0], *[FakeReply(b"", status=500)] * 5, thought[1])
    first = (await setup.call()).message
    asked = msgspec.structs.replace(OTHER, messages=(user("hi"), first, user("go on")))
    with pytest.raises(ServiceError):
        await setup.call(asked)
    second = (await setup.call(asked)).message
    assert (first.owner, second.owner) == (Owner("m"), Owner("n"))
    sent = [json.loads(request.body)["messages"][1] for request in setup.transport.requests[1:]]
    assert [message.get("reasoning_content") for message in sent] == ["hm"] * 5 + [None]


async def test_a_single_failure_is_no_reason_for_a_fallback():
    setup = Setup(FakeReply(b"", status=500), max_retries=0)
    with pytest.raises(ServiceError) as caught:
        await setup.call(OTHER)
    assert caught.value.code == "gateway_error"


async def test_a_rejected_request_does_not_count_as_a_failure():
    setup = Setup(*[FakeReply(b"", status=400)] * 10, plain())
    for _ in range(10):
        assert (await setup.failure()).code == "gateway_rejected"
    await setup.call()


MIB = 1 << 20
LARGE = [event({"content": "x" * MIB})] * 3
LARGE_END = [event({}, "stop"), b"data: [DONE]\n\n"]


@pytest.mark.parametrize(
    ("form", "streamed"), [("events", True), ("document", True), ("document", False), ("no length", False)]
)
async def test_a_reply_for_which_there_is_no_room_is_not_read(form, streamed):
    body = {"model": "gpt", "choices": [{"message": {"content": "x" * 3 * MIB}, "finish_reason": "stop"}]}
    whole = json.dumps(body).encode()
    headers = {"content-length": str(len(whole))} if form == "document" else {}
    read: list[int] = []

    def pieces():
        for number, piece in enumerate([*LARGE, *LARGE_END] if form == "events" else [whole[:MIB], whole[MIB:]]):
            read.append(number)
            yield piece

    reply = FakeReply(headers=headers)
    setup = Setup(reply)
    reply.body = pieces()  # read as they are asked for
    setup.gateway.reply_bytes = ReplyBytes(setup.clock, 4 * MIB)
    other = CountedReply(setup.gateway.reply_bytes)
    assert other.grow(4 * MIB)
    call = asyncio.create_task(setup.stream() if streamed else setup.call())
    for _ in range(20):
        await asyncio.sleep(0)
    assert setup.gateway.reply_bytes.waiting == 1
    assert read == ([] if (form, streamed) == ("document", False) else [0])
    other.release()
    assert len((await call).message.text) == 3 * MIB
    assert setup.gateway.reply_bytes.held == 0


@pytest.mark.parametrize("ending", ["cut", "too large", "bad", "cancelled"])
async def test_a_reply_that_fails_makes_room(ending):
    last = {"cut": cut_off(URL), "too large": b"x" * (33 << 20), "bad": b"{]\n\n", "cancelled": 10.0}[ending]
    setup = Setup(stream(*LARGE, last), max_retries=0)
    if ending == "cancelled":
        setup.clock = setup.transport._clock = ManualClock()  # type: ignore[assignment]
    call = asyncio.create_task(setup.stream())
    for _ in range(20):
        await asyncio.sleep(0)
    if ending == "cancelled":
        assert setup.gateway.reply_bytes.held > 2 * MIB
        call.cancel()
    with pytest.raises((ServiceError, asyncio.CancelledError)):
        await call
    assert setup.gateway.reply_bytes.held == 0


async def test_a_small_reply_passes_large_ones_that_wait():
    setup = Setup(plain())
    large = CountedReply(setup.gateway.reply_bytes)
    assert large.grow(1 << 30)
    assert (await setup.call()).message.text == "hello"
