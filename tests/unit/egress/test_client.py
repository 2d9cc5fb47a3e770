"""Requests of tools over the transport's double: what is tried again, what is kept back across origins, defaults."""

from __future__ import annotations

import contextlib
import random

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.client import HttpClient
from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.egress.services import Services, ServiceSpec, matched, merged_services
from journeyman.egress.transport import FakeReply, FakeTransport, cut_off, unreachable
from journeyman.errors import ServiceError
from journeyman.resilience.rate_limit import Rate

URL = "https://shop.example/orders"


class EagerClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class GuardedClient:
    def __init__(self, *replies, specs=(), **options) -> None:
        clock = EagerClock()
        self.transport = FakeTransport(*replies, clock=clock)
        self.services = Services(specs, clock=clock, rng=random.Random(1), **options)
        self.client = HttpClient(self.services, lambda public: self.transport, clock)

    async def send(self, method: str = "GET", url: str = URL, *, harmless: bool = True, **given) -> HttpReply:
        return await self.client.send(HttpRequest(method, url, **given), harmless=harmless)


@pytest.mark.parametrize(
    "bad", [FakeReply(b"", status=500), FakeReply(b"", status=429), cut_off(URL), unreachable(URL, "")]
)
async def test_harmless_requests_are_tried_again(bad):
    client = GuardedClient(bad, FakeReply(b"fine"))
    assert (await client.send()).text == "fine"


@pytest.mark.parametrize(
    ("bad", "tries"),
    [
        (FakeReply(b"", status=500), 1),
        (FakeReply(b"", status=503), 1),
        (FakeReply(b"", delay=31), 1),
        (cut_off(URL), 1),
        (FakeReply(b"", status=429), 2),
        (unreachable(URL, "refused"), 2),
    ],
)
async def test_what_may_have_been_acted_on_is_sent_once(bad, tries):
    client = GuardedClient(bad, FakeReply(b"fine"))
    with contextlib.suppress(ServiceError):
        await client.send("POST", harmless=False)
    assert len(client.transport.requests) == tries


async def test_a_refusal_that_stays_is_a_reply():
    client = GuardedClient(*[FakeReply(b'{"no": 1}', status=503)] * 4)
    reply = await client.send()
    assert (reply.status, reply.ok, reply.json()) == (503, False, {"no": 1})
    with pytest.raises(ServiceError, match="503"):
        reply.raise_for_status()
    assert len(client.transport.requests) == 4


async def test_secrets_stay_with_their_origin_and_https_stays_https():
    away = FakeReply(b"", status=302, headers={"Location": "https://other.example/x"})
    client = GuardedClient(away, FakeReply(b"there"))
    secret = {"authorization": "Bearer s", "cookie": "c", "idempotency-key": "k", "accept": "text/plain"}
    reply = await client.send(headers=secret)
    assert reply.url == "https://other.example:443/x"
    first, second = client.transport.requests
    assert first.headers["authorization"] == "Bearer s"
    assert "authorization" not in second.headers
    assert "cookie" not in second.headers
    assert second.headers["accept"] == "text/plain"
    down = FakeReply(b"", status=302, headers={"Location": "http://shop.example/x"})
    with pytest.raises(ServiceError, match="from https to http"):
        await GuardedClient(down).send()


async def test_other_methods_follow_nothing_and_loops_end():
    away = FakeReply(b"", status=307, headers={"Location": "/x"})
    assert (await GuardedClient(away).send("POST")).status == 307
    with pytest.raises(ServiceError, match="more than 5 times"):
        await GuardedClient(*[away] * 6).send()


async def test_the_caller_cannot_write_the_frame_of_the_message():
    client = GuardedClient(FakeReply(b""))
    await client.send(headers={"host": "evil", "content-length": "9", "transfer-encoding": "chunked", "x-a": "1"})
    assert set(client.transport.requests[0].headers) == {"x-a", "user-agent", "accept-encoding"}


async def test_services_have_their_numbers_and_the_rest_the_defaults():
    shop = ServiceSpec(name="shop", match="https://shop.example", first_byte=3, retries=0, rate=Rate(5, 1))
    client = GuardedClient(FakeReply(b"", status=500), FakeReply(b""), specs=[shop])
    await client.send()
    await client.send(url="https://other.example/")
    assert [request.timeouts.first_byte for request in client.transport.requests] == [3, 30]
    assert set(client.services.states()) == {"shop", "https://other.example"}
    assert client.services.states()["shop"].breakers[""].failures_in_a_row == 1


async def test_origins_that_nobody_configured_are_forgotten():
    client = GuardedClient(*[FakeReply(b"")] * 600)
    for number in range(600):
        await client.send(url=f"https://host-{number}.example/")
    assert len(client.services.states()) == 256


def test_the_strictest_number_holds_and_contradictions_are_told():
    one = ServiceSpec(name="shop", match="https://shop.example", retries=3, rate=Rate(50, 1), open_seconds=1)
    two = ServiceSpec(name="shop", match="https://shop.example", retries=1, rate=Rate(60, 60), open_seconds=9, total=5)
    (both,), wrong = merged_services([one, two])
    assert not wrong
    assert (both.retries, both.rate, both.open_seconds, both.total, both.connect) == (1, Rate(60, 60), 9, 5, None)
    _, wrong = merged_services([one, ServiceSpec(name="shop", match="gateway"), ServiceSpec(name="x", match=one.match)])
    assert len(wrong) == 2


@pytest.mark.parametrize("text", ["https://Shop.example:443", "https://shop.example/"])
def test_one_origin_one_match(text: str):
    assert matched(text) == "https://shop.example"


@pytest.mark.parametrize(
    "text", ["shop.example", "mcp:", "https://u@shop.example", "https://shop.example/x", "http://x:y"]
)
def test_what_matches_nothing_is_refused(text: str):
    with pytest.raises(ValueError, match="match is an origin"):
        matched(text)


async def test_services_that_change_are_guarded_anew_and_the_others_keep_their_guard() -> None:
    kept, changed = ServiceSpec(name="a", match="https://a.example"), ServiceSpec(name="b", match="https://b.example")
    gateway = ServiceSpec(name="g", match="gateway", retries=1)
    services = Services([kept, changed, gateway], clock=ManualClock(), rng=random.Random(1))
    services.gateway("https://llm.example")
    a, b, plain = map(services.of_url, ("https://a.example", "https://b.example", "https://c.example"))
    new = ServiceSpec(name="c", match="https://c.example", retries=0)
    stronger = ServiceSpec(name="b", match="https://b.example", retries=2)
    held = services.renew([kept, stronger, new, ServiceSpec(name="g", match="gateway", retries=2)])
    assert held == ("gateway",)
    assert services.of_url("https://a.example") is a
    assert services.of_url("https://b.example").guard.policy.retries == 2
    assert services.of_url("https://c.example") is not plain
    assert services.of_url("https://c.example").configured
    assert services.renew([kept, stronger, new, gateway]) == ()
    assert b.guard.policy.retries == 3  # calls under way end as they began
