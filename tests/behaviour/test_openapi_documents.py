"""Requirement: documents of 13 MB are read in 3 s (JSON) or 10 s (YAML) and 200 MB, and never on the event loop."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from journeyman import AgentFactory
from journeyman.server.loading import load
from journeyman.settings import Settings
from tests.harness.large_openapi import FOR_JSON, FOR_YAML, large_json, large_openapi, large_yaml
from tests.harness.real_server import ROOT

AGENT = """\
type: react_agent
model: offline
openapi:
  large: {document: %s, operations: [%s]}
"""
MEASURE = """\
import asyncio, json, sys, time
from pathlib import Path
import jsonschema_rs, yaml
import journeyman.egress.pool
from journeyman.server.loading import load
from journeyman.settings import Settings


def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


async def measure():
    settings = Settings.read(env_file=None, database_url="memory://")
    before, start = memory("VmRSS:"), time.process_time()
    loaded = await load(settings, Path(sys.argv[1]), offline=True)
    seconds, peak = time.process_time() - start, memory("VmHWM:") - before
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert not errors, errors
    print(json.dumps([seconds, peak, len(loaded.openapi), loaded.openapi[-1].spec.source]))


asyncio.run(measure())
"""
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures by /proc")


def measured(folder: Path, name: str, text: str, chosen: range) -> tuple[float, float]:
    """Return the CPU seconds and the MB that loading an agent with this document costs in a new process."""
    (folder / name).write_text(text)
    operations = ", ".join(f"things/{'post' if number % 3 == 0 else 'get'}-{number}" for number in chosen)
    (folder / "agent.yaml").write_text(AGENT % (name, operations))
    words = [sys.executable, "-c", MEASURE, str(folder / "agent.yaml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seconds, peak, count, source = json.loads(done.stdout)
    print(f"{name}: {len(text.encode()) / 1e6:.1f} MB, {count} operations: {seconds:.2f} s CPU, {peak:.0f} MB")
    assert count == len(chosen)
    line = text.splitlines()[int(source.partition(":")[2]) - 1]
    assert line.strip().startswith(("get:", "post:", '"get":', '"post":'))
    return seconds, peak


@ON_LINUX
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_document_of_13_mb(tmp_path: Path, kind: str) -> None:
    text = large_json(large_openapi(FOR_JSON)) if kind == "json" else large_yaml(large_openapi(FOR_YAML))
    assert 13_000_000 < len(text.encode()) < 15_000_000
    seconds, peak = measured(tmp_path, f"large.{kind}", text, range(1_000, 1_100))
    assert seconds < {"json": 3, "yaml": 10}[kind]
    assert peak < 200


@ON_LINUX
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_document_of_1_mb(tmp_path: Path, kind: str) -> None:
    text = (large_json if kind == "json" else large_yaml)(large_openapi(20, operations=80))
    seconds, peak = measured(tmp_path, f"small.{kind}", text, range(70, 80))
    assert seconds < {"json": 0.5, "yaml": 1.5}[kind]
    assert peak < 40


OPENED: dict[str, int] = {}  # a document's path -> the thread that opened it last


def note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and str(arguments[0]).endswith("opened-by.yaml"):
        OPENED[str(arguments[0])] = threading.get_ident()


@pytest.mark.parametrize("way", ["factory", "first load", "reload"])
async def test_no_document_is_read_on_the_event_loop(tmp_path: Path, way: str) -> None:
    if not OPENED:
        sys.addaudithook(note_opened)
    document = tmp_path / "opened-by.yaml"
    document.write_text("openapi: 3.1.0\nservers: [{url: https://h}]\npaths: {/a: {get: {operationId: a}}}\n")
    (tmp_path / "agent.yaml").write_text(AGENT % (document.name, "a"))
    if way == "factory":
        agent = await AgentFactory(tmp_path / "agent.yaml").create_agent()
        await agent.aclose()
    else:
        settings = Settings.read(env_file=None, database_url="memory://")
        loaded = await load(settings, tmp_path / "agent.yaml", offline=True)
        if way == "reload":
            OPENED.clear()
            loaded = await load(settings, tmp_path / "agent.yaml", offline=True, earlier=loaded.registry)
        assert [tool.spec.name for tool in loaded.openapi] == ["large__a"]
        await loaded.registry.aclose()
    assert OPENED[str(document)] != threading.get_ident()
