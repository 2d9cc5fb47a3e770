"""The typer application with every command. `journeyman.cli.main` runs `serve` without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from journeyman import __version__
from journeyman.cli.commands import (
    agents,
    approvals,
    chat,
    check,
    db,
    fake_llm,
    graph,
    keys,
    reload,
    run,
    runs,
    serve,
    threads,
    tools,
)
from journeyman.cli.commands import init as init_command
from journeyman.cli.commands import test as test_command
from journeyman.cli.doctor import command as doctor_command
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
        _click_command()(args=list(arguments), prog_name="journeyman")
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


@cache
def _click_command() -> Callable[..., Any]:
    """Build the command that typer makes of all signatures, once in a process: it takes 30 ms of CPU."""
    return typer.main.get_command(build_cli())


def build_cli() -> typer.Typer:
    """Return the application, with its commands in the order of the help text."""
    app = typer.Typer(
        help="Journeyman, a self-hosted server for durable agents.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    app.command("init")(init_command.init)
    app.command("serve", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(_serve)
    for name, command in (("run", run.run), ("chat", chat.chat), ("check", check.check), ("schema", check.schema)):
        app.command(name)(command)
    app.command("agents")(agents.agents)
    app.command("reload")(reload.reload)
    app.command("rollback")(reload.rollback)
    app.command("graph")(graph.graph)
    app.add_typer(tools.app, name="tools")
    app.add_typer(threads.app, name="threads")
    app.add_typer(runs.app, name="runs")
    app.add_typer(approvals.app, name="approvals")
    app.add_typer(keys.app, name="keys")
    app.command("token")(keys.token)
    app.add_typer(db.app, name="db")
    app.command("test")(test_command.run_tests)
    app.command("fake-llm")(fake_llm.fake_llm)
    app.command("doctor")(doctor_command.doctor)
    return app


def _print_version(requested: bool) -> None:
    if requested:
        print(f"journeyman {__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


def _serve(context: typer.Context) -> None:
    """Serve agents over HTTP. `journeyman serve --help` lists the options."""
    raise typer.Exit(serve.serve_main(context.args))
