"""`journeyman serve`: serves agents over HTTP. It imports argparse in place of typer, to use less memory."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from journeyman.cli.exit_codes import FAILED, exit_code
from journeyman.cli.start_failures import lack_behind, lack_of_memory
from journeyman.errors import BaseError

DESCRIPTION = """Serve agents over HTTP.

The server prints one line when it is ready. SIGTERM or Ctrl-C stops it: it accepts no more requests, tells streams to
reconnect, and finishes or suspends its runs. One server owns a journal file. A second one is refused (exit code 3).

Agent and tool files are read again on SIGHUP, by `journeyman reload`, and with --watch whenever they are saved. If they
have no problem, new runs use them; otherwise the problems are logged and nothing changes. Runs in progress end with the
version that they began with. --watch is on by default at a terminal while HOST is this machine."""


def serve_main(arguments: Sequence[str]) -> int:
    """Serve until the server is stopped, and return the exit code."""
    options = argument_parser().parse_args(arguments)
    if (lack := lack_of_memory()) is not None:
        return _failed(lack)
    try:
        return _serve(options)
    except BaseError as exc:
        from journeyman.cli.output import print_error  # imports typer

        print_error(exc)
        return exit_code(exc)
    except (MemoryError, ImportError, OSError, RuntimeError) as exc:
        if (lack := lack_behind(exc)) is None:
            raise
        return _failed(lack)


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return FAILED


def _serve(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it would end the process until the server handles it
    # The server's imports are two thirds of its start, so the command line is checked before them.
    from journeyman.journal.sqlite.rollback import ANY_ROLLBACK
    from journeyman.server import serve
    from journeyman.server.paths import require_agent
    from journeyman.settings import Settings, is_loopback
    from journeyman.telemetry.logs import setup as logs

    settings = Settings.read(host=options.host, port=options.port)
    require_agent(settings, options.path)
    if options.accept_rollback:
        settings = settings.model_copy(update={"accept_rollback": ANY_ROLLBACK})
    logs.configure(settings.log_level, settings.log_format, settings.secrets())
    watch = sys.stdout.isatty() and is_loopback(settings.host) if options.watch is None else options.watch
    return serve(settings, options.path, offline=options.offline, watch=watch, strict=options.strict)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options of `serve`."""
    parser = argparse.ArgumentParser(
        prog="journeyman serve", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("path", nargs="?", type=Path, help="an agent file, or a folder of them (AGENT_PATH, else agent.yaml)")
    add("--offline", action="store_true", help="use the built-in offline model in place of the agents' models")
    add("--watch", action=argparse.BooleanOptionalAction, help="reload agent and tool files when they change")
    add("--strict", action="store_true", help="refuse to start if the journal has open runs that cannot go on here")
    add(
        "--accept-rollback",
        action="store_true",
        help="go on with a journal that has lost commits which were acknowledged",
    )
    add("--host", help="the address to listen on (HOST; 127.0.0.1)")
    add("--port", type=int, help="the port to listen on, 0 for any free one (PORT; 8000)")
    return parser
