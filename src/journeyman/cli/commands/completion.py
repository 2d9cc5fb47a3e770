"""`journeyman completion`: prints the completion script of a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from journeyman.cli.output import CommandOutput
from journeyman.errors import ValidationError

SHELLS = ("bash", "zsh", "fish")


def completion(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a script by which the shell completes commands, options, names of agents and ids of runs.

    Save it where the shell looks for such scripts, or read it at the start of the shell:
    `source <(journeyman completion bash)`.
    """
    from journeyman.cli.completion.bash import bash_script  # imports every command
    from journeyman.cli.completion.fish import fish_script
    from journeyman.cli.completion.tree import places

    if shell not in SHELLS:
        raise ValidationError(f"There is no completion for {shell!r}. Use one of: {', '.join(SHELLS)}.")
    found = places()
    CommandOutput().write(fish_script(found) if shell == "fish" else bash_script(found, zsh=shell == "zsh"))
