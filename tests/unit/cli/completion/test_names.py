"""Names and ids that a completion script asks for."""

from __future__ import annotations

from pathlib import Path

from tests.harness.cli_runner import Shell


def test_runs_and_threads_come_from_the_journal(shell: Shell) -> None:
    assert shell("completion", "--names", "runs") == (0, "last\nrun_1\n")
    assert shell("completion", "--names", "threads") == (0, "last\nt\n")
    assert shell("completion", "--names", "approvals") == shell("completion", "--names", "nonsense") == (0, "")


def test_agents_come_from_their_files(shell: Shell, tmp_path: Path) -> None:
    assert shell("completion", "--names", "agents") == (0, "")
    Path("agent.yaml").write_text('type: react_agent\nname: "support"\n')
    assert shell("completion", "--names", "agents") == (0, "support\n")
    Path("agent.yaml").write_text("type: react_agent\nname: $(reboot)\n")
    assert "reboot" not in shell("completion", "--names", "agents")[1]


def test_without_a_journal_there_are_no_names(shell: Shell, journal_file: Path) -> None:
    journal_file.unlink()
    assert shell("completion", "--names", "runs") == (0, "")
