"""Forked processes behave like those that are started."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.preloaded import PreloadedChild, can_be_forked


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/", **more}


def test_arguments_environment_folder_and_exit_code_are_its_own(tmp_path: Path) -> None:
    child = PreloadedChild("wrong", ["serve"], tmp_path, environment(PORT="none"), cwd=tmp_path)
    assert child.wait(20) == 3
    assert child.process.poll() == child.process.returncode == 3
    assert "PORT" in child.err.read_text()
    child = PreloadedChild("help", ["serve", "--help"], tmp_path, environment(), cwd=tmp_path)
    assert child.wait(20) == 0
    assert child.out.read_text().startswith("usage: journeyman serve")


def test_it_leads_a_session_and_its_end_is_seen(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: a\nmodel: offline\n")
    child = PreloadedChild("server", ["serve", "--port", "0"], tmp_path, environment(), cwd=tmp_path)
    assert os.getsid(child.pid) == child.pid != os.getpid()
    assert os.readlink(f"/proc/{child.pid}/cwd") == str(tmp_path)
    assert child.alive
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0.01)
    child.signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    assert not child.alive


@pytest.mark.parametrize(
    ("name", "expected"), [("PORT", True), ("PYTHONPATH", False), ("MALLOC_ARENA_MAX", False), ("LD_PRELOAD", False)]
)
def test_what_counts_at_the_start_of_a_process_cannot_be_given(name: str, expected: bool) -> None:
    assert can_be_forked({"HOST": "127.0.0.1", name: "1"}) is expected
