"""`journeyman graph --dry-run` calls only tools without effects, by the code or by the agent file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cli_runner import Shell, shell_of, without_our_variables

AGENT = """\
type: custom_react_agent
tools:
  - looks
  - {name: undeclared, effects: none}
  - {name: idle, effects: once}
  - pays
graph:
  start: work
  nodes:
    work: {type: function, call: "nodes:work"}
    ask: {type: approval, message: "Go on?"}
    last: {type: function, call: "nodes:last"}
  edges:
    - {from: work, to: ask, when: "context.thread.said.size() > 0"}
    - {from: work, to: end}
    - {from: ask, to: last}
    - {from: last, to: end}
"""
NODES = """\
async def work(ctx):
    return {"said": [await ctx.call_tool(name, {}) for name in ("looks", "undeclared", "idle", "pays")]}


async def last(ctx):
    raise ValueError("no")
"""
TOOLS = """\
from pathlib import Path

from journeyman import tool


def _called(name: str) -> str:
    Path(name).touch()
    return f"{name} was called"


@tool(effects="none")
async def looks() -> str:
    \"\"\"Looks.\"\"\"
    return _called("looks")


@tool
async def undeclared() -> str:
    \"\"\"The file says that it only looks.\"\"\"
    return _called("undeclared")


@tool(effects="none")
async def idle() -> str:
    \"\"\"The file says that it acts.\"\"\"
    return _called("idle")


@tool(effects="once")
def pays() -> str:
    \"\"\"Pays.\"\"\"
    return _called("pays")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_our_variables(monkeypatch)
    (tmp_path / "tools").mkdir()
    for file, text in (("agent.yaml", AGENT), ("nodes.py", NODES), ("tools/acts.py", TOOLS)):
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o644)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with shell_of(capsys) as shell:
        yield shell


def test_only_what_looks_is_called(shell: Shell, folder: Path) -> None:
    code, out = shell("graph", "--dry-run", "--json")
    told = json.loads(out)
    work, ask, last = told["steps"]
    assert work["asked"][0]["values"]["context.thread.said"] == [
        "looks was called",
        "undeclared was called",
        "(dry run: idle was not called)",
        "(dry run: pays was not called)",
    ]
    assert (ask["node"], ask["to"]) == ("ask", ["last"])
    assert (last["error"], last.get("to")) == ("node_failed: ValueError: no", None)
    assert (code, told["status"], told["error"]["code"]) == (1, "failed", "node_failed")
    assert [name for name in ("looks", "undeclared", "idle", "pays") if (folder / name).exists()] == [
        "looks",
        "undeclared",
    ]


def test_an_agent_without_a_graph_of_its_own_has_no_way(shell: Shell) -> None:
    Path("agent.yaml").write_text("type: react_agent\n")
    assert shell("graph", "--dry-run", "--json") == (4, "")
