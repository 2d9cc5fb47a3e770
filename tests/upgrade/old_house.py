"""The journal that 0.1 left behind, served by today's code: in this process, at the time when it was recorded.

All that these tests import from inside Journeyman is named here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journeyman.agents.policy_merge import restricted_to as restricted_to
from journeyman.agents.spec import AgentSpec as AgentSpec
from journeyman.api.app import build_app
from journeyman.clock import SystemClock
from journeyman.journal.sqlite.verify import verify_journal as verify_journal
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies as ports
from journeyman.settings import Settings
from tests.harness.asgi_client import Answer, request
from tests.upgrade.definitions import AGENTS, HERE

RECORDED = HERE / "journal"
JOURNAL = RECORDED / "journal.0.1.sqlite"
EXPORTED = HERE / "exported"
EXPORTS = ("approved", "circle", "unknown", "parent", "sensitive", "remote", "cancelled")  # runs of the journal
SEED = "seed-of-the-first-admin-key-0123456789"
# Where replays of runs at a limit differ today, and nowhere else: the model is asked for a last answer.
LAST_ANSWERS = {
    "circle": [
        "event 16, limit_reached, differs:",
        "event 17, tool_call_finished m4.0, differs:",
        "event 18 is new: model_called answer",
        "event 19 is new: model_failed answer",
        "event 18, run_finished, differs:",
    ],
    "steps": [
        "event 27, limit_reached, differs:",
        "event 28 is new: model_called answer",
        "event 29 is new: model_failed answer",
        "event 28, run_finished, differs:",
    ],
}


def differing_events(said: str) -> list[str]:
    """The first line of each difference, without data."""
    lines = [line.strip() for line in said.splitlines()]
    return [line.partition(" {")[0] for line in lines if line.startswith("event ")]


VARIABLES = {"UPGRADE_SHOP": "the Fernside Bookshop", "UPGRADE_PYTHON": sys.executable}
PEOPLE = {"ann": "run read tools approve", "bob": "run read approve approve:any"}
SECONDS = 20.0


class ShiftedClock(SystemClock):
    """The machine's clock, as it was when the journal was recorded."""

    def __init__(self, now: int) -> None:
        self._shift = now - super().now()

    def now(self) -> int:
        return super().now() + self._shift


class OldHouse:
    """`keys`: whose credential is which; `runs`: the runs by what they are about."""

    def __init__(self, app: Any, notes: dict[str, Any]) -> None:
        self.app = app
        self.keys: dict[str, str] = {**notes["keys"], "root": SEED}
        self.runs: dict[str, str] = notes["runs"]

    async def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        given = {"authorization": f"Bearer {self.keys[who]}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return await request(self.app, method, path, json=body, headers=given)

    async def get(self, path: str, who: str = "ann") -> Any:
        answer = await self.ask(who, "GET", path)
        assert answer.status == 200, (path, answer.text)
        return answer.json()

    async def events(self, run_id: str, who: str = "ann") -> list[dict[str, Any]]:
        return (await self.get(f"/runs/{run_id}/events?limit=1000", who))["items"]

    async def approval(self, name: str) -> dict[str, Any]:
        """The one that this run waits for."""
        items = (await self.get("/approvals"))["items"]
        [found] = [item for item in items if item["run_id"] == self.runs[name]]
        return found

    async def answer(self, name: str, decision: str, who: str = "ann", through: str = "", **more: Any) -> Answer:
        """Answers the approval of this run, as `who`, through itself or its parent."""
        approval = (await self.approval(name))["approval"]
        body = {"answers": [{"approval": approval, "decision": decision, **more}]}
        return await self.ask(who, "POST", f"/runs/{self.runs[through or name]}/resume", body)

    async def until(self, run_id: str, *statuses: str) -> dict[str, Any]:
        run: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SECONDS):
                while (run := await self.get(f"/runs/{run_id}"))["status"] not in statuses:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not {statuses} in {SECONDS:g} s: {run}") from None
        return run


def notes() -> dict[str, Any]:
    """What the recorder wrote down: ids of runs by name, the keys, when it ended (µs since 1970)."""
    return json.loads((RECORDED / "notes.json").read_text())


def unpack(folder: Path) -> Path:
    """A copy of the journal and its agents in `folder`: the journal's file."""
    shutil.copytree(AGENTS / "shop", folder / "shop", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copyfile(JOURNAL, folder / "journal.db")
    (folder / "journal.db").chmod(0o600)
    return folder / "journal.db"


@asynccontextmanager
async def served(folder: Path, later: float = 60.0) -> AsyncIterator[OldHouse]:
    """Today's server over the journal in `folder`, `later` seconds after it was recorded."""
    known = notes()
    before = dict(os.environ)
    os.environ.update(VARIABLES)
    try:
        database = f"sqlite:///{folder / 'journal.db'}"
        given: dict[str, Any] = {"auth_mode": "required", "api_key": SEED, "rate_limit_requests": 10000}
        settings = Settings.read(env_file=None, database_url=database, **given)
        clock = ShiftedClock(known["ended_at"] + round(later * 1_000_000))
        application = await build(settings, folder / "shop", clock=clock)
        async with application:
            yield OldHouse(build_app(ports(application)), known)
    finally:
        os.environ.clear()
        os.environ.update(before)


OF_NOW = ("metrics", "sandbox", "versions", "last_used_at", "key")  # of this process, this machine, this moment
UNDER_WAY = ("wiring", "posting", "putting", "watching", "saying")  # killed in mid-call: they go on at the next start


async def picture(house: OldHouse) -> dict[str, Any]:
    """All that can be read of what has come to rest, answer by answer."""
    shown: dict[str, Any] = {}
    resting = {name: run for name, run in house.runs.items() if name not in UNDER_WAY}
    for name, run in sorted(resting.items()):
        who = "bob" if name == "of_bob" else "ann"
        shown[f"{name}: run"] = await house.get(f"/runs/{run}", who)
        shown[f"{name}: events"] = await house.events(run, who)
        shown[f"{name}: state"] = await house.get(f"/runs/{run}/state", who)
    under_way = {house.runs[name] for name in UNDER_WAY}
    listed = (await house.get("/runs?limit=200"))["items"]
    shown["runs"] = [each for each in listed if each["run_id"] not in under_way]
    threads = (await house.get("/threads?limit=200"))["items"]
    shown["threads"] = [each for each in threads if not each["thread_id"].startswith("under-way")]
    for thread in shown["threads"]:
        path = f"/threads/{thread['thread_id']}"
        for part in ("", "/messages", "/context", "/runs"):
            shown[f"thread {thread['thread_id']}{part}"] = await house.get(path + part)
    shown["context"] = await house.get("/context")
    waiting = (await house.get("/approvals?limit=200"))["items"]
    shown["approvals"] = [each for each in waiting if each["run_id"] not in under_way]
    shown["errors"] = await house.get("/errors")
    keys = (await house.get("/keys", "root"))["items"]
    shown["keys"] = [_lasting(key) for key in keys]
    for name in ("desk", "walk", "boss", "brief", "clerk", "named", "old"):
        shown[f"agent {name}"] = _lasting(await house.get(f"/agents/{name}"))
    for name in ("lookup", "refund", "charge", "wire", "post", "put", "watch"):
        shown[f"tool {name}"] = _lasting(await house.get(f"/tools/{name}"))
    return shown


def _lasting(value: Any) -> Any:
    """Without what is of now."""
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in OF_NOW}
    return [_lasting(each) for each in value] if isinstance(value, list) else value
