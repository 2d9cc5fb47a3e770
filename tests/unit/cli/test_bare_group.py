"""A group without a command lists its items, with the options of its list."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from journeyman.cli.bare_group import list_when_bare


def group(listed: list[dict[str, Any]]) -> typer.Typer:
    app = typer.Typer(invoke_without_command=True)
    list_when_bare(app, lambda **options: listed.append(options), "List them.")

    @app.command("show")
    def show() -> None:
        """Show one."""

    return app


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {"limit": 50, "all": False, "wide": False, "url": None, "json": False}),
        (["--limit", "3", "--wide"], {"limit": 3, "all": False, "wide": True, "url": None, "json": False}),
    ],
)
def test_the_bare_group_lists(arguments: list[str], options: dict[str, Any]) -> None:
    listed: list[dict[str, Any]] = []
    assert CliRunner().invoke(group(listed), arguments).exit_code == 0
    assert listed == [options]


def test_a_command_of_the_group_lists_nothing() -> None:
    listed: list[dict[str, Any]] = []
    assert CliRunner().invoke(group(listed), ["show"]).exit_code == 0
    assert listed == []
    assert "List them." in CliRunner().invoke(group(listed), ["--help"]).stdout
