"""`journeyman approvals` over a journal file."""

from __future__ import annotations

from tests.harness.cli_runner import Shell


def test_without_approvals_a_sentence_says_so(shell: Shell) -> None:
    code, out = shell("approvals")
    assert code == 0
    assert len(out.splitlines()) == 1
