"""Observers: what is counted, logged and traced of runs, guards, commits and requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from journeyman import __version__
from journeyman.agents.agent import BaseAgent
from journeyman.clock import Clock
from journeyman.egress.services import Services
from journeyman.errors import Problem
from journeyman.events.codec import Draft
from journeyman.events.events import END_TYPES, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Journal
from journeyman.resilience.signals import Signal
from journeyman.resilience.window import Windows
from journeyman.runtime.runtime import Runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.server.facts import FactHub
from journeyman.server.figures import read_figures
from journeyman.telemetry.logs.formatters import log_events, log_signal
from journeyman.telemetry.metrics.collectors import MetricSources, collect
from journeyman.telemetry.metrics.exposition import Exposition
from journeyman.telemetry.metrics.history import FigureHistory
from journeyman.telemetry.metrics.instruments import Distribution
from journeyman.telemetry.metrics.loop_lag import LoopLag
from journeyman.telemetry.metrics.recorders import LabelNames, RunMetrics, ServerMetrics
from journeyman.telemetry.tasks import TaskTracker
from journeyman.telemetry.tracing.exporter import TraceExporter, export_config
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry


class Observers:
    """What is counted, logged and traced in one process. `subscribe` makes it listen to the hub of facts."""

    def __init__(
        self,
        registry: ToolRegistry,
        clock: Clock,
        names: LabelNames,
        traces: TraceExporter | None = None,
        *,
        debug: bool = False,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._debug = debug
        self.traces = traces
        self.runs = RunMetrics(names)
        self.server = ServerMetrics(names)
        self.tasks = TaskTracker(clock)
        self.lag = LoopLag(clock, self.server.lag.observe)
        self.history: FigureHistory | None = None

    def subscribe(self, hub: FactHub) -> None:
        """Listen to what runs, guards and the journal report."""
        hub.on_run(self.observe)
        hub.on_signal(self.signalled)
        hub.on_commit(self.server.committed)

    def start(self, journal: Journal) -> None:
        """Start to measure the event loop and to export traces."""
        if self.traces is not None:
            self.traces.start(journal.read)
        self.lag.start()
        if self.history is not None:
            self.history.start()
        if self._debug:
            self.tasks.install(asyncio.get_running_loop())

    async def aclose(self) -> None:
        """Stop, and export what is pending. Idempotent; the journal is still open."""
        if self.traces is not None:
            await self.traces.aclose()
        self.lag.stop()
        if self.history is not None:
            self.history.stop()
        self.tasks.remove(asyncio.get_running_loop())

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Count, log and trace the committed events of a run."""
        self.runs.observe(run, drafts)
        if self._debug:
            log_events(run, drafts)
        for draft in drafts:
            if type(draft.event) is ToolCallFinished:
                self._registry.record(draft.event)
        if self.traces is not None and drafts[-1].type in END_TYPES:
            self.traces.ended(run.run_id)

    def signalled(self, signal: Signal) -> None:
        """Count and log a signal of a guard."""
        self.server.signalled(signal)
        log_signal(signal)

    def exposition(
        self, journal: Journal, services: Services, runtime: Runtime, workers: WorkerPool, windows: Windows | None
    ) -> Exposition:
        """Return the exposition of all metrics, whose history is kept from now on."""
        worker = runtime.scheduler
        sources = MetricSources(
            version=__version__,
            tools=self._registry.get_metrics,
            tool_durations=lambda: tool_durations(self._registry),
            guards=services.configured,
            journal=journal.stats,
            runs=lambda: {
                "running": worker.running,
                "waiting": worker.backlog,
                "streams": worker.watched.total(),
            },
            lacking=runtime.lacking.counts_by_kind,
            workers=workers.figures,
            limits_away=lambda: windows is not None and windows.away,
        )
        self.history = FigureHistory(self._clock, lambda: read_figures(self.runs, self.server, sources))
        return Exposition(lambda: [*self.runs.read(), *self.server.read(), *collect(sources)])


def models_of(catalog: AgentRegistry, agent: str | None) -> Sequence[str]:
    """Return the models that an agent may call, the configured one first. Empty: there is no such agent."""
    known: BaseAgent | None = catalog.agents.get(agent) if agent else None
    if known is None:
        return ()
    nodes = known.spec.graph.nodes if known.spec.graph else ()
    models = (known.spec.model, *(node.model for node in nodes if node.model))
    return tuple(name for model in models for name in (model.name, *model.fallbacks))


def tool_durations(registry: ToolRegistry) -> dict[str, Distribution]:
    """Return the durations of each tool, in seconds."""
    return {
        name: Distribution(tuple(bound / 1000 for bound in each.bounds_ms), each.counts, each.total_ms / 1000)
        for name, each in registry.get_durations().items()
    }


def tracing(environ: Mapping[str, str]) -> tuple[TraceExporter | None, tuple[Problem, ...]]:
    """Return the exporter of traces, and warnings about what it cannot do. None: no traces are asked for, or the SDK is
    missing."""
    config = export_config(environ)
    problems = tuple(Problem(text, severity="warning") for text in config.problems)
    if not config:
        return None, problems
    try:
        from journeyman.telemetry.tracing.otel import OtelSink  # noqa: PLC0415 - an extra; 0.1 s and 17 MB, only where configured
    except ImportError as exc:
        text = f"OTEL_… asks for traces, but a package is missing ({exc.name}): pip install 'journeyman[otel]'"
        return None, (*problems, Problem(text, severity="warning"))
    return TraceExporter(OtelSink.over_http(config, __version__)), problems
