"""What a newcomer does: the server with the example agent, no key, no network; one curl; kill -9; it is still there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment
from benchmarks.usage import rss_mb

EXAMPLE = ROOT / "examples" / "support"
START_SECONDS = 1.5
RSS_MB = 90.0
# A start is mostly imports, so it is held against the imports of the four libraries that every start needs, on the same
# machine in the same minute: a slow or busy machine may take longer than 1.5 s, a slow start may not.
IMPORTS = "import aiohttp, fastapi, msgspec, pydantic, uvicorn, apsw, uvloop"
START_OVER_IMPORTS = 2.5


def _spawn(folder: Path, port: int) -> Child:
    settings = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder / 'journal.db'}"}
    return Child("server", _command(), folder, environment(**settings), cwd=ROOT)


def _command() -> list[str]:
    makefile = (ROOT / "Makefile").read_text()
    assert "journeyman serve examples/support" in makefile, "make run starts something else: test that"
    return [sys.executable, "-m", "journeyman", "serve", str(EXAMPLE)]


def _ready(child: Child, port: int) -> float:
    return child.wait_http(f"http://127.0.0.1:{port}/readyz", 30)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[Child]:
    child = _spawn(tmp_path, port)
    try:
        _ready(child, port)
        yield child
    finally:
        child.kill_group()


def _curl(port: int, body: dict[str, Any]) -> Any:
    """By curl as in the README; by urllib where there is none."""
    url = f"http://127.0.0.1:{port}/process"
    if shutil.which("curl"):
        argv = ["curl", "-sS", "--max-time", "20", "--noproxy", "*", url, "-H", "Content-Type: application/json"]
        done = subprocess.run([*argv, "-d", json.dumps(body)], capture_output=True, timeout=30, check=True)
        return json.loads(done.stdout)
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def test_one_command_one_curl_and_a_kill(server: Child, tmp_path: Path, port: int) -> None:
    answer = _curl(port, {"thread_id": "first", "user_input": "What is my username?"})
    assert answer["status"] == "finished"
    assert answer["model"] == "offline", "an answer of the offline model says so"
    events = _get(port, f"/runs/{answer['run_id']}/events")["items"]
    results = [event["data"] for event in events if event["type"] == "tool_call_finished"]
    assert results, "no tool was called"
    assert all(result.get("result") for result in results)
    assert results[0]["result"] in answer["response"], "the answer is not the tool's"

    server.kill_group()
    again = _spawn(tmp_path, port)
    try:
        _ready(again, port)
        assert _get(port, f"/runs/{answer['run_id']}")["status"] == "finished"
        assert _get(port, f"/runs/{answer['run_id']}/events")["items"] == events
        assert _curl(port, {"thread_id": "first", "user_input": "What is 2 + 3?"})["status"] == "finished"
    finally:
        again.kill_group()


def test_the_sample_requests_of_the_readme(server: Child, port: int) -> None:
    body = json.dumps({"tool_name": "get_username", "arguments": {}}).encode()
    url = f"http://127.0.0.1:{port}/execute_tool"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["response"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.geturl().endswith("/ui/")
        assert b"<title>Journeyman</title>" in answer.read()
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(port, "/runs/no-such-run")
    assert refused.value.code == 404


@pytest.mark.alone
def test_start_and_idle_memory(tmp_path: Path) -> None:
    """The best of three starts, each beside a bare import: the machine's noise adds and never takes away."""
    starts, memory, imports = [], [], []
    for number in range(3):
        port = free_port()
        folder = tmp_path / str(number)
        folder.mkdir()
        child = _spawn(folder, port)
        try:
            starts.append(_ready(child, port))
            time.sleep(0.5)
            memory.append(rss_mb(child.pid))
        finally:
            child.kill_group()
        imports.append(_import_seconds())
    bare = min(imports)
    print(f"starts {starts} s, bare imports {bare:.2f} s, RSS {memory} MB")
    allowed = max(START_SECONDS, START_OVER_IMPORTS * bare)
    assert min(starts) <= allowed, f"ready after {min(starts):.2f} s, {allowed:.2f} s allowed (imports: {bare:.2f} s)"
    assert min(memory) <= RSS_MB, f"{min(memory):.0f} MB idle, {RSS_MB:g} allowed"


def _import_seconds() -> float:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, timeout=60)
    return time.monotonic() - begin
