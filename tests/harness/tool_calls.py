"""Calls of tools through the executor, with a double of the web."""

from __future__ import annotations

import random

from journeyman.clock import ManualClock
from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ServiceUnavailableError
from journeyman.ids import SequentialIds
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry


class EagerClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Web:
    """Answers every request, and remembers how it was asked."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.how: list[tuple[bool, tuple[str, ...] | None]] = []

    async def send(self, request: HttpRequest, *, idempotent: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        self.requests.append(request)
        self.how.append((idempotent, hosts))
        if "down" in request.url:
            raise ServiceUnavailableError("down is left alone", code="service_circuit_open", retry_after=3)
        return HttpReply(200, {"content-type": "application/json"}, request.body or b'"seen"', request.url)


class ToolCalls:
    def __init__(self, registry: ToolRegistry) -> None:
        self.registry = registry
        self.clock = EagerClock()
        self.web = Web()
        self.workers = WorkerPool()
        self.executor = Executor(registry, self.workers, self.clock, random.Random(1), SequentialIds(), http=self.web)
