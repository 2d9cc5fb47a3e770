"""Every part, built and joined: the one place that knows them all."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from journeyman.agent_files.assembly import direct_agent
from journeyman.agents.agent import BaseAgent
from journeyman.clock import Clock, SystemClock
from journeyman.egress.client import HttpClient
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.codec import Codec
from journeyman.ids import Ids, RandomIds
from journeyman.journal.journal import Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.client import ModelClient
from journeyman.llm.prices import read_prices
from journeyman.resilience.shared_window import RedisWindows
from journeyman.resilience.window import MemoryWindows
from journeyman.runtime.approval_deadlines import ApprovalDeadlines
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.model_budget import BudgetMeters
from journeyman.runtime.engine.performer import Performer, ToolExecutor
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.retention import Retention
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.submission import Submission
from journeyman.runtime.use_cases.threads import Threads
from journeyman.server.application import Application
from journeyman.server.authentication import authentication
from journeyman.server.loading import LoadedFiles, load
from journeyman.server.mcp_servers import McpConnections, guarded_session
from journeyman.server.observers import Observers, models_of, tracing
from journeyman.server.outbound import executor_of, models_behind, register, transport_of
from journeyman.server.reload.reload import Load, Reloader
from journeyman.settings import Settings
from journeyman.telemetry.metrics.recorders import LabelNames
from journeyman.telemetry.tracing.exporter import header_values
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.cache.stores import MemoryStore, SqliteStore
from journeyman.tools.discovery.discovery import discover
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
    discover: Discover = discover,
    observers: type[Observers] = Observers,
) -> Application:
    """Load and check everything and join the parts; nothing is opened before the application is entered.

    Raises ConfigurationError that lists every problem of agents and tools.
    """
    imported = ImportedFiles()
    loaded = await load(settings, path, offline=offline, discover=discover, imported=imported)
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    if errors:
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be served:", errors)
    workers = WorkerPool()
    if missing := await unmet_sandbox(loaded, workers):
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be served:", missing)

    async def load_again(registry: ToolRegistry) -> LoadedFiles:
        return await load(settings, path, offline=offline, imported=imported, earlier=registry)

    return join(settings, loaded, journal, models, clock, ids, workers, load_again, watched_by=observers)


async def unmet_sandbox(loaded: LoadedFiles, workers: WorkerPool) -> list[Problem]:
    """What agents with `sandbox: strict` miss on this machine."""
    strict = [tool for agent in loaded.agents for tool in agent.spec.tools if tool.sandbox == "strict"]
    if not strict:
        return []
    kernel = await workers.kernel()
    return [problem for tool in strict for problem in shortcomings(tool, kernel)]


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
) -> Application:
    """The parts over what was loaded. `load_again` reads the files; `tools` goes before the executor of tools.

    `watched_by` is another class for a benchmark only: what seeing costs is what it leaves out.
    """
    clock, ids = clock or SystemClock(), ids or RandomIds()
    secrets = (*settings.secrets(), *loaded.secrets, *header_values(os.environ))
    registry, codec = loaded.registry, Codec(secrets)
    names = LabelNames(lambda agent: models_of(catalog, agent), lambda name: services.is_configured(name))
    traces, untraced = tracing(os.environ)
    observers = watched_by(registry, clock, names, lambda at: deadlines.arm(at), traces, debug=settings.debug)
    journal = journal or _journal(settings, observers)
    services = _services(settings, loaded, clock, observers)
    register(registry, loaded.openapi, loaded.transport, services, clock)
    mcp = McpConnections(
        loaded, registry, clock, ids, settings.timeout_seconds, guarded_session(services), codec.masked
    )
    agents = {agent.spec.name: mcp.build(agent.spec) for agent in loaded.agents}
    catalog = AgentRegistry(agents, settings.default_agent, clock.now())
    direct = _direct(registry, catalog.agents)
    definitions = VersionResolver(journal, catalog, mcp.build, direct, lambda data: application.read_definition(data))
    models, workers = models or models_behind(settings, services, journal, clock), workers or WorkerPool()
    cache, http = _cache(settings, clock, secrets), HttpClient(services, transport_of, clock)
    executor = executor_of(settings, registry, workers, clock, ids, cache, http)
    prices, budgets = read_prices(settings.prices_path), Budgets(journal, clock, settings.quota)
    performer = Performer(models, tools(executor) if tools else executor, clock, ids, prices)
    till = BudgetMeters(budgets, prices)
    worker = RunScheduler(journal, codec, clock, ids, definitions, performer, observers.observe, till=till)
    acceptance = Submission(journal, worker, definitions, clock, budgets)
    runs = Runs(journal, worker, catalog, definitions, codec, clock, ids, acceptance)
    windows = _windows(settings, clock, ids)
    deadlines = ApprovalDeadlines(journal, worker, codec, clock)
    application = Application(
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
        catalog=catalog,
        definitions=definitions,
        worker=worker,
        budgets=budgets,
        runs=runs,
        forks=Forks(journal, runs, acceptance, definitions, codec, clock, ids),
        threads=Threads(journal, worker, codec, clock, ids),
        observers=observers,
        exposition=observers.exposition(journal, services, worker, workers, windows),
        deadlines=deadlines,
        retention=Retention(journal, clock),
        identity=authentication(settings, journal, services, clock),
        windows=windows,
        clock=clock,
        ids=ids,
        secrets=secrets,
        problems=(*untraced, *(problem for problem in loaded.problems if problem.severity != "error")),
    )
    application.reloading = _reloading(application, loaded.transport, load_again)
    return application


def _reloading(application: Application, transport: Transport | None, load_again: Load | None) -> Reloader:
    return Reloader(
        load_again,
        partial(unmet_sandbox, workers=application.workers),
        application.registry,
        application.services,
        application.mcp,
        application.catalog,
        application.definitions,
        application.clock,
        transport,
        application.learn,
    )


def _windows(settings: Settings, clock: Clock, ids: Ids) -> MemoryWindows | RedisWindows | None:
    """Raises ConfigurationError where Redis is wanted and its client is not installed."""
    if not settings.counts_requests:
        return None
    url = settings.redis_url
    return MemoryWindows(clock) if url is None else RedisWindows(url.get_secret_value(), clock, ids)


def _services(settings: Settings, loaded: LoadedFiles, clock: Clock, observers: Observers) -> Services:
    return Services(
        loaded.services,
        clock=clock,
        rng=random.Random(),
        hook=observers.signalled,
        retries=settings.max_retries,
        silence=settings.timeout_seconds,
    )


def _journal(settings: Settings, observers: Observers) -> Journal:
    file = settings.database_path
    if file is None:
        return MemoryJournal()
    return SqliteJournal(file, batch_size=settings.batch_size, hook=observers.server.committed)


def _cache(settings: Settings, clock: Clock, secrets: tuple[str, ...]) -> ToolCache | None:
    if not settings.enable_cache:
        return None
    file = settings.database_path
    store = MemoryStore() if file is None else SqliteStore(file.with_name(f"{file.name}.cache"))
    return ToolCache(store, clock, settings.cache_ttl, secrets)


def _direct(registry: ToolRegistry, agents: Mapping[str, BaseAgent]) -> Callable[[str, str | None], BaseAgent]:
    """Makes the stand-in agent of a lone tool call: the strictest policies of the agents that list the tool."""

    def direct(tool: str, agent: str | None) -> BaseAgent:
        chosen = [each for name, each in agents.items() if agent in (None, name)]
        listed = [spec for each in chosen if (spec := each.spec.tool(tool)) is not None]
        return direct_agent(tool, listed, registry.tools)

    return direct
