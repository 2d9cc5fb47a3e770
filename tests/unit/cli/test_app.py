from __future__ import annotations

import re
from pathlib import Path

import typer.main

from journeyman.cli import exit_codes
from journeyman.cli.app import EPILOG, build_cli

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()


def commands(group: object, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, command in getattr(group, "commands", {}).items():
        inner = commands(command, f"{prefix}{name} ")
        found |= inner or {f"{prefix}{name}"}
    return found


def test_the_page_names_every_command() -> None:
    named = {" ".join(found.split()) for found in re.findall(r"`journeyman ((?:[a-z-]+ ?)+)", PAGE)}
    there = commands(typer.main.get_command(build_cli()))
    assert there - named == set()
    shells = {f"completion {shell}" for shell in ("bash", "zsh", "fish")}
    assert named - there <= {"threads", "approvals", "runs", "tools", "keys", *shells}


def test_every_command_says_what_it_does() -> None:
    group = typer.main.get_command(build_cli())
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert command.help, name


def test_the_page_and_the_help_name_every_exit_code() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.M)} == codes
    assert {int(code) for code in re.findall(r"(\d+) ", EPILOG)} == codes
