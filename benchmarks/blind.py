"""Journeyman without eyes: no figure is counted and nothing but errors is logged. What seeing costs is the difference.

    python -m benchmarks.blind AGENTS

Settings come from the environment, as for `journeyman serve`. The only file here that imports the server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from journeyman.clock import Clock
from journeyman.events.codec import Draft
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Journal
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.resilience.signals import Signal
from journeyman.server.observers import Observers
from journeyman.server.serving.allocator import return_large_blocks
from journeyman.server.serving.app import App
from journeyman.server.serving.garbage_collection import collect_seldom
from journeyman.server.serving.listen import listen
from journeyman.server.serving.start_signals import StartSignals
from journeyman.settings import Settings
from journeyman.telemetry.logs import setup as logs
from journeyman.telemetry.metrics.recorders import LabelNames, RequestServed, ServerMetrics
from journeyman.telemetry.tracing.exporter import TraceExporter
from journeyman.tools.registry import ToolRegistry


class BlindMetrics(ServerMetrics):
    def served(self, request: RequestServed) -> None:
        return None

    def committed(self, fact: GroupCommitted) -> None:
        return None


class Blind(Observers):
    """Counts and logs nothing."""

    def __init__(
        self,
        registry: ToolRegistry,
        clock: Clock,
        names: LabelNames,
        traces: TraceExporter | None = None,
        *,
        debug: bool = False,
    ) -> None:
        super().__init__(registry, clock, names, traces, debug=debug)
        self.server = BlindMetrics(names)

    def start(self, journal: Journal) -> None:
        return None

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        return None

    def signalled(self, signal: Signal) -> None:
        return None


async def serve(agents: Path) -> int:
    app = App(Settings.read(), agents, observers=Blind)
    await app.start()
    return await listen(app, StartSignals())


if __name__ == "__main__":
    logs.configure("ERROR", "json")
    collect_seldom()
    return_large_blocks()
    sys.exit(asyncio.Runner(loop_factory=uvloop.new_event_loop).run(serve(Path(sys.argv[1]))))
