"""What a real server does when its journal file or its disk is not as it was, at each moment.

The cells without the mark `long` run in `make test`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.harness.real_server import ROOT, RealServer
from tests.harness.strace import required
from tests.surroundings.table import cell

SMALL = 1 << 15  # less than the write-ahead log holds by then, and more than what the server has logged
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    made = RealServer(tmp_path, ROOT / "examples" / "support", {}, ["--offline"], preloaded=True)
    yield made
    await made.close()


class Answer:
    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body

    def __repr__(self) -> str:
        return f"{self.status} {self.body}"


def _ask(server: RealServer, method: str, path: str, body: object = None) -> Answer:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        found = connection.getresponse()
        return Answer(found.status, json.loads(found.read() or b"{}"))
    finally:
        connection.close()


async def ask(server: RealServer, method: str, path: str, body: object = None) -> Answer:
    return await asyncio.to_thread(_ask, server, method, path, body)


async def say(server: RealServer, text: str = "What is 2 + 3?") -> Answer:
    return await ask(server, "POST", "/process", {"user_input": text})


async def until(server: RealServer, status: int) -> Answer:
    """Ask `/readyz` until it answers with the status."""
    async with asyncio.timeout(20):
        while (answer := await ask(server, "GET", "/readyz")).status != status:
            await asyncio.sleep(0.02)
    return answer


async def refused_start(server: RealServer) -> tuple[int, str]:
    """Start a server that cannot start. Returns its exit code and what it said."""
    server.spawn()
    return await server.died(30), server.tail()


def log_of(server: RealServer) -> Path:
    return server.database.with_name(f"{server.database.name}-wal")


def _unlink(server: RealServer) -> None:
    server.database.unlink()


def _replace(server: RealServer) -> None:
    copy = server.folder / "copy"
    copy.write_bytes(server.database.read_bytes())
    copy.replace(server.database)


@cell(
    "journal file",
    "in a pause",
    "`/readyz` is 503 and says that the file was removed or replaced; requests get 503 `journal_lost`.",
)
@pytest.mark.parametrize(("lose", "what"), [(_unlink, "removed"), (_replace, "replaced")])
async def test_the_journal_file_is_lost_in_a_pause(
    server: RealServer, lose: Callable[[RealServer], None], what: str
) -> None:
    await server.start()
    assert (await say(server)).status == 200
    lose(server)
    ready = await until(server, 503)
    assert f"the journal's file was {what} while the server ran" in ready.body["reasons"]["journal"]
    answers = [await say(server) for _ in range(3)]
    assert [(answer.status, answer.body["code"]) for answer in answers] == [(503, "journal_lost")] * 3
    assert f"the journal's file was {what} while the server ran" in answers[0].body["error"]
    assert str(server.folder) not in str(answers[0].body)
    assert (await ask(server, "GET", "/livez")).status == 200
    assert f"{server.database} was {what} while this server had it open" in server.tail(100_000)


@cell("journal file", "in a call", "Nothing that is written after the loss is acknowledged: 503 `journal_lost`.")
async def test_the_journal_file_is_lost_in_a_call(server: RealServer) -> None:
    """Nothing is acknowledged that is written after the loss, not even before the server has looked by itself."""
    await server.start()
    asked = [asyncio.create_task(say(server)) for _ in range(8)]
    await asked[0]
    server.database.unlink()
    answers = [*await asyncio.gather(*asked), *[await say(server) for _ in range(5)]]
    assert [answer.status for answer in answers[-5:]] == [503] * 5
    assert {answer.status for answer in answers} <= {200, 202, 503}


@cell(
    "journal file",
    "before the start",
    "The start is refused with exit code 3: the log beside it holds committed data.",
    case="missing, its `-wal` is there",
)
async def test_the_journal_file_is_missing_beside_its_log_before_the_start(server: RealServer) -> None:
    await server.start()
    await say(server)
    await server.kill()
    server.database.unlink()
    code, said = await refused_start(server)
    assert code == 3
    assert "holds committed data, but the journal" in said
    assert log_of(server).stat().st_size > 0


@cell(
    "journal file",
    "at resume",
    "The start is refused: the journal is older than what was acknowledged. `ACCEPT_ROLLBACK` goes on with it.",
    case="its `-wal` is cut",
)
async def test_the_log_is_cut_before_the_start(server: RealServer) -> None:
    await server.start()
    await say(server)
    await server.kill()
    log_of(server).write_bytes(log_of(server).read_bytes()[:4096])
    code, said = await refused_start(server)
    assert code == 1
    assert "is older than what was acknowledged" in said
    server.env["ACCEPT_ROLLBACK"] = said.rpartition("ACCEPT_ROLLBACK=")[2].split(".")[0]
    await server.start()
    assert (await say(server)).status == 200


@cell(
    "disk",
    "in a call",
    "Requests get 507 `storage_full`, `/readyz` is 503 with the reason, and both recover when there is room.",
    case="full",
)
async def test_the_disk_is_full_while_the_server_runs(server: RealServer) -> None:
    await server.start()
    await say(server)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (SMALL, UNLIMITED))
    refused = await say(server)
    assert (refused.status, refused.body["code"]) == (507, "storage_full")
    ready = await until(server, 503)
    assert ready.body["reasons"]["journal"] == "the disk is full: free some space"
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
    await until(server, 200)
    assert (await say(server)).status == 200


@cell(
    "journal file",
    "in a call",
    "Requests get 503 `storage_unavailable`, `/readyz` is 503 with the reason, and both recover.",
    case="locked by another process",
)
@pytest.mark.long
async def test_the_journal_file_is_locked_while_the_server_runs(server: RealServer) -> None:
    await server.start()
    await say(server)
    other = sqlite3.connect(server.database)
    other.execute("BEGIN IMMEDIATE")
    refused = await say(server)
    assert (refused.status, refused.body["code"]) == (503, "storage_unavailable")
    ready = await until(server, 503)
    assert ready.body["reasons"]["journal"] == "the journal's file is locked by another process"
    other.rollback()
    other.close()
    await until(server, 200)
    assert (await say(server)).status == 200


@cell(
    "disk",
    "in a call",
    "Requests get 503. The server says that its journal cannot be written, and exits with 1.",
    case="a flush fails",
)
@pytest.mark.long
async def test_a_flush_fails_while_the_server_runs(server: RealServer) -> None:
    required()
    inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=40+"]
    server.spawn(["strace", "-f", "-o", str(server.folder / "strace.log"), *inject])
    await until_answers(server)
    answers = []
    while server.alive and len(answers) < 200:
        try:
            answers.append(await say(server))
        except OSError:
            break
    assert await server.died(40) == 1
    assert 503 in {answer.status for answer in answers}
    assert "the server stops, since its journal cannot be written" in server.tail(100_000)


async def until_answers(server: RealServer) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await ask(server, "GET", "/readyz")).status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.05)


ROOM_AGAIN = "The start is refused with one sentence that says that the disk is full; with room again, the next one"


@cell("disk", "before the start", f"{ROOM_AGAIN} serves.", case="full")
@cell("disk", "at resume", f"{ROOM_AGAIN} goes on with the runs.", case="full")
@pytest.mark.long
@pytest.mark.parametrize("runs", [0, 1], ids=["new journal", "with a run"])
async def test_the_disk_is_full_before_the_start(server: RealServer, runs: int) -> None:
    if runs:
        await server.start()
        await say(server)
        await server.kill()
    server.spawn(("sh", "-c", '(ulimit -f 0; exec "$@") 2>&1 | cat', "sh"))  # its output is no file with a limit
    await server.died(30)
    said = server.tail()
    assert "Traceback" not in said
    assert "the disk under" in said
    await server.start()
    assert (await say(server)).status == 200


@cell(
    "disk",
    "in a pause",
    "An answer gets 507 `storage_full` and has no effect; it is taken when there is room.",
    case="full",
)
@pytest.mark.long
async def test_the_disk_is_full_in_a_pause(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(
        "type: react_agent\nmodel: offline\ntools: [{name: calculator, approval: always}]\n"
    )
    server = RealServer(tmp_path, tmp_path / "agent.yaml", {})
    try:
        await server.start()
        run = (await say(server)).body
        [asked] = run["approvals"]
        approve = {"answers": [{"approval": asked["approval"], "decision": "approve"}]}
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (SMALL, UNLIMITED))
        refused = await ask(server, "POST", f"/runs/{run['run_id']}/resume", approve)
        assert (refused.status, refused.body["code"]) == (507, "storage_full")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        await until(server, 200)
        assert (await ask(server, "POST", f"/runs/{run['run_id']}/resume", approve)).status in (200, 202)
        async with asyncio.timeout(20):
            while (await ask(server, "GET", f"/runs/{run['run_id']}")).body["status"] != "finished":
                await asyncio.sleep(0.02)
    finally:
        await server.close()
