"""Every snippet of the documentation is run.

A Python or YAML snippet whose first line is `# path` is a file, written where it says; the agents and tools among the
files of a page are loaded as `serve` would, and tests, agent tests among them, are run by pytest. Other Python snippets
of a page are run one after the other, in one namespace, with await at the top; other YAML and JSON is read.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from journeyman.agents.graph.drawing import mermaid
from journeyman.server.loading import load
from journeyman.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OTHERS = {"reference/agent-yaml.md"}  # it has its own test
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w./-]+\.(?:py|yaml))\n")
AGENT = "type: react_agent\nmodel: offline\n"  # where a page speaks of agent.yaml without showing one

PAGES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md"))} | {"README.md": ROOT / "README.md"}


def snippets(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text())


def files_of(page: Path) -> dict[str, str]:
    """Path -> content, of the snippets that are files."""
    shown = ((FILE.match(text), text) for _, text in snippets(page))
    return {found[1]: text for found, text in shown if found}


def loose(page: Path, language: str) -> list[str]:
    return [text for kind, text in snippets(page) if kind == language and not FILE.match(text)]


def shown_tests(page: Path) -> list[str]:
    return [name for name in files_of(page) if Path(name).name.startswith("test_") or name.endswith(".agent-test.yaml")]


def pages_with(wanted: Callable[[Path], object]) -> pytest.MarkDecorator:
    """Run the test for every page that has what is wanted."""
    names = [name for name, page in PAGES.items() if name not in OTHERS and wanted(page)]
    return pytest.mark.parametrize("page", [PAGES[name] for name in names], ids=names)


@pytest.fixture
def folder(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, in a working directory of their own."""
    for name, text in {"agent.yaml": AGENT, **files_of(page)}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("LITELLM_GATEWAY_URL", "DEFAULT_MODEL", "DATABASE_URL", "AGENT_PATH", "TOOLS_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pages_with(lambda page: loose(page, "python"))
async def test_python_runs(page: Path, folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "snippet"}
    for number, text in enumerate(loose(page, "python"), 1):
        code = compile(text, f"{page.name}:{number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, namespace)
        if inspect.isawaitable(running):
            await running


@pages_with(files_of)
async def test_files_can_be_served(page: Path, folder: Path) -> None:
    loaded = await load(Settings.read(database_url="memory://"), folder / "agent.yaml", offline=True)
    await loaded.registry.aclose()
    assert not [problem for problem in loaded.problems if problem.severity == "error"]


@pages_with(lambda page: files_of(page) and loose(page, "mermaid"))
async def test_a_picture_is_the_drawn_one(page: Path, folder: Path) -> None:
    loaded = await load(Settings.read(database_url="memory://"), folder / "agent.yaml", offline=True)
    await loaded.registry.aclose()
    [graph] = [agent.spec.graph for agent in loaded.agents]
    assert graph is not None
    assert loose(page, "mermaid") == [mermaid(graph)]


@pages_with(shown_tests)
def test_test_files_pass(page: Path, folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", *shown_tests(page)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pages_with(snippets)
def test_data_can_be_read(page: Path) -> None:
    for text in loose(page, "json"):
        json.loads(text)
    for text in loose(page, "yaml"):
        assert yaml.safe_load(text) is not None
