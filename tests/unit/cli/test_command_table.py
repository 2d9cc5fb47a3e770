"""A command line that says only how to use it imports little."""

from __future__ import annotations

import subprocess
import sys

import pytest

from journeyman.cli.command_table import COMMANDS

LOADED = """
import contextlib, io, sys
from journeyman.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
print(*sys.modules)
"""
HEAVY = ("pydantic", "apsw", "starlette", "fastapi", "asyncio", "journeyman.settings", "journeyman.journal")


def modules_of(*arguments: str) -> list[str]:
    """What a command line imports in a new process."""
    ended = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, timeout=60)
    assert "journeyman.cli.app" in ended.stdout, ended.stderr
    return ended.stdout.split()


def test_the_help_imports_no_command_and_nothing_heavy() -> None:
    modules = modules_of("--help")
    assert [name for name in HEAVY if name in modules] == []
    loaded = {entry.module for entry in COMMANDS.values()} - {"journeyman.cli.app"}
    assert loaded & set(modules) == set()


@pytest.mark.long
def test_the_help_of_a_group_imports_no_settings_and_no_other_command() -> None:
    modules = modules_of("runs", "--help")
    assert "journeyman.cli.commands.runs" in modules
    heavy = ("pydantic_settings", "starlette", "fastapi", "journeyman.settings", "journeyman.cli.commands.chat")
    assert [name for name in heavy if name in modules] == []


def test_each_command_has_a_line_of_help() -> None:
    assert all(entry.help.endswith(".") and len(entry.help) < 72 for entry in COMMANDS.values())
