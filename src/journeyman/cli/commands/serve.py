"""`journeyman serve`: a light way in, argparse and nothing else before the server's own imports."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from journeyman.cli.exit_codes import exit_code
from journeyman.errors import BaseError

log = logging.getLogger(__name__)

USAGE = """Serve agents over HTTP.

It prints one line when it is ready and stops on SIGTERM or Ctrl-C: it accepts nothing more, tells streams to
reconnect, and finishes or parks what runs. One server owns a journal file; a second one is refused (exit code 3).

Files of agents and tools that were changed are checked anew and, if nothing is wrong with them, served: on SIGHUP, by
`journeyman reload`, and with --watch whenever they are saved. Files that cannot be used are reported and change
nothing; runs under way end as they began. --watch is on by default at a terminal while HOST is this machine."""


def serve_main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code."""
    given = parser().parse_args(arguments)
    try:
        return _serve(given)
    except BaseError as exc:
        from journeyman.cli.output import complain

        complain(exc)
        return exit_code(exc)


def _serve(given: argparse.Namespace) -> int:
    # The server's imports are two thirds of its start: they come after the command line is known to be right.
    from journeyman.server import serve
    from journeyman.settings import Settings, is_loopback
    from journeyman.telemetry.logs import setup as logs

    settings = Settings.read(host=given.host, port=given.port)
    logs.configure(settings.log_level, settings.log_format, settings.secrets())
    watch = sys.stdout.isatty() and is_loopback(settings.host) if given.watch is None else given.watch
    return serve(settings, given.path, offline=given.offline, watch=watch)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="journeyman serve", description=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("path", nargs="?", type=Path, help="agent file, or folder of them (AGENT_PATH; else agent.yaml here)")
    add("--offline", action="store_true", help="let the built-in offline model answer, whatever models agents name")
    add("--watch", action=argparse.BooleanOptionalAction, help="reload agent and tool files when they change")
    add("--host", help="address to listen on (HOST; 127.0.0.1)")
    add("--port", type=int, help="port to listen on, 0 for any free one (PORT; 8000)")
    return made
