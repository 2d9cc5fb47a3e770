"""A real server with its surroundings: fake gateway, effects log, reconnecting client and strace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import invariants
from tests.harness.api_client import ApiClient
from tests.harness.effects_log import EffectsLog
from tests.harness.fake_gateway import FakeGateway
from tests.harness.real_server import RealServer
from tests.harness.strace import Tracer


@dataclass
class ServerEnvironment:
    server: RealServer
    gateway: FakeGateway
    effects_log: EffectsLog
    client: ApiClient
    tracer: Tracer

    async def settle(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for the end of the run and return it. Pending approvals are approved; a call with an unknown outcome is
        answered `done` if the effects log has it, else `retry`."""
        while True:
            run = await self.client.until(run_id, ("paused", "finished", "failed", "cancelled"), seconds)
            if run["status"] != "paused":
                return run
            if not run["approvals"]:
                await asyncio.sleep(0.05)  # it waits for the gateway
            for approval in run["approvals"]:
                await self.answer_one(run_id, approval)

    async def answer_one(self, run_id: str, approval: Mapping[str, Any]) -> None:
        """Answer one approval, as `settle` does."""
        of = approval["run_id"]
        if approval["kind"] == "limit":
            await self.client.answer(run_id, approval["approval"], "approve", of)
            return
        tool, label = approval["tool"], approval["arguments"]["label"]
        if approval["kind"] == "tool":
            await self.client.answer(run_id, approval["approval"], "approve", of)
        elif self.effects_log.happened(tool, label):
            await self.client.answer(run_id, approval["approval"], "done", of, result=f"{tool} {label} done")
        else:
            await self.client.answer(run_id, approval["approval"], "retry", of)

    async def reached(self, marker: str) -> None:
        """Wait until the gateway holds for this marker. A server that is killed meanwhile is started again."""
        holds = asyncio.create_task(self.gateway.reached(marker))
        while not holds.done():
            await self.client.get("/livez")
            await asyncio.wait([holds], timeout=0.05)
        holds.result()

    async def violations(self, run_id: str, marker: str) -> list[str]:
        """Return the invariants that a finished run breaks, seen from its events, the effects log and the gateway."""
        events = await self.client.events(run_id)
        asked = {number: count for (name, number), count in self.gateway.calls.items() if name == marker}
        wrong = [
            *invariants.journal(events),
            *invariants.effects(events, self.effects_log.effects()),
            *invariants.model_calls(events, asked),
            *self.gateway.refused,
        ]
        if wrong:
            wrong.append("events: " + ", ".join(f"{event['seq']} {event['type']}" for event in events))
        return wrong


@asynccontextmanager
async def server_environment(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    agents: Mapping[str, str] | None = None,
    preloaded: bool = True,
) -> AsyncIterator[ServerEnvironment]:
    """Start the server and wait until it is ready. On exit everything is stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(FakeGateway())
        effects_log = EffectsLog(folder, agents)
        settings = {"LITELLM_GATEWAY_URL": gateway.url, "LITELLM_GATEWAY_API_KEY": "sk-test", **(settings or {})}
        server = RealServer(folder, effects_log.agents, settings, preloaded=preloaded)
        stack.push_async_callback(server.close)
        tracer = Tracer(folder)
        stack.push_async_callback(tracer.close)
        client = await stack.enter_async_context(ApiClient(server, server.revive))
        await server.start()
        yield ServerEnvironment(server, gateway, effects_log, client, tracer)
