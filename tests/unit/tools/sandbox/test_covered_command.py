from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.tools.sandbox.detection import detect

RUN = "import os, sys; from journeyman.tools.sandbox.covered_command import main; main(os.getppid(), 3, *sys.argv[1:])"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    covered = [str(folder / name) for name in ("secret", "secrets", "missing")]
    argv = [sys.executable, "-c", RUN, *covered, *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=dict(os.environ))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not asyncio.run(detect()).namespaces:
        pytest.skip("this machine has no namespaces")
    (tmp_path / "secrets").mkdir()
    for name in ("secret", "secrets/key", "other"):
        (tmp_path / name).write_text("words")
    return tmp_path


def test_a_command_finds_covered_paths_empty_and_its_status_and_output_are_seen(folder: Path) -> None:
    done = run(
        folder, "sh", "-c", 'cat "$0/secret"; ls "$0/secrets"; cat "$0/other"; echo x > "$0/new"; exit 7', str(folder)
    )
    assert (done.stdout, done.stderr, done.returncode) == ("words", "", 7)
    assert (folder / "new").read_text() == "x\n"
    assert (folder / "secret").read_text() == "words"
    missing = run(folder, "/nowhere/at-all")
    assert (missing.stderr, missing.returncode) == ("cannot run /nowhere/at-all: No such file or directory", 127)
