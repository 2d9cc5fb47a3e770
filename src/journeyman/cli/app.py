"""The typer application with every command. `journeyman.cli.main` runs `serve` without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Annotated, Any

import typer

from journeyman import __version__
from journeyman.cli.command_table import COMMANDS
from journeyman.cli.commands.serve import serve_main
from journeyman.cli.exit_codes import INTERRUPTED, OK, exit_code
from journeyman.cli.output import print_error
from journeyman.errors import BaseError

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 not found, 5 no server answers, "
    "6 waits for a human, 7 waits for what is not here, 130 interrupted."
)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command, print its error if it fails, and return its exit code."""
    try:
        used = tuple(argument for argument in arguments if not argument.startswith("-"))[:1]
        _click_command(used)(args=list(arguments), prog_name="journeyman")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else OK
    except BaseError as exc:
        json = "--json" in arguments and "call" not in arguments[:2]  # in `tools call`, --json takes the arguments
        print_error(exc, json=json)
        return exit_code(exc)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has exited: discard the rest of the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


@lru_cache(maxsize=64)
def _click_command(used: tuple[str, ...]) -> Callable[..., Any]:
    """Build the command that typer makes of the signatures, once in a process: it takes up to 30 ms of CPU."""
    return typer.main.get_command(build_cli(used))


def build_cli(used: Collection[str] = COMMANDS.keys()) -> typer.Typer:
    """Return the application. Only commands that are `used` are imported: the others are lines of the help."""
    app = typer.Typer(
        help="Journeyman, a self-hosted server for durable agents.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    for name, entry in COMMANDS.items():
        if name not in used:
            app.command(name, help=entry.help)(_not_loaded)
        elif isinstance(command := entry.load(), typer.Typer):
            app.add_typer(command, name=name)
        elif name == "serve":
            app.command(name, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(command)
        else:
            app.command(name)(command)
    return app


def _not_loaded() -> None:
    """Stand in for a command that is not used."""


def _print_version(requested: bool) -> None:
    if requested:
        print(f"journeyman {__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


def serve_command(context: typer.Context) -> None:
    """Serve agents over HTTP. `journeyman serve --help` lists the options."""
    raise typer.Exit(serve_main(context.args))
