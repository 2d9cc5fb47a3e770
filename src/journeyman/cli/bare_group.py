"""Groups of commands that list their items when they are called without a command, such as `journeyman runs`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from journeyman.cli.output import All, Json, Limit, Url, Wide


def list_when_bare(app: typer.Typer, list_items: Callable[..., None], help: str) -> None:
    """Let the group call its list command when no command is given, with the options that all lists have."""

    @app.callback(help=help)
    def bare(
        context: typer.Context,
        limit: Limit = 50,
        all: All = False,
        wide: Wide = False,
        url: Url = None,
        json: Json = False,
    ) -> None:
        if context.invoked_subcommand is None:
            list_items(limit=limit, all=all, wide=wide, url=url, json=json)
