"""Requirement: what happens is counted once and shown the same everywhere; seeing costs a run at most 15 %."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from journeyman.events.codec import Draft
from journeyman.events.events import ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.messages import user
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.runtime.use_cases.requests import StartRun
from journeyman.server.application import Application
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from journeyman.telemetry.logs import setup as logs
from journeyman.telemetry.metrics.recorders import RequestServed
from tests.harness.asgi_client import request
from tests.harness.root_logger import restored

SCRIPT = """
- tool_calls: [{name: calculator, arguments: {expression: 6*7}}]
- tool_calls: [{name: calculator, arguments: {wrong: 1}}, {name: nothing, arguments: {}}]
- text: It is 42.
"""
AGENT = "type: react_agent\nname: sums\nmodel: {model}\ntools: [calculator]\n"
FIGURES = ("requested", "calls", "errors", "not_found", "invalid", "retries", "cache_hits", "loop_blocks")
FIGURES += ("error_rate", "average_duration", "p50", "p95")


@pytest.fixture
def model() -> str:
    return "script:script.yaml"


@pytest.fixture
async def app(tmp_path: Path, model: str) -> AsyncIterator[App]:
    (tmp_path / "script.yaml").write_text(SCRIPT)
    (tmp_path / "agent.yaml").write_text(AGENT.format(model=model))
    app = App(Settings.read(database_url=f"sqlite:///{tmp_path}/j.db"), tmp_path / "agent.yaml")
    yield app
    await app.stop()


async def scraped(app: App) -> dict[tuple[str, str], float]:
    """Sample name and its labels' values, joined -> value."""
    answer = await request(app, "GET", "/metrics")
    assert answer.status == 200
    families = text_string_to_metric_families(answer.text)
    return {(each.name, ",".join(each.labels.values())): each.value for family in families for each in family.samples}


async def test_a_run_is_counted_in_every_figure(app: App) -> None:
    answer = await request(app, "POST", "/process", json={"user_input": "six times seven?"})
    assert answer.json()["status"] == "finished", answer.text

    read = await scraped(app)

    assert read["journeyman_http_requests_total", "POST,/process,2xx"] == 1
    assert read["journeyman_runs_total", "sums,finished"] == 1
    assert read["journeyman_model_call_duration_seconds_count", "script:script.yaml"] == 3
    events = (await request(app, "GET", f"/runs/{answer.json()['run_id']}/events")).json()["items"]
    assert read["journeyman_journal_commit_events_sum", ""] == len(events) > 8
    assert read["journeyman_runs_active", ""] == 0
    assert read["journeyman_worker_processes", "limit"] == 8


async def test_a_tool_has_the_same_figures_everywhere(app: App) -> None:
    await request(app, "POST", "/process", json={"user_input": "six times seven?"})
    read = await scraped(app)
    shown = (await request(app, "GET", "/tools/calculator")).json()["metrics"]
    assert app.application is not None
    kept = app.application.registry.get_metrics()

    for name in FIGURES:
        suffix = "_total" if isinstance(shown[name], int) else ""
        assert read[f"journeyman_tool_{name}{suffix}", "calculator"] == shown[name] == kept["calculator"][name]
    assert (shown["requested"], shown["calls"], shown["invalid"]) == (2, 1, 1)
    assert read["journeyman_tool_not_found_total", "(unknown)"] == kept["(unknown)"]["not_found"] == 1
    assert read["journeyman_tool_duration_seconds_count", "calculator"] == shown["calls"]


# --- what it costs


QUESTION = user("What is 6 * 7?")
Told = list[tuple[AgentState, Sequence[Draft]]]


@pytest.fixture
def quiet_root() -> Iterator[None]:
    with restored():
        yield


@pytest.mark.alone
@pytest.mark.parametrize("model", ["offline"])
async def test_seeing_costs_little_beside_the_run(app: App, quiet_root: None) -> None:
    """The run is measured without a socket: a real one costs more, so that the share here is the larger one."""
    await app.start()
    application = app.application
    assert application is not None
    logs.configure("WARNING", "json", stream=io.StringIO())
    await _runs(application, 10)
    run = min([await _cpu_per_run(application, 30) for _ in range(3)])

    told = await _told(application)
    logs.configure("INFO", "json", ("a secret that is known",), stream=io.StringIO())
    seeing = min(_cpu(lambda: _see(application, told), 300) for _ in range(5))

    print(f"{seeing * 1e6:.0f} µs of {run * 1e6:.0f} µs CPU a run: {100 * seeing / run:.1f} %")
    assert seeing <= 0.15 * run


def _see(application: Application, told: Told) -> None:
    """What a run makes its readers do: figures, a line, a request, four commits."""
    for state, drafts in told:
        application.observers.observe(state, drafts)
    extra = {"run_id": "run_1", "thread_id": "t", "agent": "sums", "status": "finished"}
    logging.getLogger("journeyman.runtime.engine.scheduler").info("run %s: /runs/%s", "finished", "run_1", extra=extra)
    application.observers.server.served(RequestServed("POST", "/process", 200, 0.01))
    for _ in range(4):
        application.observers.server.committed(GroupCommitted(1, 2, 0.001))


async def _told(application: Application) -> Told:
    """What the observer sees of one run."""
    started = await application.runs.start("local", StartRun(input=QUESTION))
    assert await _ended(application, started.run_id)
    state = await application.runs.state("local", started.run_id)
    events = [entry.event for entry in await application.runs.events("local", started.run_id, 0, 100)]
    assert any(isinstance(event, ToolCallFinished) for event in events)
    codec = application.codec
    return [(state, [codec.draft(event)]) for event in events]


async def _ended(application: Application, run_id: str) -> bool:
    return (await application.runs.wait(run_id, 10)).status == "finished"


async def _runs(application: Application, count: int) -> None:
    for _ in range(count):
        started = await application.runs.start("local", StartRun(input=QUESTION))
        assert await _ended(application, started.run_id)


async def _cpu_per_run(application: Application, count: int) -> float:
    begun = time.process_time()
    await _runs(application, count)
    return (time.process_time() - begun) / count


def _cpu(work: Callable[[], Any], count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - begun) / count
