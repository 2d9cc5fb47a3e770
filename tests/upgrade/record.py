"""Record what a user of 0.1 has. It runs on the tree of 0.1 alone, and what it wrote is never written again.

    PYTHONPATH=src:. python tests/upgrade/record.py definitions
    PYTHONPATH=src:. python tests/upgrade/record.py journal
    PYTHONPATH=src:. python tests/upgrade/record.py shown
    PYTHONPATH=src:. python tests/upgrade/record.py tests

- `definitions`: the stored form of each agent of `definitions.PINNED`, and the versions.
- `journal`: a real server (`journeyman serve`) over the agents of `agents/shop`, in three lives that `kill -9` ends;
  then the file is made one (checkpoint, vacuum), and everything that it shows at rest is written beside it.
- `shown`: that last step alone, from the journal that there is.
- `tests`: runs of that journal, and one of the claims example with its approval, exported as agent tests by the
  command line. The files are not named *.agent-test.yaml here: pytest would collect them where they stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import apsw

from tests.harness.real_server import RealServer
from tests.upgrade import definitions, old_house


async def record_definitions() -> None:
    definitions.STORED.mkdir()
    lines = ["# Content hash of each definition; of agents with a built-in tool it is the release's own.", ""]
    for name in definitions.PINNED:
        with tempfile.TemporaryDirectory() as folder:
            data, version = await definitions.stored(name, Path(folder))
        plain = definitions.without_our_code(data)
        (definitions.STORED / f"{name}.json").write_text(definitions.readable(plain), encoding="utf-8")
        if not definitions.has_our_code(data):
            assert plain == data
            lines.append(f"{name} {version}")
    (definitions.STORED / "versions.txt").write_text("\n".join(lines) + "\n")


class Recorder:
    """A client with the keys of several people; `runs` are the ids of runs by what they are about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = {"root": old_house.SEED}
        self.runs: dict[str, str] = {}
        settings = {"AUTH_MODE": "required", "API_KEY": old_house.SEED, **old_house.VARIABLES}
        self.server = RealServer(folder, folder / "shop", settings)

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """From a start to a kill."""
        timeout = aiohttp.ClientTimeout(total=30)
        connector = aiohttp.TCPConnector(force_close=True)
        try:
            await self.server.start()
            async with aiohttp.ClientSession(timeout=timeout, trust_env=False, connector=connector) as self.http:
                yield
            await self.server.kill()
        except BaseException:
            print(self.server.tail(), file=sys.stderr)
            raise
        finally:
            await self.server.close()

    async def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {self.keys[who]}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.http.request(method, self.server.url + path, json=body, headers=given) as answer:
            text = await answer.text()
            assert answer.status < 300, (method, path, body, answer.status, text)
            return json.loads(text) if text else None

    async def key(self, name: str, scopes: str, **more: Any) -> str:
        body = {"name": name, "scopes": scopes.split(), "principal": name, **more}
        made = await self.ask("root", "POST", "/keys", body)
        self.keys[name] = made["key"]
        return made["id"]

    async def run(self, name: str, text: str, status: str, who: str = "ann", **more: Any) -> dict[str, Any]:
        """Start a run on a thread of its name (unless another is given), and wait until it stands there."""
        headers = more.pop("headers", {})
        body = {"user_input": text, "agent": "desk", "thread_id": name.replace("_", "-"), "background": True, **more}
        run = (await self.ask(who, "POST", "/process", body, **headers))["run_id"]
        self.runs[name] = run
        return await self.until(run, status, who)

    async def until(self, run: str, status: str, who: str = "ann") -> dict[str, Any]:
        async with asyncio.timeout(20):
            while (found := await self.ask(who, "GET", f"/runs/{run}"))["status"] != status:
                assert found["status"] not in ("finished", "failed", "cancelled"), found
                await asyncio.sleep(0.02)
        return found

    async def reached(self, run: str, type_: str) -> None:
        """Wait until the run has such an event."""
        async with asyncio.timeout(20):
            while True:
                page = await self.ask("ann", "GET", f"/runs/{run}/events?limit=1000")
                if any(event["type"] == type_ for event in page["items"]):
                    return
                await asyncio.sleep(0.02)

    async def answer(self, name: str, decision: str, who: str = "ann", **more: Any) -> None:
        run = await self.ask("ann", "GET", f"/runs/{self.runs[name]}")
        body = {"answers": [{"approval": run["approvals"][0]["approval"], "decision": decision, **more}]}
        await self.ask(who, "POST", f"/runs/{self.runs[name]}/resume", body)


