"""The commands of the README, as they are written there. Its agent and its links are tested with all pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment
from journeyman import create_app
from tests.harness.asgi_client import request

README = (ROOT / "README.md").read_text("utf-8")
RUN, CURL, OWN_AGENT = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.long
async def test_the_request_is_answered_by_the_example(tmp_path: Path) -> None:
    [body] = re.findall(r"-d '(.*)'", CURL)
    app = create_app(ROOT / "examples/support", database_url="memory://")
    answer = (await request(app, "POST", "/process", json=json.loads(body))).json()
    await app.stop()
    assert (answer["status"], answer["model"]) == ("finished", "offline")
    assert "Harbour Post" in answer["response"], "not from the file of orders"


async def test_the_agent_of_twelve_lines_asks_a_human_about_a_larger_sum(tmp_path: Path) -> None:
    files = re.findall(r"^```(?:yaml|python)\n(# (\S+)\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    for text, name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    lines = [line for text, _ in files for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 12
    app = create_app(tmp_path / "agent.yaml", database_url="memory://")
    asked = [
        (await request(app, "POST", "/process", json={"user_input": f"Refund order 1044, amount {amount}"})).json()
        for amount in (20, 120)
    ]
    await app.stop()
    assert [answer["status"] for answer in asked] == ["finished", "paused"]
    assert "20.0 refunded for order 1044" in asked[0]["response"]


def test_make_run_serves_the_example_on_the_port_of_the_environment() -> None:
    assert RUN == "make run\n"
    command = ["make", "--no-print-directory", "-n", "run"]  # `make test` above it says which folder it enters
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout.splitlines()[-1] == ".venv/bin/journeyman serve examples/support"
    assert "PORT=9000 make run" in README
    assert not re.search(r"^(export )?PORT", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment after `. .venv/bin/activate`, on a free port."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "journeyman").write_text(f'#!/bin/sh\nexec {sys.executable} -m journeyman "$@"\n')
    (bin_folder / "journeyman").chmod(0o755)
    env = environment(PORT=str(free_port()))
    return env | {"PATH": f"{bin_folder}:{env['PATH']}"}


@pytest.mark.long
def test_an_own_agent_is_served_and_answers(tmp_path: Path, shell: dict[str, str]) -> None:
    activate, commands = OWN_AGENT.split("\n", 1)
    assert activate == ". .venv/bin/activate"
    [question] = re.findall(r'`(journeyman run "[^"]+")`', README)
    server = Child("server", ["bash", "-ec", commands], tmp_path, shell, cwd=tmp_path)
    try:
        server.wait_http(f"http://127.0.0.1:{shell['PORT']}/readyz", 30)
        asked = ["bash", "-c", question]
        done = subprocess.run(asked, cwd=tmp_path / "my-agent", env=shell, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "distance says: Oslo to Rome: 2006 km\n")
    finally:
        server.kill_group()


def test_the_ratios_of_the_table_are_those_of_its_numbers() -> None:
    [row] = [line for line in README.splitlines() if line.startswith("| Server CPU per run")]
    [ours] = re.findall(r"\*\*([\d.]+) ms\*\*", row)
    theirs = re.findall(r"([\d.]+) ms \((\d+) times\)", row)
    assert len(theirs) == 4
    assert [round(float(time) / float(ours)) for time, _ in theirs] == [int(ratio) for _, ratio in theirs]
