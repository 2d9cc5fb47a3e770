"""The command line. `serve` has an entry path without typer and rich, so that a server does not hold them in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from journeyman.cli.terminal_text import decoded, tolerate_encodings

NOT_ON_WINDOWS = (
    "Journeyman runs on Linux and macOS. On Windows, install and start it in WSL 2 "
    "(https://learn.microsoft.com/windows/wsl); clients on Windows then reach it at http://localhost:8000."
)


def main(arguments: Sequence[str] | None = None, *, system: str = os.name) -> int:
    """Run one command and return its exit code (`journeyman.cli.exit_codes`). `system` is `os.name`."""
    if system != "posix":  # the commands import what other systems do not have, such as fcntl
        print(NOT_ON_WINDOWS, file=sys.stderr)
        return 3
    open_standard_descriptors()
    tolerate_encodings()
    arguments = [decoded(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]
    if arguments[:1] == ["serve"]:
        from journeyman.cli.commands.serve import serve_main

        return serve_main(arguments[1:])
    if arguments[:2] == ["completion", "--names"]:
        from journeyman.cli.completion.names import print_names  # without typer: it is asked for at each Tab

        return print_names(" ".join(arguments[2:]))
    from journeyman.cli.app import run_command

    return run_command(arguments)


def open_standard_descriptors() -> None:
    """Open each of the descriptors 0 to 2 that is closed, on the null device.

    Otherwise the journal's file could get descriptor 2, and error messages would overwrite it.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # Python sets None if the descriptor was closed at the start
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the process ends
