"""The completion script in a real bash, and that of zsh, which is the same behind a prelude."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from journeyman.cli.completion.bash import bash_script
from journeyman.cli.completion.tree import places

CASES = {
    "ru": ["run", "runs"],
    "runs ": ["cancel", "events", "export", "fork", "list", "replay", "retry", "show", "trace", "why"],
    "runs sh": ["show"],
    "runs show ": ["last", "run_1"],  # what `journeyman completion --names runs` prints
    "runs show run_1 ": [],
    "runs show --url http://x ": ["last", "run_1"],
    "runs list --st": ["--status"],
    "runs list --status f": ["failed", "finished"],
    "runs list --agent ": ["support"],
    "run --thread la": ["last"],
    "approvals answer x d": ["deny", "done"],
    "serve --no": ["--no-watch"],
    "completion ": ["bash", "fish", "zsh"],
    "nothing ": [],
}
ASKED = """
journeyman() { case "$*" in *runs) echo last run_1 ;; *agents) echo support ;; *threads) echo last ;; esac; }
tried() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _journeyman; echo "${COMPREPLY[*]}"; }
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_names() -> None:
    lines = [f"tried journeyman {line[:-1] + ' ' + chr(34) * 2 if line[-1] == ' ' else line}" for line in CASES]
    script = "\n".join((bash_script(places()), ASKED, *lines))
    ended = subprocess.run(["bash", "--norc"], input=script, capture_output=True, text=True, timeout=30)
    assert ended.stderr == ""
    found = dict(zip(CASES, ([*sorted(line.split())] for line in ended.stdout.splitlines()), strict=True))
    assert found == CASES


def test_zsh_reads_the_same_script() -> None:
    found = places()
    script = bash_script(found, zsh=True)
    assert "bashcompinit" in script
    assert script.endswith(bash_script(found).partition("\n\n")[2])
