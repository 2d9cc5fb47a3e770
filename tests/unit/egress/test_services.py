from __future__ import annotations

import random

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services, ServiceSpec, merged_services, normalized_match
from journeyman.egress.transport import FakeReply
from journeyman.resilience.rate_limit import Rate
from tests.harness.guarded_client import GuardedClient


async def test_a_service_has_its_own_limits_and_others_the_defaults():
    shop = ServiceSpec(name="shop", match="https://shop.example", first_byte=3, retries=0, rate=Rate(5, 1))
    client = GuardedClient(FakeReply(b"", status=500), FakeReply(b""), specs=[shop])
    await client.send()
    await client.send(url="https://other.example/")
    assert [request.timeouts.first_byte for request in client.transport.requests] == [3, 30]
    figures = {each.guard.name: each.guard.figures() for each in client.services.destinations()}
    assert set(figures) == {"shop", "https://other.example"}
    assert figures["shop"].breakers[""].failures == 1


async def test_guards_of_unconfigured_origins_are_bounded():
    client = GuardedClient(*[FakeReply(b"")] * 600)
    for number in range(600):
        await client.send(url=f"https://host-{number}.example/")
    assert len(client.services.destinations()) == 256


def test_the_strictest_limit_applies_and_contradictions_are_reported():
    one = ServiceSpec(name="shop", match="https://shop.example", retries=3, rate=Rate(50, 1), open_seconds=1)
    two = ServiceSpec(name="shop", match="https://shop.example", retries=1, rate=Rate(60, 60), open_seconds=9, total=5)
    (both,), contradictions = merged_services([one, two])
    assert not contradictions
    assert (both.retries, both.rate, both.open_seconds, both.total, both.connect) == (1, Rate(60, 60), 9, 5, None)
    _, contradictions = merged_services(
        [one, ServiceSpec(name="shop", match="gateway"), ServiceSpec(name="x", match=one.match)]
    )
    assert len(contradictions) == 2


@pytest.mark.parametrize("text", ["https://Shop.example:443", "https://shop.example/"])
def test_one_origin_one_match(text: str):
    assert normalized_match(text) == "https://shop.example"


@pytest.mark.parametrize(
    "text", ["shop.example", "mcp:", "https://u@shop.example", "https://shop.example/x", "http://x:y"]
)
def test_what_matches_nothing_is_refused(text: str):
    with pytest.raises(ValueError, match="match is an origin"):
        normalized_match(text)


async def test_a_changed_service_gets_a_new_guard_and_the_others_keep_theirs() -> None:
    kept, changed = ServiceSpec(name="a", match="https://a.example"), ServiceSpec(name="b", match="https://b.example")
    gateway = ServiceSpec(name="g", match="gateway", retries=1)
    services = Services([kept, changed, gateway], clock=ManualClock(), rng=random.Random(1))
    services.gateway("https://llm.example")
    a, b, plain = map(services.of_url, ("https://a.example", "https://b.example", "https://c.example"))
    new = ServiceSpec(name="c", match="https://c.example", retries=0)
    stronger = ServiceSpec(name="b", match="https://b.example", retries=2)
    fixed = services.renew([kept, stronger, new, ServiceSpec(name="g", match="gateway", retries=2)])
    assert fixed == ("gateway",)
    assert services.of_url("https://a.example") is a
    assert services.of_url("https://b.example").guard.policy.retries == 2
    assert services.of_url("https://c.example") is not plain
    assert services.of_url("https://c.example").configured
    assert services.renew([kept, stronger, new, gateway]) == ()
    assert b.guard.policy.retries == 3  # calls in progress end under the old guard
