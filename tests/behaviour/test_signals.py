"""Signals to a server: none is lost while it starts, a second one shortens the drain, and a drain is no error."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

AGENT = "type: react_agent\nmodel: script:turns.yaml\ntools: [slow]\n"
TURNS = "- {tool_calls: [{name: slow, arguments: {}}]}\n- {text: done}\n"
TOOL = '''
import asyncio

from journeyman import tool


@tool(effects="none", timeout_seconds=100)
async def slow() -> str:
    """Take long."""
    await asyncio.sleep(100)
    return "x"
'''
Serve = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "slow.py").write_text(TOOL)
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "turns.yaml").write_text(TURNS)
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'j.db'}"}
    command = [sys.executable, "-m", "journeyman", "serve", "agent.yaml", "--port", "0"]
    started: list[subprocess.Popen[str]] = []

    def serve() -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes))
        return started[-1]

    yield serve
    for server in started:
        server.kill()
        server.communicate()


def catches(server: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_server_that_starts_survives_sighup_and_ends_well_at_sigterm(serve: Serve) -> None:
    server = serve()
    wait_until(lambda: catches(server, signal.SIGHUP))
    server.send_signal(signal.SIGHUP)
    assert server.stdout is not None
    assert "Journeyman is ready" in server.stdout.readline()
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=30) == 0
    early = serve()
    wait_until(lambda: catches(early, signal.SIGTERM))
    early.send_signal(signal.SIGTERM)
    output, errors = early.communicate(timeout=30)
    assert (early.returncode, output) == (0, "")
    assert "Traceback" not in errors


def is_draining(url: str) -> bool:
    """Return whether the server says that it takes no more work."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10):
            return False
    except urllib.error.HTTPError as refused:
        return refused.code == 503


def test_a_second_sigterm_shortens_the_drain_which_logs_no_stack(serve: Serve) -> None:
    server = serve()
    assert server.stdout is not None
    url = server.stdout.readline().split()[4]
    host, port = url.removeprefix("http://").split(":")

    def ask() -> None:
        body, kind = json.dumps({"user_input": "hi"}).encode(), {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{url}/process", body, kind), timeout=60) as answer:
            answer.read()

    asking = threading.Thread(target=ask)
    asking.start()
    with socket.create_connection((host, int(port))) as half:  # a request whose body never comes
        half.sendall(b"POST /process HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n")
        half.sendall(b"content-length: 99\r\n\r\n{")
        runs = f"{url}/runs?status=running"
        wait_until(lambda: bool(json.loads(urllib.request.urlopen(runs).read())["items"]))
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: is_draining(url))
        assert server.poll() is None, "it drains"
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    asking.join()
    assert server.returncode == 0
    assert time.monotonic() - began < 8, "a drain takes 10 seconds"
    assert "Traceback" not in errors
    assert '"exception"' not in errors
