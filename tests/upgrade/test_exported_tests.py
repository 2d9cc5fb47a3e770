"""Agent tests that 0.1 exported (`record.py tests`) pass today, and the same runs are exported today as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cli_runner import Shell, shell_of, without_our_variables
from tests.upgrade.definitions import AGENTS
from tests.upgrade.old_house import EXPORTED, EXPORTS, LAST_ANSWERS, VARIABLES, differing_events, notes, unpack

FILES = sorted(EXPORTED.glob("*.yaml"))


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Commands in a folder with the agents, the tests in `t` and the journal."""
    without_our_variables(monkeypatch)
    unpack(tmp_path)
    shutil.copytree(AGENTS / "claims", tmp_path / "claims", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "t").mkdir()
    for file in FILES:
        shutil.copyfile(file, tmp_path / "t" / f"{file.stem}.agent-test.yaml")
    settings = {"DEFAULT_MODEL": "offline", "DATABASE_URL": f"sqlite:///{tmp_path / 'journal.db'}"}
    for name, value in {**VARIABLES, **settings}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with shell_of(capsys) as run:
        yield run


def test_what_0_1_exported_passes_but_for_the_answer_at_a_limit(shell: Shell) -> None:
    code, said = shell("test", "t", "--json")
    assert code == 1
    tests = {Path(each["file"]).name.partition(".")[0]: each for each in json.loads(said)["tests"]}
    assert set(tests) == {file.stem for file in FILES} == {*EXPORTS, "claims"}
    failed = {name: differing_events(each["difference"]) for name, each in tests.items() if not each["passed"]}
    assert failed == {"circle": LAST_ANSWERS["circle"]}


def test_one_that_differs_fails(shell: Shell) -> None:
    file = Path("t/approved.agent-test.yaml")
    file.write_text(file.read_text().replace("You help the customer.", "You help nobody."))
    code, said = shell("test", str(file))
    assert code == 1
    assert "- You are the desk. You help nobody." in said


@pytest.mark.parametrize("run", EXPORTS)
def test_the_same_run_is_exported_as_it_was(shell: Shell, run: str) -> None:
    """Its definition too, key by key; only who exports it differs."""
    assert shell("db", "migrate")[0] == 0
    code, said = shell("runs", "export", notes()["runs"][run], "shop", "--as-test", "-o", "t/new.agent-test.yaml")
    assert code == 0, said
    old, new = (EXPORTED / f"{run}.yaml").read_text(), Path("t/new.agent-test.yaml").read_text()
    assert _without_the_release(new) == _without_the_release(old)


def _without_the_release(text: str) -> list[str]:
    lines = text.splitlines()
    kept = [line for line in lines if not line.startswith("  journeyman: ")]
    assert len(kept) == len(lines) - 1
    return kept


def test_the_files_hold_what_they_are_for() -> None:
    assert "approval_given" in (EXPORTED / "approved.yaml").read_text()
    claims = (EXPORTED / "claims.yaml").read_text()
    assert [word for word in ("approval_given", "node_entered", "branch_ended") if word not in claims] == []
