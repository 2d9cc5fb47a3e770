"""`journeyman completion`."""

from __future__ import annotations

from tests.harness.cli_runner import Shell


def test_a_script_for_each_shell(shell: Shell) -> None:
    for name, sign in (
        ("bash", "complete -F _journeyman"),
        ("zsh", "bashcompinit"),
        ("fish", "complete -c journeyman"),
    ):
        code, out = shell("completion", name)
        assert (code, sign in out) == (0, True)
    assert shell("completion", "cmd")[0] == 2
