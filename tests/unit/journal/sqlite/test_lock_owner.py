"""Who has locked a journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.journal.sqlite.lock_owner import command_of, owner_sentence

HOLD = "import os, sys\nfd = os.open(sys.argv[-1], os.O_RDWR)\nprint(flush=True)\nsys.stdin.read()\n"


@pytest.mark.parametrize(
    ("arguments", "url", "who", "remedy"),
    [
        (
            ["journeyman", "serve"],
            "http://127.0.0.1:8000",
            "(`journeyman serve`, http://127.0.0.1:8000)",
            "stop that server",
        ),
        (["journeyman", "serve"], "", "(`journeyman serve`)", "stop that server"),
        (["journeyman", "chat"], "", "(`journeyman chat`)", "wait until it ends"),
        (["other", "secret-argument"], "", "(`python", "wait until it ends"),
    ],
)
def test_the_process_that_holds_the_file_is_named(
    tmp_path: Path, arguments: list[str], url: str, who: str, remedy: str
) -> None:
    lock = tmp_path / "journal.db.lock"
    lock.touch()
    command = [sys.executable, "-c", HOLD, *arguments, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for said in (str(process.pid), "999999999"):  # the file names a process that is gone: its child has the lock
            sentence = owner_sentence(lock.stat(), said, url)
            assert sentence.startswith(f"process {process.pid} {who}"), sentence
            assert remedy in sentence
            assert "secret" not in sentence
        assert process.stdin is not None
        process.stdin.close()


def test_a_process_that_cannot_be_seen_is_named_by_what_the_file_says(tmp_path: Path) -> None:
    lock = tmp_path / "journal.db.lock"
    lock.touch()
    assert owner_sentence(lock.stat(), "999999999", "").startswith("process 999999999: wait until it ends")
    assert owner_sentence(lock.stat(), "", "").startswith("process unknown: ")
    assert owner_sentence(lock.stat(), str(os.getpid()), "").startswith("this process already")
    assert command_of("999999999") == ()