async def first_life(r: Recorder) -> None:
    """The people; a run under a definition that will be another; money without a known price."""
    for name, scopes in old_house.PEOPLE.items():
        await r.key(name, scopes)
    limits = {"rate": "1000/60s", "quota": {"tokens_per_day": 100000, "usd_per_day": 5.0, "concurrent_runs": 9}}
    await r.key("shop", "run read", **limits)
    gone = await r.key("gone", "read")
    await r.ask("root", "POST", f"/keys/{gone}/revoke", {})
    await r.run("old", "refund 80 of old", "paused", agent="old")
    (r.folder / "shop" / "hold").touch()
    run = await r.run("unknown", "wire 5 away", "running")
    await r.reached(run["run_id"], "tool_call_started")


async def second_life(r: Recorder) -> None:
    """Everything that comes to rest."""
    await r.until(r.runs["unknown"], "paused")
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X_Request_Id": "req-of-0.1"}
    finished = await r.run("finished", "look up 42", "finished", context={"name": "Ada"}, headers=trace)
    await r.run("finished_with_errors", "and 0", "finished", thread_id="finished")
    await r.run("failed", "break", "failed")
    await r.run("cancelled", "refund 80 of cancelled", "paused")
    await r.ask("ann", "POST", f"/runs/{r.runs['cancelled']}/cancel")
    await r.until(r.runs["cancelled"], "cancelled")
    await r.run("denied", "refund 80 of denied", "paused")
    await r.answer("denied", "deny")
    await r.until(r.runs["denied"], "finished")
    await r.run("approved", "refund 90 of approved", "paused")
    await r.answer("approved", "approve", "bob", arguments={"order": "1", "amount": 60})
    await r.until(r.runs["approved"], "finished")
    await r.run("unasked", "refund 20 of unasked", "finished")
    await r.run("sensitive", "charge 10 to a card", "finished")
    await r.run("remembered", "remember tea", "finished")
    await r.run("circle", "circle", "finished")
    await r.run("steps", "steps", "finished")
    await r.run("of_bob", "look, it is bob", "finished", "bob")
    await r.run("of_the_shop", "look, it is the shop", "finished", "shop")
    r.runs.pop("of_the_shop")
    for word in ("one", "two", "three"):
        await r.run(f"brief_{word}", word, "finished", agent="brief", thread_id="brief")
    forked = await r.ask("ann", "POST", f"/runs/{finished['run_id']}/fork", {"at": 3, "edits": {"prompt": "Fork."}})
    r.runs["forked"] = forked["run_id"]
    await r.until(forked["run_id"], "finished")
    call = {"tool_name": "lookup", "arguments": {"order": "3"}}
    r.runs["direct"] = (await r.ask("ann", "POST", "/execute_tool", call))["run_id"]
    # What waits.
    await r.run("of_another", "pay 500 to the shop", "paused")
    await r.run("approved_by_default", "give", "paused")
    await r.run("condition", "refund 80 of condition", "paused")
    queued = await r.run("queued", "next please", "queued", thread_id="condition")
    assert queued["status"] == "queued"
    await r.run("sensitive_paused", "charge 70 to a card", "paused")
    await r.run("question", "a shirt, please", "paused")
    await r.run("named", "refund 80 of named", "paused", agent="named")
    await r.run("remote", "echo please", "paused", agent="remote")
    await r.run("parent", "ask the clerk", "paused", agent="boss")
    page = await r.ask("ann", "GET", f"/runs?parent={r.runs['parent']}")
    r.runs["child"] = page["items"][0]["run_id"]
    await r.run("graph", "walk", "paused", agent="walk")
    call = {"tool_name": "refund", "arguments": {"order": "4", "amount": 70}}
    r.runs["direct_paused"] = (await r.ask("ann", "POST", "/execute_tool", call))["run_id"]
    # Threads, and keys of requests.
    body = {"thread_id": "made", "title": "A thread", "meta": {"shop": 1}}
    await r.ask("ann", "POST", "/threads", body, Idempotency_Key="make-a-thread")
    await r.ask("ann", "POST", "/threads/made/messages", {"content": "Mind the step.", "pinned": True})
    await r.ask("ann", "PATCH", "/threads/made/context", {"tier": "gold"})
    await r.ask("ann", "POST", "/threads", {"thread_id": "erased"})
    await r.ask("ann", "DELETE", "/threads/erased")
    body = {"user_input": "whatever", "agent": "desk", "thread_id": "repeated"}
    once = await r.ask("ann", "POST", "/process", body, Idempotency_Key="the-first-of-0.1")
    r.runs["repeated"] = once["run_id"]


