"""The application: every part of one process, opened, drained and closed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from journeyman.clock import Clock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.errors import ConfigurationError, JournalLostError, Problem, StorageError
from journeyman.events.codec import Codec
from journeyman.events.messages import JSON
from journeyman.files.store import FileStore
from journeyman.ids import Ids
from journeyman.journal.journal import Journal, RunRow
from journeyman.llm.client import ModelClient
from journeyman.resilience.shared_window import RedisWindows
from journeyman.resilience.window import MemoryWindows
from journeyman.runtime.retention import Keep
from journeyman.runtime.runtime import Runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.threads import Threads
from journeyman.server.authentication import Authentication
from journeyman.server.known_secrets import KnownSecrets
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

log = logging.getLogger(__name__)

MAX_COUNTED_APPROVALS = 100  # of which a start reads the rows
DRAIN_SECONDS = 10.0  # how long runs may finish after a SIGTERM before they are suspended


def runs_processes(registry: ToolRegistry) -> bool:
    """Tell whether any tool runs in a worker process."""
    return any(tool.spec.policy.isolation == "process" for tool in registry.tools.values())


@dataclass(slots=True, kw_only=True)
class Application:
    """The parts of one process. `async with` opens them; an open that fails closes what it had opened."""

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
    agents: AgentRegistry
    versions: VersionResolver
    runtime: Runtime
    files: FileStore
    observers: Observers
    exposition: Exposition
    authentication: Authentication | None  # None: in-process use, where nothing is called over HTTP
    windows: MemoryWindows | RedisWindows | None  # of requests; None: requests are not counted
    reloader: Reloader
    secrets: KnownSecrets
    clock: Clock
    ids: Ids
    problems: tuple[Problem, ...] = ()  # warnings of loading
    strict: bool = False  # whether a start with open runs that cannot go on here is refused
    recovered: int = 0  # runs that were in progress when the process before this one ended
    waiting_approvals: int = 0  # that were open at the start, counted up to a limit
    started: bool = False
    _closing: AsyncExitStack | None = field(default=None, init=False)

    @property
    def runs(self) -> Runs:
        """The use cases of runs."""
        return self.runtime.runs

    @property
    def forks(self) -> Forks:
        """The use case of forks."""
        return self.runtime.forks

    @property
    def threads(self) -> Threads:
        """The use cases of threads."""
        return self.runtime.threads

    # --- opening and closing

    async def __aenter__(self) -> Application:
        """Open the journal and the parts over it, and resume the runs that an earlier process left.

        Raises StorageError and ConfigurationError; everything is closed then.
        """
        async with AsyncExitStack() as stack:
            self._push_built(stack)
            await self._open(stack)
            self._closing = stack.pop_all()
        self.started = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every part, also where one of them raises, and also if the application was never opened."""
        stack, self._closing = self._closing or AsyncExitStack(), None
        if not self.started:
            self._push_built(stack)
        await stack.aclose()

    def _push_built(self, stack: AsyncExitStack) -> None:
        """Push the closes of the parts that need no opening. The journal's lock is held until all are closed."""
        stack.push_async_callback(self.journal.close)
        stack.push_async_callback(self.files.aclose)
        if self.windows is not None:
            stack.push_async_callback(self.windows.aclose)
        stack.push_async_callback(self.reloader.close_transport)
        if self.cache is not None:
            stack.push_async_callback(self.cache.aclose)
        stack.push_async_callback(self.registry.aclose)
        if self.authentication is not None:
            stack.push_async_callback(self.authentication.aclose)
        for part in (self.http, self.workers, self.models, self.mcp):
            stack.push_async_callback(part.aclose)

    async def _open(self, stack: AsyncExitStack) -> None:
        await self.journal.open()
        await self.files.open()
        if self.authentication is not None:
            await self.authentication.open(self.clock)
        await self.mcp.start()
        stack.push_async_callback(self.observers.aclose)
        stack.push_async_callback(self.reloader.aclose)
        stack.push_async_callback(self.drain, 0.0)
        self.recovered = await self.runtime.scheduler.recover(self._check_open_runs)
        self.waiting_approvals = len(await self.journal.approvals(None, None, MAX_COUNTED_APPROVALS + 1))
        stack.push_async_callback(self.runtime.deadlines.aclose)
        self.runtime.deadlines.start()
        stack.push_async_callback(self.runtime.lacking.aclose)
        self.runtime.lacking.look()
        self.observers.start(self.journal)
        if runs_processes(self.registry):
            _push_task(stack, asyncio.create_task(self.workers.isolation(), name="sandbox detection"))
        _push_task(stack, asyncio.create_task(self.files.periodically(), name="unused files"))
        chats = self.runtime.chat_retention.periodically(self.settings.protocol_threads_keep_hours * 3600)
        _push_task(stack, asyncio.create_task(chats, name="chat retention"))
        if (days := self.settings.retention_days) is not None:
            pruning = self.runtime.retention.periodically(Keep.of(days))
            _push_task(stack, asyncio.create_task(pruning, name="retention"))

    async def _check_open_runs(self, rows: Sequence[RunRow]) -> None:
        """Name the open runs that cannot go on here. Raises ConfigurationError if there are some and it is strict."""
        if any(row.status == "running" for row in rows):
            self.services.begin_slowly()
        unserved = await self.runtime.lacking.unserved(rows)
        if unserved and self.strict:
            raise ConfigurationError("\n".join(unserved))
        for sentence in unserved:
            log.warning("%s", sentence)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Accept nothing new, let runs finish for `seconds`, then suspend the rest. Streams are told to reconnect."""
        await self.runtime.scheduler.stop(seconds)

    # --- state, for probes and pages

    @property
    def disk_failed(self) -> bool:
        """Whether a commit or a flush failed for good: only a new process can find out what is on the disk."""
        trouble = self.journal.trouble
        return trouble is not None and not self.journal.healthy and not isinstance(trouble, JournalLostError)

    def not_ready(self) -> Mapping[str, object]:
        """Return the reasons why no work is taken now, by name. Empty: the application is ready."""
        reasons: dict[str, object] = {}
        if not self.started:
            reasons["starting"] = "the journal is being opened"
        elif (trouble := self.journal.trouble) is not None:
            reasons["journal"] = _journal_reason(trouble, self.journal.healthy)
        if self.runtime.scheduler.stopping:
            reasons["shutting_down"] = "the process is draining"
        return reasons

    def details(self) -> Mapping[str, object]:
        """Return what `/readyz` adds: how workers are confined, a refused reload, runs that wait, and absent Redis."""
        isolation, last = self.workers.known_isolation, self.reloader.last
        found: dict[str, object] = {} if isolation is None else {"sandbox": describe_isolation(isolation)}
        if last is not None and not last.applied:
            found["reload"] = f"refused for {len(last.problems)} problems: see the log, or GET /agents/{{name}}"
        if waiting := self.runtime.lacking.counts_by_kind():
            found["waiting"] = waiting  # by kind alone: the page is open to everyone
        if self.windows is not None and self.windows.away:
            found["limits"] = "Redis is away: limits are those of this process"
        return found

    def sandbox(self, spec: ToolSpec) -> Mapping[str, JSON]:
        """Return how one tool is confined. Empty: it runs in a process, and the machine was not examined yet."""
        isolation = self.workers.known_isolation
        if (described := self.mcp.describe_isolation(spec.name, isolation)) is not None:
            return described
        if isolation is None and spec.policy.isolation == "process":
            return {}
        return describe_tool_isolation(spec, isolation or AvailableIsolation())


def _journal_reason(trouble: StorageError, passing: bool) -> str:
    """Return why commits fail, without the path, which the log has: strangers can read it."""
    if isinstance(trouble, JournalLostError):
        return f"{trouble.reason}: see the log, repair the journal, restart"
    if trouble.code == "storage_full":
        return "the disk is full: free some space"
    if trouble.code == "exhausted":
        return "the server has too little memory: give it more"
    if passing:
        return "the journal's file is locked by another process"
    return "a commit failed: see the log, repair the disk, restart"


def _push_task(stack: AsyncExitStack, task: asyncio.Task[object]) -> None:
    """Cancel the task, and wait until it has ended, when the stack is closed."""

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
