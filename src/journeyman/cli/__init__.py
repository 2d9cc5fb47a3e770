"""The command line. `serve` takes a light way in: a server holds neither typer nor rich in its memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`journeyman.cli.exits`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["serve"]:
        from journeyman.cli.serve import main as serve

        return serve(arguments[1:])
    from journeyman.cli.commands import main as command

    return command(arguments)
