"""The command line. `serve` takes a light way in: a server holds neither typer nor rich in its memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`journeyman.cli.exit_codes`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    hold_standard_descriptors()
    if arguments[:1] == ["serve"]:
        from journeyman.cli.commands.serve import serve_main as serve

        return serve(arguments[1:])
    from journeyman.cli.app import main as command

    return command(arguments)


def hold_standard_descriptors() -> None:
    """Descriptors 0 to 2 exist from here on: else the journal's file could get number 2 and be written over."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # Python gives none where the descriptor was closed
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends
