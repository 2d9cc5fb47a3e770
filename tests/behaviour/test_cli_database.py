"""`journeyman db` over a real file. SPEC 11; docs/reference/journal.md."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.behaviour.test_cli_commands import Shell, shell

__all__ = ["shell"]


def _talk(shell: Shell, *threads: str) -> None:
    for thread in threads:
        assert shell("run", "What is 2 + 3?", "support", "--thread", thread)[0] == 0


def test_a_backup_is_the_journal_and_is_checked(shell: Shell) -> None:
    _talk(shell, "a", "b")
    made = shell.json("db", "backup", "copy.db")
    assert (made["code"], made["path"], made["bytes"]) == (0, "copy.db", Path("copy.db").stat().st_size)
    assert Path("copy.db").stat().st_mode & 0o077 == 0
    assert list(Path.cwd().glob("*.partial*")) == []
    assert shell.json("db", "verify", "copy.db") == {"path": "copy.db", "damages": [], "code": 0}
    events = shell("runs", "list", "--json")[1]
    Path("journeyman.db").rename("lost.db")
    Path("copy.db").rename("journeyman.db")
    assert shell("runs", "list", "--json")[1] == events
    _talk(shell, "a")


def test_a_backup_is_restored_and_one_that_is_put_in_place_by_hand_is_refused(shell: Shell) -> None:
    _talk(shell, "a")
    assert shell("db", "backup", "copy.db")[0] == 0
    _talk(shell, "b")
    Path("kept.db").write_bytes(Path("copy.db").read_bytes())
    Path("journeyman.db").unlink()
    Path("copy.db").rename("journeyman.db")
    assert shell("run", "What is 2 + 3?", "support")[0] == 3
    restored = shell.json("db", "restore", "kept.db")
    assert (restored["code"], Path(restored["kept"]).name) == (0, "journeyman.db.replaced")
    assert shell.json("db", "verify")["damages"] == []
    _talk(shell, "a")
    assert shell("db", "restore", "nowhere.db")[0] == 3


def test_nothing_is_overwritten_and_nothing_is_copied_from_nowhere(shell: Shell) -> None:
    assert shell("db", "backup", "copy.db")[0] == 3
    _talk(shell, "a")
    Path("copy.db").write_text("mine")
    assert shell("db", "backup", "copy.db")[0] == 3
    assert Path("copy.db").read_text() == "mine"
    assert shell("db", "backup", "no/such/folder/copy.db")[0] != 0
    assert shell("db", "verify", "copy.db")[0] == 1
    assert shell("db", "verify", "nowhere.db")[0] == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE events SET data = '{\"x\":' WHERE seq = 3", "event 3 is not as it was written"),
        ("UPDATE events SET data = '{\"x\":', checksum = NULL WHERE seq = 3", "does not fit its schema"),
        ("DELETE FROM events WHERE seq = 2", "event 3 follows 1"),
        ("UPDATE runs SET status = 'failed'", "the row says"),
    ],
)
def test_damage_is_told(shell: Shell, damage: str, said: str) -> None:
    _talk(shell, "a")
    with sqlite3.connect("journeyman.db") as db:
        db.execute(damage)
    code, out = shell("db", "verify")
    assert code == 1
    assert said in out


def test_prune_keeps_what_is_asked_and_the_rest_goes(shell: Shell) -> None:
    _talk(shell, "a", "b", "c")
    assert shell("run", "Refund order 1044, amount 120", "support", "--thread", "waits")[0] == 6
    assert shell("db", "prune")[0] == 2
    assert shell.json("db", "prune", "--days", "1")["erased"] == 0
    done = shell.json("db", "prune", "--threads", "2")
    assert (done["erased"], done["threads"]) == (2, 2)
    assert [item["thread_id"] for item in shell.json("threads")["items"]] == ["waits", "c"]
    assert shell.json("db", "prune", "--days", "0", "--threads", "0")["erased"] == 1
    assert [item["thread_id"] for item in shell.json("threads")["items"]] == ["waits"], "an open run keeps its thread"
    assert shell.json("db", "verify")["damages"] == []
    assert shell("db", "migrate")[0] == 0


@pytest.mark.long
def test_a_run_is_held_and_released_without_a_server(shell: Shell) -> None:
    assert shell("run", "Refund order 1044, amount 120", "support")[0] == 6
    [run] = shell.json("runs", "list")["items"]
    for _ in range(2):
        assert shell.json("db", "hold", run["run_id"]) == {"run_id": run["run_id"], "held": True, "code": 0}
    [held] = shell.json("runs", "list")["items"]
    assert held["waiting_reason"].startswith(f"An operator holds run {run['run_id']}.")
    [approval] = shell.json("approvals")["items"]
    assert shell("approvals", "answer", approval["approval"], "approve", "support")[0] == 7
    assert [each["status"] for each in shell.json("runs", "list")["items"]] == ["paused"]
    assert shell.json("db", "release", run["run_id"])["held"] is False
    assert shell("db", "release", run["run_id"])[0] == 1
    assert "is not held" in shell.err
    assert shell("db", "hold", "run_0")[0] != 0
    assert "There is no run" in shell.err
    assert shell.json("db", "verify")["damages"] == []
