"""`journeyman reload` and `journeyman rollback`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from journeyman.cli.client.connect import running_server
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.exit_codes import CONFIGURATION
from journeyman.cli.output import CommandOutput, Json, Url
from journeyman.errors import ServiceUnavailableError
from journeyman.settings import Settings


def reload(url: Url = None, json: Json = False) -> None:
    """Have the server that is up check its files anew, and serve what they say if nothing is wrong with them."""
    done: dict[str, Any] = _server(url).call("POST", "/reload")
    lines = [*done["problems"], *map(_line, done["changes"])]
    if not done["applied"]:
        lines.append("what was served before goes on")
    CommandOutput(json=json).show(done, "\n".join(lines) or "No agent changed.")
    if not done["applied"]:
        raise typer.Exit(CONFIGURATION)


def rollback(
    agent: Annotated[str, typer.Argument(metavar="AGENT")],
    version: Annotated[str | None, typer.Option("--to", metavar="VERSION", help="Else the one before.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Let new runs begin with an earlier version of an agent, until its file says something new."""
    body = {} if version is None else {"version": version}
    done = _server(url).call("POST", f"/agents/{quote(agent, safe='')}/rollback", body)
    CommandOutput(json=json).show(done, _line(done))


def _line(change: dict[str, Any]) -> str:
    return f"{change['agent']}: {change['version'] or 'gone'} (was {change['before'] or 'not there'})"


def _server(url: str | None) -> HttpApiClient:
    remote = running_server(Settings.read(), url)
    if remote is None:
        raise ServiceUnavailableError("No server is up here: start one with `journeyman serve`, or name it by --url.")
    return remote
