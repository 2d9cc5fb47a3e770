"""What can follow each command of the command line, as the completion scripts need it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import typer.main

from journeyman.cli.app import build_cli
from journeyman.cli.commands.serve import argument_parser

# What a shell asks `journeyman completion --names` for, by the name of the parameter.
NAMES = {
    "agent": "agents",
    "run_id": "runs",
    "parent": "runs",
    "thread": "threads",
    "thread_id": "threads",
    "approval": "approvals",
}
WORDS = {
    "decision": ("approve", "deny", "retry", "done", "fail"),
    "shell": ("bash", "zsh", "fish"),
    "status": ("queued", "running", "paused", "finished", "failed", "cancelled"),
}
FILES = frozenset({"path", "out", "output", "file", "files", "folder", "script", "junit", "directory"})


class Value(msgspec.Struct, frozen=True):
    """The values of an option or an argument: names of this kind, these words, files, or unknown ones."""

    names: str = ""
    words: tuple[str, ...] = ()
    files: bool = False


class Option(msgspec.Struct, frozen=True):
    """An option, such as `--limit`. Without a `value` it is a flag."""

    name: str
    help: str
    value: Value | None = None


class Place(msgspec.Struct, frozen=True):
    """A command or a group. `path` are its words after `journeyman`; `arguments` the values of its positions."""

    path: tuple[str, ...]
    help: str
    commands: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    arguments: tuple[Value, ...] = ()


def places() -> list[Place]:
    """Return the places of all commands, groups before their commands."""
    return list(_places(typer.main.get_command(build_cli()), ()))


def _places(command: Any, path: tuple[str, ...]) -> Iterator[Place]:
    commands = {name: each for name, each in getattr(command, "commands", {}).items() if not each.hidden}
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    options = tuple(_option(each) for each in shown if each.param_type_name == "option")
    arguments = tuple(value_of(each.name) for each in shown if each.param_type_name == "argument")
    if path == ("serve",):
        options, arguments = _serve_options(), (Value(files=True),)
    yield Place(
        path, first_line(command.help), tuple(commands), (*options, Option("--help", "Show the help.")), arguments
    )
    for name, each in commands.items():
        yield from _places(each, (*path, name))


def _option(parameter: Any) -> Option:
    long = [name for name in parameter.opts if name.startswith("--")] or parameter.opts
    return Option(long[0], first_line(parameter.help), None if parameter.is_flag else value_of(parameter.name))


def _serve_options() -> tuple[Option, ...]:
    actions = [action for action in argument_parser()._actions if action.option_strings and action.dest != "help"]
    return tuple(
        Option(name, first_line(action.help), Value() if action.nargs is None else None)
        for action in actions
        for name in action.option_strings
    )


def value_of(parameter: str) -> Value:
    """Return the values of an option or argument by the name of its parameter."""
    return Value(NAMES.get(parameter, ""), WORDS.get(parameter, ()), parameter in FILES)


def first_line(text: str | None) -> str:
    """Return the first sentence of a help text on one line."""
    return " ".join((text or "").split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
