"""The debug pages: the state of the parts of this process, with secrets masked by value, name and shape."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from journeyman import __version__
from journeyman.egress.services import Destination
from journeyman.events.codec import rfc3339
from journeyman.events.fold import AgentState
from journeyman.llm.gateway.learned import shown
from journeyman.llm.routing import Models
from journeyman.runtime.served.lacks import sentence_of
from journeyman.server.application import Application
from journeyman.telemetry.logs.formatters import Masker

MOST_RUNS = 200  # that are listed


class DebugPages:
    """Renders the debug pages. Reads on the event loop; each page is bounded."""

    def __init__(self, application: Application) -> None:
        self._parts = application

    def state(self) -> msgspec.Raw:
        """Return version, epoch, runs in progress, queues, budgets, workers, caches, agents and settings."""
        parts, scheduler = self._parts, self._parts.runtime.scheduler
        return self._page(
            {
                "version": __version__,
                "pid": os.getpid(),
                "epoch": parts.journal.epoch,
                "journal": {"healthy": parts.journal.healthy, **parts.journal.stats()},
                "runs": {
                    "running": scheduler.running,
                    "waiting": scheduler.backlog,
                    "streams": scheduler.watched.total(),
                    "lacking": [
                        {"kind": lack.kind, "name": lack.name, "runs": count, "reason": sentence_of(lack)}
                        for lack, count in parts.runtime.lacking.counts().most_common(MOST_RUNS)
                    ],
                    "stopping": scheduler.stopping,
                    "active": [_run(run_id, state) for run_id, state in scheduler.active(MOST_RUNS)],
                },
                "budgets": parts.runtime.budgets.state(MOST_RUNS),
                "workers": parts.workers.figures(),
                "cache": parts.cache.figures() if parts.cache else None,
                "agents": {name: agent.version for name, agent in parts.agents.agents.items()},
                "settings": parts.settings.shown(),
            }
        )

    def services(self) -> msgspec.Raw:
        """Return every guard, with its breakers, rate, slots, retry budget and limits, and what models refuse."""
        items = [_service(each) for each in self._parts.services.destinations()]
        return self._page({"items": sorted(items, key=lambda item: str(item["name"])), "learned": self._learned()})

    def _learned(self) -> list[dict[str, Any]]:
        models = self._parts.models
        learned = models.learned() if isinstance(models, Models) else {}
        names = sorted(learned)
        return [{"gateway": gateway, "model": model, **shown(learned[gateway, model])} for gateway, model in names]

    def tasks(self) -> msgspec.Raw:
        """Return every asyncio task: where it waits, its age and its parent."""
        return self._page({"items": self._parts.observers.tasks.read()})

    def _page(self, content: Mapping[str, Any]) -> msgspec.Raw:
        mask = Masker(self._parts.secrets.values)  # those of now: a reload may have named more
        return msgspec.Raw(mask(msgspec.json.encode(content, enc_hook=str).decode()).encode())


def _run(run_id: str, state: AgentState | None) -> dict[str, Any]:
    if state is None:  # it is being loaded
        return {"run_id": run_id}
    return {
        "run_id": run_id,
        "thread": state.thread,
        "agent": state.agent,
        "status": state.status,
        "epoch": state.epoch,
        "seq": state.seq,
        "last_event_at": rfc3339(state.at),
        "model_call": state.model_call.call if state.model_call else None,
        "open_calls": [f"{call.call} {call.tool}: {call.status}" for call in state.open_calls],
    }


def _service(destination: Destination) -> dict[str, Any]:
    guard = destination.guard
    return {
        "name": guard.name,
        "configured": destination.configured,
        **msgspec.structs.asdict(guard.figures()),
        "policy": guard.policy,
        "timeouts": destination.timeouts,
    }
