"""The command line beside a server on the same journal. SPEC 11: reading opens read-only, writing goes through it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.cli import main
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.journal.sqlite.file_lock import owner_of
from journeyman.settings import Settings

SUPPORT = Path(__file__).parents[2] / "examples" / "support"


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A server in the working directory, and its ready line."""
    command = [sys.executable, "-m", "journeyman", "serve", *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    shutil.copytree(SUPPORT, tmp_path / "support", ignore=shutil.ignore_patterns("var", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_beside_a_server(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, ready = start("support", "--port", "0")
    try:
        assert ready.startswith("Journeyman is ready on http://127.0.0.1:")
        pid, url = owner_of(folder / "journeyman.db")
        assert (int(pid), url in ready) == (server.pid, True)
        assert main(["run", "Where is order 1042?"]) == 0  # no agent is given: the server has its own
        assert "Rotterdam" in capsys.readouterr().out
        for arguments in (["runs", "list"], ["threads"], ["runs", "list", "--url", url], ["agents"], ["tools", "list"]):
            assert main(arguments) == 0
        assert capsys.readouterr().out.count("support") >= 3
        for arguments in (
            ["runs", "show", "last"],
            ["threads", "show", "last"],
            ["errors"],
            ["runs", "list", "--wide"],
        ):
            for more in ([], ["--url", url]):
                assert main([*arguments, *more]) == 0
        capsys.readouterr()
        assert main(["runs", "events", "last", "--follow"]) == 0
        assert "run_finished" in capsys.readouterr().out
        assert main(["run", "And order 1043?", "--thread", "last"]) == 0
        assert main(["threads", "delete", "last", "--yes"]) == 0
        capsys.readouterr()
        assert main(["threads", "--json"]) == 0
        assert capsys.readouterr().out.count("thread_id") == 0
        second = subprocess.run(
            [sys.executable, "-m", "journeyman", "serve", "support"], capture_output=True, text=True
        )
        assert (second.returncode, pid in second.stderr) == (3, True)
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=30) == 0
    assert main(["runs", "list"]) == 0


def test_saved_files_are_reloaded_and_bad_ones_change_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, ready = start("support", "--port", "0", "--watch")
    try:
        pid, url = owner_of(folder / "journeyman.db")
        assert (int(pid), "ready" in ready) == (server.pid, True)
        agent = folder / "support" / "agent.yaml"
        text = agent.read_text()
        agent.write_text(text.replace("- calculator", "- nope"))
        assert main(["reload"]) == 3
        assert "the tool nope is unknown" in capsys.readouterr().out
        agent.write_text(text.replace("description: ", "description: Better "))
        with HttpApiClient(url) as door:
            deadline = time.monotonic() + 20
            while len(versions := door.call("GET", "/agents/support")["versions"]) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert main(["rollback", "support", "--to", versions[1]["version"][:6]]) == 0
        assert capsys.readouterr().out.startswith(f"support: {versions[1]['version']} (was {versions[0]['version']})")
        agent.write_text(text.replace("description: ", "description: Best "))
        server.send_signal(signal.SIGHUP)
        assert main(["reload"]) == 0
        assert owner_of(folder / "journeyman.db")[0] == pid
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=30) == 0
    assert main(["reload"]) == 5


@pytest.mark.long
def test_a_server_that_dies_in_a_run_leaves_the_runs_id_with_the_caller(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = folder / "desk"
    (desk / "tools").mkdir(parents=True)
    (desk / "agent.yaml").write_text("type: react_agent\nname: desk\nmodel: script:turns.yaml\ntools: [die]\n")
    (desk / "turns.yaml").write_text("- {tool_calls: [{name: die, arguments: {}}]}\n- {text: Done.}\n")
    (desk / "tools" / "die.py").write_text(
        "import os, signal\nfrom journeyman import tool\n\n\n@tool(effects='once')\n"
        "async def die() -> str:\n    '''End the server.'''\n    os.kill(os.getpid(), signal.SIGKILL)\n    return ''\n"
    )
    server, _ = start("desk", "--port", "0")
    assert main(["run", "die"]) == 5
    assert server.wait(timeout=30) == -signal.SIGKILL
    said = capsys.readouterr().err
    assert main(["runs", "list", "--json"]) == 0
    [run] = json.loads(capsys.readouterr().out)["items"]
    assert f"Run {run['run_id']} was accepted, and the next start of the server goes on with it." in said
    server, ready = start("desk", "--port", "0")
    try:
        assert "1 run resumed" in ready
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=30) == 0
