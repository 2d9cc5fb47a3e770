"""The HTTP client of tools over a fake transport, with a clock that never waits."""

from __future__ import annotations

import random

from journeyman.clock import ManualClock
from journeyman.egress.client import HttpClient
from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.egress.services import Services
from journeyman.egress.transport import FakeTransport

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

    async def send(self, method: str = "GET", url: str = URL, *, idempotent: bool = True, **given) -> HttpReply:
        return await self.client.send(HttpRequest(method, url, **given), idempotent=idempotent)
