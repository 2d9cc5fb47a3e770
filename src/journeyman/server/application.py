"""Every part of one process, joined: what opens, works, drains and closes together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from journeyman.agents.spec import AgentSpec
from journeyman.clock import Clock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.errors import Problem
from journeyman.events.codec import Codec
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.journal.journal import Journal
from journeyman.llm.client import ModelClient
from journeyman.resilience.shared_window import RedisWindows
from journeyman.resilience.window import MemoryWindows
from journeyman.runtime.approval_deadlines import ApprovalDeadlines
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.retention import Keep, Retention
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.threads import Threads
from journeyman.server.authentication import Authentication
from journeyman.server.mcp_servers import McpConnections
from journeyman.server.observers import Observers
from journeyman.server.reload.reload import Reloader
from journeyman.settings import Settings
from journeyman.telemetry.metrics.exposition import Exposition
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.sandbox.detection import AvailableIsolation, describe_isolation, describe_tool_isolation
from journeyman.tools.spec import ToolSpec

DRAIN_SECONDS = 10.0  # how long runs may finish after a SIGTERM before they are parked


def runs_processes(registry: ToolRegistry) -> bool:
    return any(tool.spec.isolation == "process" for tool in registry.tools.values())


def _ignored(_: tuple[str, ...]) -> None:
    return None


@dataclass(slots=True, kw_only=True)
class Application:
    """The parts of one process. `async with` opens the journal and takes over what an earlier process left."""

    settings: Settings
    codec: Codec
    journal: Journal
    models: ModelClient
    services: Services
    http: HttpClient
    workers: WorkerPool
    registry: ToolRegistry
    cache: ToolCache | None
    mcp: McpConnections
    catalog: AgentRegistry
    definitions: VersionResolver
    worker: RunScheduler
    budgets: Budgets
    runs: Runs
    forks: Forks
    threads: Threads
    observers: Observers
    exposition: Exposition
    deadlines: ApprovalDeadlines
    retention: Retention
    identity: Authentication
    windows: MemoryWindows | RedisWindows | None  # of requests; None: nobody counts
    clock: Clock
    ids: Ids
    reloading: Reloader = field(init=False)
    problems: tuple[Problem, ...] = ()  # warnings of loading
    secrets: tuple[str, ...] = ()  # every value to be masked wherever people look
    on_secrets: Callable[[tuple[str, ...]], None] = _ignored  # told of them when a reload named more
    recovered: int = 0  # runs that were under way when the process before this one ended
    started: bool = False
    looking: asyncio.Task[AvailableIsolation] | None = None  # at what confines workers here
    pruning: asyncio.Task[None] | None = None  # every hour, where RETENTION_DAYS is set

    async def __aenter__(self) -> Application:
        await self.journal.open()
        await self.identity.open(self.clock)
        await self.mcp.start(self.catalog)
        self.recovered = await self.worker.recover()
        self.deadlines.start()
        if runs_processes(self.registry):
            self.looking = asyncio.create_task(self.workers.kernel())
        self.observers.start(self.journal)
        if (days := self.settings.retention_days) is not None:
            self.pruning = asyncio.create_task(self.retention.periodically(Keep.of(days)))
        self.started = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.deadlines.aclose()
        await self.drain(0.0)
        await self.reloading.aclose()
        await self.observers.aclose()
        for task in (self.looking, self.pruning):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self.mcp.aclose()
        await self.models.aclose()
        await self.workers.aclose()
        await self.http.aclose()
        await self.identity.aclose()
        await self.registry.aclose()
        if self.cache is not None:
            await self.cache.aclose()
        if self.reloading.transport is not None:
            await self.reloading.transport.aclose()
        if self.windows is not None:
            await self.windows.aclose()
        await self.journal.close()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Accept nothing new; let runs finish for a while, park the rest; tell streams to reconnect. Idempotent."""
        await self.worker.stop(seconds)

    def not_ready(self) -> Mapping[str, object]:
        """Why no work is taken now; empty: it is."""
        reasons: dict[str, object] = {}
        if not self.started:
            reasons["starting"] = "the journal is being opened"
        elif not self.journal.healthy:
            reasons["journal"] = "a commit failed: see the log, free or repair the disk, restart"
        if self.worker.stopping:
            reasons["shutting_down"] = "the process is draining"
        return reasons

    def learn(self, secrets: tuple[str, ...]) -> None:
        """Mask these values too: a changed file named them."""
        new = tuple(secret for secret in secrets if secret not in self.secrets)
        if new:
            self.codec.learn(new)
            if self.cache is not None:
                self.cache.learn(new)
            self.secrets += new
            self.on_secrets(self.secrets)

    def read_definition(self, data: bytes) -> AgentSpec:
        """A stored definition, with the environment of now, whose values in it are masked from here on.

        Raises ConfigurationError and msgspec.MsgspecError.
        """
        spec = AgentSpec.decode(data, os.environ)
        self.learn(tuple(spec.variables.values()))
        return spec

    def details(self) -> Mapping[str, object]:
        """What worker processes are confined by, if any are needed and it is known, and a reload that was refused."""
        kernel, last = self.workers.known_kernel, self.reloading.last
        found: dict[str, object] = {} if kernel is None else {"sandbox": describe_isolation(kernel)}
        if last is not None and not last.applied:
            found["reload"] = f"refused for {len(last.problems)} problems: see the log, or GET /agents/{{name}}"
        if self.windows is not None and self.windows.away:
            found["limits"] = "Redis is away: limits are those of this process"
        return found

    def sandbox(self, spec: ToolSpec) -> Mapping[str, JSON]:
        """The same for one tool."""
        kernel = self.workers.known_kernel
        return (
            {}
            if kernel is None and spec.isolation == "process"
            else describe_tool_isolation(spec, kernel or AvailableIsolation())
        )
