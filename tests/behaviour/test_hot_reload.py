"""Files that change while the server runs (issue 3, part 10): good ones for new runs, bad ones for no run."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeyman.errors import NotFoundError, Problem
from journeyman.events.messages import user
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.use_cases.requests import StartCall, StartRun
from journeyman.server import Application, build
from journeyman.settings import Settings

AGENT = """\
type: react_agent
name: bot
model: offline
prompt: %s
tools: [say]
"""
TOOL = '''\
import asyncio
from journeyman import tool
from .words import WORD

@tool(effects="none")
async def say() -> str:
    """Say the word."""
    import gate
    gate.entered.set()
    await gate.open.wait()
    return WORD
'''
MINE = """\
from journeyman.agents.react import ReactAgent

class Mine(ReactAgent):
    def __init__(self, *_):
        raise KeyError("x")
"""
CRM = """\
openapi: 3.1.0
info: {title: CRM, version: 1.0.0}
servers: [{url: "https://crm.example"}]
paths: {/x: {get: {operationId: %s, summary: Read}}}
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("agent.yaml", AGENT % "one")
        self.write("tools/say.py", TOOL)
        self.write("tools/words.py", "WORD = 'v1'")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)

    async def built(self) -> Application:
        settings = Settings.read(database_url="memory://")
        return await build(settings, self.folder, journal=MemoryJournal())


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    made: Any = types.ModuleType("gate")
    made.entered, made.open = asyncio.Event(), asyncio.Event()
    monkeypatch.setitem(sys.modules, "gate", made)
    return made


@pytest.fixture
def project(tmp_path: Path, gate: Any) -> Project:
    return Project(tmp_path)


@pytest.fixture
async def served(project: Project) -> AsyncIterator[Application]:
    async with asyncio.timeout(30), await project.built() as application:
        yield application


async def start(application: Application) -> str:
    started = await application.runs.start("local", StartRun(input=user("say the word"), agent="bot"))
    return started.run_id


async def ended(application: Application, run_id: str) -> Any:
    return await application.runs.wait(run_id, 10.0)


async def call(application: Application) -> str | None:
    started = await application.runs.call("local", StartCall(tool="say", arguments={}))
    return (await ended(application, started.run_id)).response


def texts(problems: tuple[Problem, ...]) -> str:
    return "\n".join(map(str, problems))


