"""`journeyman db`: verify and backup."""

from __future__ import annotations

from pathlib import Path

from tests.harness.cli_runner import Shell


def test_a_journal_is_whole_and_is_copied(shell: Shell, tmp_path: Path) -> None:
    assert shell("db", "verify")[0] == 0
    assert shell("db", "backup", str(tmp_path / "copy.db"))[0] == 0
    assert (tmp_path / "copy.db").stat().st_size > 0
    assert shell("db", "backup", str(tmp_path / "copy.db"))[0] != 0, "no file is overwritten"
