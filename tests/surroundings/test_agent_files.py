"""Agent files, and the code of nodes and tools beside them, are missing, broken or removed while a real server runs."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman.errors import ConfigurationError
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.paying_agent import AGENT, TURNS
from tests.surroundings.table import cell

TOOL = '''\
from journeyman import tool


@tool(effects="once")
async def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: How much.
    """
    import gate
    gate.entered.set()
    await gate.open.wait()
    return f"paid {amount}"
'''
GRAPH = """\
type: custom_react_agent
name: desk
model: offline
graph:
  start: sure
  nodes:
    sure: {type: approval, message: "Sure?"}
    score: {type: function, call: "code:score"}
  edges: [{from: sure, to: score}, {from: score, to: end}]
"""
SCORE = """\
async def score(ctx):
    import gate
    gate.entered.set()
    await gate.open.wait()
    return ctx.answer("seven")
"""
FILES = {"desk.yaml": AGENT, "turns.yaml": TURNS, "tools/pay.py": TOOL}
GRAPH_FILES = {"desk.yaml": GRAPH, "code.py": SCORE}
BROKEN = "a = ["


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module that the code of the agents imports: what has begun, and what may go on."""
    made: Any = types.ModuleType("gate")
    made.entered, made.open = asyncio.Event(), asyncio.Event()
    monkeypatch.setitem(sys.modules, "gate", made)
    return made


def written(folder: Path, files: dict[str, str]) -> Path:
    """Write an agent's files. Returns their folder."""
    for name, text in files.items():
        path = folder / "agents" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder / "agents"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[App]:
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{folder.parent / 'j.db'}")
    app = App(settings, folder)
    try:
        async with asyncio.timeout(30):
            await app.start()
            yield app
    finally:
        await app.stop()


async def asking(app: App) -> tuple[str, Any]:
    """Start a run that asks a human. Returns its id and the body of the answer that lets it go on."""
    run = (await request(app, "POST", "/process", json={"user_input": "a"})).json()
    [asked] = run["approvals"]
    return run["run_id"], {"answers": [{"approval": asked["approval"], "decision": "approve"}]}


async def removed(app: App, file: Path) -> str:
    """Remove a file and reload. Returns the problem for which the reload is refused."""
    file.unlink()
    assert app.application is not None
    report = await app.application.reloader.reload()
    assert not report.applied
    return str(report.problems[0])


async def finished(app: App, run_id: str) -> Any:
    assert app.application is not None
    result = await app.application.runs.wait(run_id, 10.0)
    assert result.status == "finished", result
    return result.response


async def refused_start(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        async with served(folder):
            pass
    return refused.value.message


@cell("agent file", "before the start", "The start ends with exit code 3 and names the file and the line.")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "agents: there is no agent file in the folder (write one that begins with `type: react_agent`)"),
        pytest.param("type: react_agent\nmodel: [\n", "desk.yaml:3:1: ", marks=pytest.mark.long),
        pytest.param("type: react_agent\nmodle: offline\n", "desk.yaml:2:1: ", marks=pytest.mark.long),
    ],
    ids=["missing", "no YAML", "unknown key"],
)
async def test_an_agent_file_that_cannot_be_read_ends_the_start(tmp_path: Path, text: str | None, said: str) -> None:
    folder = written(tmp_path, {**FILES, "desk.yaml": text or ""})
    if text is None:
        (folder / "desk.yaml").unlink()
    assert said in await refused_start(folder)


@cell("node code", "before the start", "The start ends with exit code 3 and names the node and the file.")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "there is no file code.py in the agent's folder"),
        (BROKEN, "code.py"),
        ("import gone_module\n" + SCORE, "gone_module"),
        ("x = 1", "code.py has no function score"),
    ],
    ids=["missing", "no Python", "imports what is not here", "no such function"],
)
async def test_code_of_a_node_that_cannot_be_loaded_ends_the_start(tmp_path: Path, code: str | None, said: str) -> None:
    folder = written(tmp_path, {**GRAPH_FILES, "code.py": code or ""})
    if code is None:
        (folder / "code.py").unlink()
    assert said in await refused_start(folder)


@cell("tool code", "before the start", "The start ends with exit code 3 and names the tool and the file.")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "the tool pay is unknown"),
        pytest.param(BROKEN, "pay.py:1:", marks=pytest.mark.long),
        pytest.param("import gone_module", "gone_module", marks=pytest.mark.long),
    ],
    ids=["missing", "no Python", "imports what is not here"],
)
async def test_code_of_a_tool_that_cannot_be_loaded_ends_the_start(tmp_path: Path, code: str | None, said: str) -> None:
    folder = written(tmp_path, {**FILES, "tools/pay.py": code or ""})
    if code is None:
        (folder / "tools/pay.py").unlink()
    assert said in await refused_start(folder)


GOES_ON = "The reload is refused, the loaded version stays in use, and the run finishes with it."


@cell("agent file", "in a call", GOES_ON, case="removed, then reloaded")
@cell("tool code", "in a call", GOES_ON, case="removed, then reloaded")
@pytest.mark.parametrize(
    ("file", "said"), [("desk.yaml", "there is no agent file"), ("tools/pay.py", "the tool pay is unknown")]
)
@pytest.mark.long
async def test_files_that_are_removed_in_a_call_of_a_tool(tmp_path: Path, gate: Any, file: str, said: str) -> None:
    folder = written(tmp_path, FILES)
    async with served(folder) as app:
        run_id, approve = await asking(app)
        await request(app, "POST", f"/runs/{run_id}/resume", json=approve)
        await gate.entered.wait()
        assert said in await removed(app, folder / file)
        gate.open.set()
        assert await finished(app, run_id) == "It is paid."
        assert (await request(app, "GET", "/agents")).json()["items"][0]["name"] == "desk"


@cell("node code", "in a call", GOES_ON, case="removed, then reloaded")
async def test_the_code_of_a_node_is_removed_while_it_runs(tmp_path: Path, gate: Any) -> None:
    folder = written(tmp_path, GRAPH_FILES)
    async with served(folder) as app:
        run_id, approve = await asking(app)
        await request(app, "POST", f"/runs/{run_id}/resume", json=approve)
        await gate.entered.wait()
        assert "there is no file code.py" in await removed(app, folder / "code.py")
        gate.open.set()
        assert await finished(app, run_id) == "seven"


@cell("agent file", "in a pause", GOES_ON, case="removed, then reloaded")
@cell("node code", "in a pause", GOES_ON, case="removed, then reloaded")
@cell("tool code", "in a pause", GOES_ON, case="removed, then reloaded")
@pytest.mark.parametrize(
    ("files", "file"),
    [(FILES, "desk.yaml"), (GRAPH_FILES, "code.py"), (FILES, "tools/pay.py")],
    ids=["agent file", "node code", "tool code"],
)
@pytest.mark.long
async def test_files_that_are_removed_in_a_pause(tmp_path: Path, gate: Any, files: dict[str, str], file: str) -> None:
    folder = written(tmp_path, files)
    gate.open.set()
    async with served(folder) as app:
        run_id, approve = await asking(app)
        await removed(app, folder / file)
        await request(app, "POST", f"/runs/{run_id}/resume", json=approve)
        assert await finished(app, run_id) in ("It is paid.", "seven")


OTHER = "type: react_agent\nname: other\nmodel: offline\n"


@cell(
    "node code",
    "in a pause",
    "`approve` is refused with 409 and nothing is recorded; back in its folder, the same answer is taken.",
    case="restarted without it",
)
@pytest.mark.long
async def test_the_code_of_a_node_is_not_there_after_a_restart_in_a_pause(tmp_path: Path, gate: Any) -> None:
    folder, other = written(tmp_path, GRAPH_FILES), tmp_path / "other"
    gate.open.set()
    async with served(folder) as app:
        run_id, approve = await asking(app)
    other.mkdir()
    (other / "other.yaml").write_text(OTHER)
    async with served(other) as app:
        refused = await request(app, "POST", f"/runs/{run_id}/resume", json=approve)
        assert (refused.status, refused.json()["code"]) == (409, "agent_away"), refused.text
    async with served(folder) as app:
        await request(app, "POST", f"/runs/{run_id}/resume", json=approve)
        assert await finished(app, run_id) == "seven"