async def third_life(r: Recorder) -> None:
    """What is under way when the last kill comes."""
    stories = {
        "wiring": ("wire 6 away", "tool_call_started"),
        "posting": ("post a letter", "tool_call_started"),
        "putting": ("put it", "tool_call_started"),
        "watching": ("watch birds", "tool_call_started"),
        "saying": ("say it later", "model_called"),
    }
    assert tuple(stories) == old_house.UNDER_WAY
    for name, (text, type_) in stories.items():
        run = await r.run(name, text, "running", thread_id=f"under-way-{name}")
        await r.reached(run["run_id"], type_)


def one_file(database: Path) -> int:
    """Empty the log into the file and leave nothing free in it: the time of its last event."""
    db = apsw.Connection(str(database))
    db.pragma("wal_checkpoint(TRUNCATE)")
    db.execute("VACUUM")
    db.pragma("wal_checkpoint(TRUNCATE)")
    [(last,)] = db.execute("SELECT max(at) FROM events")
    db.close()
    return int(last)


async def record_journal() -> None:
    old_house.RECORDED.mkdir(exist_ok=True)
    assert not old_house.JOURNAL.exists(), "it is recorded already"
    with tempfile.TemporaryDirectory(prefix="shop-") as name:
        folder = Path(name)
        shutil.copytree(definitions.AGENTS / "shop", folder / "shop")
        shop = folder / "shop"
        old, turns = (shop / "old.yaml").read_text(), (shop / "turns.yaml").read_text()
        (shop / "old.yaml").write_text(old.replace("A new prompt.", "An old prompt."))
        (shop / "turns.yaml").write_text(turns.replace("delay_ms: 0", "delay_ms: 600000"))
        recorder = Recorder(folder)
        for life in (first_life, second_life, third_life):
            async with recorder.life():
                await life(recorder)
            (shop / "old.yaml").write_text(old)
        ended_at = one_file(recorder.server.database)
        shutil.copyfile(recorder.server.database, old_house.JOURNAL)
        keys = {name: recorder.keys[name] for name in sorted(recorder.keys) if name != "root"}
        kept = {"ended_at": ended_at, "keys": keys, "runs": recorder.runs}
        (old_house.RECORDED / "notes.json").write_text(json.dumps(kept, indent=1) + "\n")
    await record_shown()


async def record_shown() -> None:
    with tempfile.TemporaryDirectory(prefix="shop-") as name:
        old_house.unpack(Path(name))
        async with old_house.served(Path(name)) as house:
            shown = await old_house.picture(house)
    text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
    (old_house.RECORDED / "shown.json").write_text(text, encoding="utf-8")


def command(folder: Path, database: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "journeyman", *arguments],
        cwd=folder,
        env={**os.environ, **old_house.VARIABLES, "DATABASE_URL": f"sqlite:///{folder / database}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, 6), done.stdout + done.stderr  # 6: the run waits for a human
    return done.stdout


def record_tests() -> None:
    old_house.EXPORTED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shop-") as name:
        folder = Path(name)
        old_house.unpack(folder)
        (folder / "t").mkdir()
        for run in old_house.EXPORTS:
            target = f"t/{run}.agent-test.yaml"
            command(folder, "journal.db", "runs", "export", old_house.notes()["runs"][run], "shop", *AS_TEST, target)
        shutil.copytree(definitions.AGENTS / "claims", folder / "claims")
        text = "My order 1044 came broken, refund 75 euros please"
        paused = json.loads(command(folder, "claims.db", "run", text, "claims", "--json"))
        approval = paused["approvals"][0]["approval"]
        command(folder, "claims.db", "approvals", "answer", approval, "approve", "claims")
        command(folder, "claims.db", "runs", "export", paused["run_id"], "claims", *AS_TEST, "t/claims.agent-test.yaml")
        for file in (folder / "t").iterdir():
            shutil.copyfile(file, old_house.EXPORTED / file.name.replace(".agent-test.", "."))


AS_TEST = ("--as-test", "-o")


if __name__ == "__main__":
    os.environ.setdefault("DEFAULT_MODEL", "offline")
    match sys.argv[1:]:
        case ["definitions"]:
            asyncio.run(record_definitions())
        case ["journal"]:
            asyncio.run(record_journal())
        case ["shown"]:
            asyncio.run(record_shown())
        case ["tests"]:
            record_tests()
        case _:
            sys.exit(__doc__)
