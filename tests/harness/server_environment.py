"""One server with all that surrounds it: gateway, world, a client that outlives kills, strace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import invariants
from tests.harness.api_client import Client
from tests.harness.effects_log import World
from tests.harness.fake_gateway import Gateway
from tests.harness.real_server import Server
from tests.harness.strace import Tracer


@dataclass
class Lane:
    server: Server
    gateway: Gateway
    world: World
    client: Client
    tracer: Tracer

    async def settle(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for the run's end. Whoever is asked about an unknown outcome looks at the world: what happened is
        done, what did not is to be tried again. Calls that need an approval are approved."""
        while True:
            run = await self.client.until(run_id, ("paused", "finished", "failed", "cancelled"), seconds)
            if run["status"] != "paused":
                return run
            for approval in run["approvals"]:
                await self._answer(run_id, approval)

    async def _answer(self, run_id: str, approval: Mapping[str, Any]) -> None:
        tool, label, of = approval["tool"], approval["arguments"]["label"], approval["run_id"]
        if approval["kind"] == "tool":
            await self.client.answer(run_id, approval["approval"], "approve", of)
        elif self.world.happened(tool, label):
            await self.client.answer(run_id, approval["approval"], "done", of, result=f"{tool} {label} done")
        else:
            await self.client.answer(run_id, approval["approval"], "retry", of)

    async def violations(self, run_id: str, marker: str) -> list[str]:
        """What is wrong with a run that is over, seen from everywhere."""
        events = await self.client.events(run_id)
        asked = {number: count for (name, number), count in self.gateway.calls.items() if name == marker}
        wrong = [
            *invariants.journal(events),
            *invariants.effects(events, self.world.effects()),
            *invariants.model_calls(events, asked),
            *self.gateway.refused,
        ]
        if wrong:
            wrong.append("events: " + ", ".join(f"{event['seq']} {event['type']}" for event in events))
        return wrong


@asynccontextmanager
async def lane(
    folder: Path, settings: Mapping[str, str] | None = None, agents: Mapping[str, str] | None = None
) -> AsyncIterator[Lane]:
    """All of it around a server that is ready; nothing is left running after it."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway())
        world = World(folder, agents)
        settings = {"LITELLM_GATEWAY_URL": gateway.url, "LITELLM_GATEWAY_API_KEY": "sk-test", **(settings or {})}
        server = Server(folder, world.agents, settings)
        stack.push_async_callback(server.close)
        tracer = Tracer(folder)
        stack.push_async_callback(tracer.close)
        client = await stack.enter_async_context(Client(server, server.revive))
        await server.start()
        yield Lane(server, gateway, world, client, tracer)
