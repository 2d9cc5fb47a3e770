"""Requests of tools over a fake transport: retries, headers that stay with their origin, defaults."""

from __future__ import annotations

import contextlib

import pytest

from journeyman.egress.transport import FakeReply, cut_off, unreachable
from journeyman.errors import ServiceError
from tests.harness.guarded_client import URL, GuardedClient


@pytest.mark.parametrize(
    "bad", [FakeReply(b"", status=500), FakeReply(b"", status=429), cut_off(URL), unreachable(URL, "")]
)
async def test_idempotent_requests_are_retried(bad):
    client = GuardedClient(bad, FakeReply(b"fine"))
    assert (await client.send()).text == "fine"


@pytest.mark.parametrize(
    ("bad", "attempts"),
    [
        (FakeReply(b"", status=500), 1),
        (FakeReply(b"", status=503), 1),
        (FakeReply(b"", delay=31), 1),
        (cut_off(URL), 1),
        (FakeReply(b"", status=429), 2),
        (unreachable(URL, "refused"), 2),
    ],
)
async def test_a_request_that_may_have_been_processed_is_sent_once(bad, attempts):
    client = GuardedClient(bad, FakeReply(b"fine"))
    with contextlib.suppress(ServiceError):
        await client.send("POST", idempotent=False)
    assert len(client.transport.requests) == attempts


async def test_a_persistent_refusal_is_returned_as_a_reply():
    client = GuardedClient(*[FakeReply(b'{"no": 1}', status=503)] * 4)
    reply = await client.send()
    assert (reply.status, reply.ok, reply.json()) == (503, False, {"no": 1})
    with pytest.raises(ServiceError, match="503"):
        reply.raise_for_status()
    assert len(client.transport.requests) == 4


async def test_secrets_stay_with_their_origin_and_https_stays_https():
    away = FakeReply(b"", status=302, headers={"Location": "https://other.example/x"})
    client = GuardedClient(away, FakeReply(b"there"))
    secret = {"authorization": "Bearer s", "cookie": "c", "idempotency-key": "k", "Accept": "text/plain"}
    secret |= {"X-Api-Key": "s", "x-goog-api-key": "s", "PRIVATE-TOKEN": "s", "x-our-own": "s", "content-type": "s"}
    reply = await client.send(headers=secret)
    assert reply.url == "https://other.example:443/x"
    first, second = client.transport.requests
    assert first.headers["authorization"] == "Bearer s"
    assert second.headers["Accept"] == "text/plain"
    assert not {"s", "c", "k", "Bearer s"} & set(second.headers.values())
    down = FakeReply(b"", status=302, headers={"Location": "http://shop.example/x"})
    with pytest.raises(ServiceError, match="from https to http"):
        await GuardedClient(down).send()


async def test_other_methods_follow_no_redirect_and_loops_end():
    away = FakeReply(b"", status=307, headers={"Location": "/x"})
    assert (await GuardedClient(away).send("POST")).status == 307
    with pytest.raises(ServiceError, match="more than 5 times"):
        await GuardedClient(*[away] * 6).send()


async def test_the_caller_cannot_set_framing_headers():
    client = GuardedClient(FakeReply(b""))
    await client.send(headers={"host": "evil", "content-length": "9", "transfer-encoding": "chunked", "x-a": "1"})
    assert set(client.transport.requests[0].headers) == {"x-a", "user-agent", "accept-encoding"}