async def test_runs_under_way_end_as_they_began_and_new_ones_begin_with_the_new(
    served: Application, project: Project, gate: Any
) -> None:
    first = await start(served)
    await gate.entered.wait()
    before = served.agents.resolve("bot").version
    project.write("tools/words.py", "WORD = 'v2!'")
    done = await served.reloader.reload()
    assert [(change.agent, change.before) for change in done.changes] == [("bot", before)]
    second = await start(served)
    gate.open.set()
    old, new = await ended(served, first), await ended(served, second)
    assert (old.response, new.response) == ("say says: v1", "say says: v2!")
    assert await call(served) == "v2!"
    rows = [await served.runs.get("local", run_id) for run_id in (first, second)]
    assert [row.version for row in rows] == [before, done.changes[0].version]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("agent.yaml", "type: react_agent\nname: bot\nmodle: x\n", "agent.yaml:3:1: "),
        ("tools/say.py", "def broken(:\n", "say.py:1:"),
        ("agent.yaml", AGENT % "'{{ nope'", "agent.yaml:4:"),
        ("agents2.py", "", ""),
    ],
)
async def test_bad_files_change_nothing_and_are_reported(
    name: str,
    text: str,
    place: str,
    served: Application,
    project: Project,
    gate: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate.open.set()
    if not place:
        name, text, place = "agent.yaml", (AGENT % "x").replace("react_agent", "agents2:Nope"), "agent.yaml:1:"
    agent, tool = served.agents.resolve("bot"), served.registry.get("say")
    project.write(name, text)
    with caplog.at_level(logging.INFO):
        done = await served.reloader.reload()
    assert (done.applied, done.changes) == (False, ())
    assert place in texts(done.problems)
    assert place in caplog.text
    assert served.agents.resolve("bot") is agent
    assert served.registry.get("say") is tool
    assert "reload" in served.details()
    assert (await ended(served, await start(served))).response == "say says: v1"
    project.write("agent.yaml", AGENT % "one")
    project.write("tools/say.py", TOOL)
    assert (await served.reloader.reload()).applied
    assert "reload" not in served.details()


async def test_a_class_that_cannot_be_made_is_a_problem_like_any_other(served: Application, project: Project) -> None:
    project.write("mine.py", MINE)
    project.write("agent.yaml", (AGENT % "one").replace("react_agent", "mine:Mine"))
    done = await served.reloader.reload()
    assert not done.applied
    assert "KeyError" in texts(done.problems)
    assert served.agents.resolve("bot").spec.type == "react_agent"


async def test_a_worker_that_starts_later_runs_what_was_checked(served: Application, project: Project) -> None:
    plain = TOOL.replace("async def", "def").replace("    import gate\n", "").replace("    gate.entered.set()\n", "")
    project.write("tools/say.py", plain.replace("    await gate.open.wait()\n", ""))
    assert (await served.reloader.reload()).applied
    assert await call(served) == "v1"
    project.write("tools/words.py", "WORD = (")
    project.write("tools/say.py", "def broken(:")
    served.workers.renew()
    assert await call(served) == "v1"
    assert not (await served.reloader.reload()).applied
    served.workers.renew()
    assert await call(served) == "v1"
    project.write("tools/words.py", "WORD = 'v2'")
    project.write("tools/say.py", plain.replace("    await gate.open.wait()\n", ""))
    assert (await served.reloader.reload()).applied
    assert await call(served) == "v2"


async def test_agents_come_and_go(served: Application, project: Project, gate: Any) -> None:
    first = await start(served)
    await gate.entered.wait()
    project.write("agent.yaml", (AGENT % "one").replace("name: bot", "name: other"))
    done = await served.reloader.reload()
    assert {(change.agent, bool(change.version), bool(change.before)) for change in done.changes} == {
        ("other", True, False),
        ("bot", False, True),
    }
    with pytest.raises(NotFoundError):
        await start(served)
    gate.open.set()
    assert (await ended(served, first)).response == "say says: v1"


async def test_rolled_back_in_one_call(served: Application, project: Project, gate: Any) -> None:
    gate.open.set()
    project.write("tools/say.py", TOOL.replace("return WORD", "return 'v2'"))
    (change,) = (await served.reloader.reload()).changes
    back = await served.reloader.roll_back("bot")
    assert (back.version, back.before) == (change.before, change.version)
    assert (await ended(served, await start(served))).response == "say says: v1"
    assert (await served.reloader.reload()).changes == ()
    assert (await ended(served, await start(served))).response == "say says: v1"
    assert (await served.reloader.roll_back("bot", change.version)).version == change.version
    assert (await ended(served, await start(served))).response == "say says: v2"


async def test_what_has_not_changed_is_not_run_again(served: Application, project: Project, gate: Any) -> None:
    gate.open.set()
    tool = served.registry.get("say")
    project.write("agent.yaml", AGENT % "two")
    assert len((await served.reloader.reload()).changes) == 1
    assert served.registry.get("say") is tool
    assert (await served.reloader.reload()).changes == ()


async def test_operations_services_and_secrets_of_a_changed_file(
    served: Application, project: Project, monkeypatch: pytest.MonkeyPatch, gate: Any
) -> None:
    gate.open.set()
    monkeypatch.setenv("CRM_KEY", "a-secret-of-the-crm")
    project.write("crm.yaml", CRM % "readOne")
    entry = "openapi:\n  crm: {document: crm.yaml, operations: [readOne], auth: {bearer: '${CRM_KEY}'}}\n"
    services = "services:\n  crm: {match: 'https://crm.example', retries: 1}\n"
    told: list[tuple[str, ...]] = []
    served.secrets.subscribe(lambda _: told.append(served.secrets.values))
    project.write("agent.yaml", (AGENT % "one") + entry + services)
    assert (await served.reloader.reload()).applied
    assert "crm__readOne" in served.registry.tools
    assert served.services.of_url("https://crm.example").guard.policy.retries == 1
    assert "a-secret-of-the-crm" in served.secrets.values
    assert told == [served.secrets.values]
    project.write("tools/say.py", TOOL.replace("return WORD", "return 'a-secret-of-the-crm'"))
    assert (await served.reloader.reload()).applied
    result = await ended(served, await start(served))
    assert result.response == "say says: [secret]"
    project.write("crm.yaml", CRM % "readTwo")
    done = await served.reloader.reload()
    assert "the document has no operation 'readOne'" in texts(done.problems)
    assert "crm__readOne" in served.registry.tools


async def test_a_gateways_entry_waits_for_a_restart_and_says_so(project: Project) -> None:
    settings = Settings.read(database_url="memory://", litellm_gateway_url="http://127.0.0.1:9/v1")
    async with await build(settings, project.folder, journal=MemoryJournal()) as application:
        project.write("agent.yaml", (AGENT % "one") + "services:\n  llm: {match: gateway, retries: 0}\n")
        done = await application.reloader.reload()
        assert done.applied
        assert "restart" in texts(done.problems)


def imported_files() -> list[str]:
    return [name for name in sys.modules if name.startswith("_journeyman_files_")]


class Storm:
    """Edits, good and bad, while runs begin, wait in queues and end: each must say the word of its version."""

    def __init__(self, application: Application, project: Project, gate: Any, seed: int) -> None:
        self.application, self.project, self.gate = application, project, gate
        self.random = random.Random(seed)
        self.words = {application.agents.resolve("bot").version: "v1"}
        self.began: list[str] = []

    async def edit(self, number: int) -> None:
        word = f"v{number}"
        bad = self.random.random() < 0.3
        self.project.write("tools/words.py", "WORD = (" if bad else f"WORD = '{word}'")
        self.project.write("agent.yaml", AGENT % word)
        reloading = asyncio.create_task(self.application.reloader.reload())
        await self.begin()
        done = await reloading
        assert done.applied is not bad
        self.words |= {change.version: word for change in done.changes}
        await self.begin()
        if self.random.random() < 0.3:
            self.application.workers.renew()

    async def begin(self) -> None:
        for _ in range(self.random.randint(0, 3)):
            thread = self.random.choice(["a", "b", None])
            request = StartRun(input=user("say the word"), agent="bot", thread_id=thread)
            self.began.append((await self.application.runs.start("local", request)).run_id)
            await asyncio.sleep(0)

    async def calm(self) -> None:
        """Let every run end; those that began before the next edits must."""
        self.gate.open.set()
        for run_id in self.began:
            result = await ended(self.application, run_id)
            row = await self.application.runs.get("local", run_id)
            assert (result.status, result.response) == ("finished", f"say says: {self.words[row.version]}")
        self.gate.open.clear()
        self.began.clear()


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 1), *(pytest.param(seed, 20, marks=pytest.mark.long) for seed in range(2, 4))]
)
async def test_no_run_is_lost_and_none_sees_a_half(seed: int, rounds: int, project: Project, gate: Any) -> None:
    before = len(imported_files())
    async with await project.built() as application:
        storm = Storm(application, project, gate, seed)
        for number in range(rounds):
            for step in range(5):
                await storm.edit(10 * number + step + 2)
            await storm.calm()
        assert len(application.agents.versions("bot")) <= 8
        assert len(imported_files()) - before < 40  # of 9 folders at most, whatever the number of edits
