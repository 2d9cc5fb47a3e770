"""Composition: builds every part of a process, in the order in which they need each other."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from journeyman.agent_files.assembly import direct_agent
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.clock import Clock, SystemClock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.codec import Codec
from journeyman.files.blobs import DiskBlobs, MemoryBlobs
from journeyman.files.store import FileLimits, FileStore
from journeyman.ids import Ids, RandomIds
from journeyman.journal.journal import Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.accept_lane import AcceptPlaces
from journeyman.journal.sqlite.file_bytes import files_folder
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.client import ModelClient
from journeyman.llm.prices import read_prices
from journeyman.llm.routing import Models
from journeyman.resilience.shared_window import RedisWindows
from journeyman.resilience.window import MemoryWindows
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.performer import Performer, ToolExecutor
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.script_turns import ScriptTurns
from journeyman.runtime.runtime import build_runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.tool_outputs import ToolOutputs
from journeyman.runtime.use_cases.submission import Backlog
from journeyman.runtime.use_cases.tool_backlog import ToolBacklog, ToolBacklogLimits
from journeyman.server.application import Application
from journeyman.server.authentication import authentication
from journeyman.server.covered_files import covered_files
from journeyman.server.exposed_files import exposed_files, own_files
from journeyman.server.facts import FactHub
from journeyman.server.known_secrets import KnownSecrets
from journeyman.server.loading import LoadedFiles, load
from journeyman.server.mcp_servers import McpConnections, guarded_session
from journeyman.server.observers import Observers, models_of, tracing
from journeyman.server.outbound import executor_of, models_behind, register, transport_of
from journeyman.server.reload.reload import Load, Reloader
from journeyman.server.setting_names import setting_problems
from journeyman.settings import Settings
from journeyman.telemetry.metrics.recorders import LabelNames
from journeyman.telemetry.tracing.exporter import header_values
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.cache.stores import MemoryStore, SqliteStore
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import Discover, ToolRegistry
from journeyman.tools.sandbox.detection import shortcomings
from journeyman.user_code.importing import ImportedFiles


async def build(
    settings: Settings,
    path: Path | None = None,
    *,
    offline: bool = False,
    journal: Journal | None = None,
    models: ModelClient | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    discover: Discover | None = None,
    observers: type[Observers] = Observers,
    strict: bool = False,
) -> Application:
    """Load and check the agents and tools, and build the application; nothing is opened before it is entered.

    With `strict`, an application whose journal has open runs that cannot go on does not open. Raises ConfigurationError
    that lists every problem of agents and tools.
    """
    imported = ImportedFiles()
    loaded = await load(settings, path, offline=offline, discover=discover, imported=imported)
    found = setting_problems(settings.environment, Settings.model_fields, loaded.variable_names)
    loaded = replace(loaded, problems=(*found, *loaded.problems))
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    if errors:
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be served:", errors)
    workers = _worker_pool(settings)
    if missing := await unmet_sandbox(loaded, workers, own_files(settings)):
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be served:", missing)

    async def load_again(registry: ToolRegistry) -> LoadedFiles:
        """Load the files for a reload."""
        return await load(settings, path, offline=offline, imported=imported, earlier=registry)

    return join(settings, loaded, journal, models, clock, ids, workers, load_again, watched_by=observers, strict=strict)


def _worker_pool(settings: Settings) -> WorkerPool:
    limit, share = settings.tool_workers, settings.tool_workers_per_principal
    return WorkerPool(limit, share=share, variables=settings.environment)


async def unmet_sandbox(loaded: LoadedFiles, workers: WorkerPool, own: tuple[Path, ...] = ()) -> list[Problem]:
    """Return as problems what this machine lacks for `sandbox: strict`, and which of its `own` files tools may open."""
    found = exposed_files(loaded, own)
    strict = [tool for agent in loaded.agents for tool in agent.spec.tools if tool.policy.sandbox == "strict"]
    if not strict:
        return found
    isolation = await workers.isolation()
    return found + [problem for tool in strict for problem in shortcomings(tool, isolation)]


def join(
    settings: Settings,
    loaded: LoadedFiles,
    journal: Journal | None = None,
    models: ModelClient | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    workers: WorkerPool | None = None,
    load_again: Load | None = None,
    tools: Callable[[ToolExecutor], ToolExecutor] | None = None,
    watched_by: type[Observers] = Observers,
    in_process: bool = False,
    strict: bool = False,
) -> Application:
    """Build the parts over what was loaded; nothing is opened before the application is entered.

    `load_again` reads the files for a reload. `tools` wraps the executor of tools. `watched_by` is another class for
    a benchmark only: it measures what observing costs. `in_process` leaves out authentication: nothing is called
    over HTTP.
    """
    clock, ids, hub = clock or SystemClock(), ids or RandomIds(), FactHub()
    secrets = KnownSecrets((*settings.secrets(), *loaded.secrets, *header_values(os.environ)))
    registry, codec, cache = loaded.registry, Codec(secrets.values), _cache(settings, clock, secrets)
    secrets.subscribe(codec.learn)
    journal = journal or _journal(settings, hub)
    files = _files(settings, journal, clock, ids)
    services = _services(settings, loaded, clock, hub)
    register(registry, loaded.openapi, loaded.transport, services, clock)

    agents = AgentRegistry({}, settings.default_agent)
    workers = workers or _worker_pool(settings)
    mcp = McpConnections(
        loaded,
        registry,
        agents,
        clock,
        ids,
        settings.timeout_seconds,
        guarded_session(services),
        codec.masked,
        workers.isolation,
        partial(covered_files, settings),
    )
    for agent in loaded.agents:
        agents.put(mcp.build(agent.spec), clock.now())
    read = partial(read_definition, settings.environment, secrets)
    versions = VersionResolver(
        journal, agents, mcp.build, _direct(registry, agents), read, lambda: registry.tools, mcp.servers.is_here
    )

    models = models or models_behind(settings, services, journal, clock, loaded.gateways)
    http = HttpClient(services, transport_of, clock)
    executor = executor_of(settings, registry, workers, clock, ids, cache, http, ToolOutputs(journal, codec, clock))
    prices = read_prices(settings.prices_path)
    turns = ScriptTurns(journal, models.next_turn) if isinstance(models, Models) else None
    runtime = build_runtime(
        RunParts(journal, codec, clock, ids, versions, files),
        agents,
        Performer(models, tools(executor) if tools else executor, clock, ids, prices, turns, files),
        budgets=Budgets(journal, clock, settings.quota),
        prices=prices,
        observe=hub.run_committed,
        slots=settings.run_slots,
        share=settings.run_slots_per_principal,
        backlog=Backlog(settings.run_backlog, settings.run_backlog_per_principal),
        patience=None if in_process else _patience(settings, clock),
        is_here=models.is_here if isinstance(models, Models) else None,
        first_rate=settings.gateway_first_rate,
        crashed=settings.crashed_runs,
        tool_backlog=ToolBacklog(
            workers, ToolBacklogLimits(settings.tool_backlog, settings.tool_backlog_per_principal)
        ),
    )
    names = LabelNames(partial(models_of, agents), services.is_configured)
    traces, untraced = tracing(os.environ)
    observers = watched_by(registry, clock, names, traces, debug=settings.debug)
    observers.subscribe(hub)
    hub.on_run(runtime.deadlines.observe)
    hub.on_run(runtime.lacking.observe)

    windows = _windows(settings, clock, ids)
    unmet = partial(unmet_sandbox, workers=workers, own=own_files(settings))
    forget = models.forget_learned if isinstance(models, Models) else None
    reloader = Reloader(
        load_again,
        unmet,
        registry,
        services,
        mcp,
        agents,
        versions,
        clock,
        loaded.transport,
        secrets.learn,
        forget,
        renew_gateways=models.renew_gateways if isinstance(models, Models) else None,
        applied=runtime.lacking.look,
    )
    return Application(
        settings=settings,
        codec=codec,
        journal=journal,
        models=models,
        services=services,
        http=http,
        workers=workers,
        registry=registry,
        cache=cache,
        mcp=mcp,
        agents=agents,
        versions=versions,
        runtime=runtime,
        files=files,
        observers=observers,
        exposition=observers.exposition(journal, services, runtime, workers, windows),
        authentication=None if in_process else authentication(settings, journal, services, clock),
        windows=windows,
        reloader=reloader,
        secrets=secrets,
        clock=clock,
        ids=ids,
        strict=strict,
        problems=(*untraced, *(problem for problem in loaded.problems if problem.severity != "error")),
    )


def read_definition(environment: Mapping[str, str], secrets: KnownSecrets, data: bytes) -> AgentSpec:
    """Decode a stored definition with the environment of now, whose values in it become known secrets.

    Raises as AgentSpec.decode.
    """
    spec = AgentSpec.decode(data, environment)
    secrets.learn(spec.variables.values())
    return spec


def _patience(settings: Settings, clock: Clock) -> GatewayPatience | None:
    """Return the patience with gateways that are away. None: model calls fail at once."""
    seconds = settings.gateway_patience_seconds
    return None if seconds == 0 else GatewayPatience(clock=clock, seconds=seconds)


def _windows(settings: Settings, clock: Clock, ids: Ids) -> MemoryWindows | RedisWindows | None:
    """Return the windows that count requests. None: requests are not counted.

    Raises ConfigurationError if Redis is configured and its client is not installed.
    """
    if not settings.counts_requests:
        return None
    url = settings.redis_url
    return MemoryWindows(clock) if url is None else RedisWindows(url.get_secret_value(), clock, ids)


def _services(settings: Settings, loaded: LoadedFiles, clock: Clock, hub: FactHub) -> Services:
    """Return the guards of outside services."""
    return Services(
        loaded.services,
        clock=clock,
        rng=random.Random(),
        hook=hub.signalled,
        retries=settings.max_retries,
        idle_seconds=settings.timeout_seconds,
        first_rate=settings.gateway_first_rate,
    )


def _journal(settings: Settings, hub: FactHub) -> Journal:
    """Return the journal that the settings name."""
    file = settings.database_path
    if file is None:
        return MemoryJournal()
    return SqliteJournal(
        file,
        batch_size=settings.batch_size,
        accepts=AcceptPlaces(settings.accept_backlog, settings.accept_backlog_per_principal),
        hook=hub.group_committed,
        accept_rollback=settings.accept_rollback,
    )


def _files(settings: Settings, journal: Journal, clock: Clock, ids: Ids) -> FileStore:
    """Return the store of files: beside the journal's file, or in memory like the journal."""
    blobs = DiskBlobs(files_folder(journal.path)) if isinstance(journal, SqliteJournal) else MemoryBlobs()
    limits = FileLimits(each=settings.file_max_bytes, all=settings.files_max_bytes)
    return FileStore(journal, blobs, clock, ids, limits)


def _cache(settings: Settings, clock: Clock, secrets: KnownSecrets) -> ToolCache | None:
    """Return the cache of tool results. None: it is switched off."""
    if not settings.enable_cache:
        return None
    file = settings.database_path
    store = MemoryStore() if file is None else SqliteStore(file.with_name(f"{file.name}.cache"))
    cache = ToolCache(store, clock, settings.cache_ttl, secrets.values)
    secrets.subscribe(cache.learn)
    return cache


def _direct(registry: ToolRegistry, agents: AgentRegistry) -> Callable[[str, str | None], BaseAgent]:
    """Return what makes the agent of a lone tool call, with the strictest policies of the agents that list the tool."""

    def direct(tool: str, agent: str | None) -> BaseAgent:
        chosen = [each for name, each in agents.agents.items() if agent in (None, name)]
        listed = [spec for each in chosen if (spec := each.spec.tool(tool)) is not None]
        return direct_agent(tool, listed, registry.tools)

    return direct
