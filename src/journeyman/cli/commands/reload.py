"""`journeyman reload` and `journeyman rollback`: changes which agent versions a running server uses."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from journeyman.cli.client.connect import running_server
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.client.identifiers import only_id
from journeyman.cli.exit_codes import CONFIGURATION
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import CommandOutput, Json, Url
from journeyman.errors import ServiceUnavailableError


def reload(url: Url = None, json: Json = False) -> None:
    """Let the running server read its files again. It serves them only if they have no problem."""
    report: dict[str, Any] = _server(url).call("POST", "/reload")
    lines = [*report["problems"], *map(_change_text, report["changes"])]
    if not report["applied"]:
        lines.append("Nothing was changed. The server continues with the agents that it had.")
    CommandOutput(json=json).show(report, "\n".join(lines) or "No agent changed.")
    if not report["applied"]:
        raise typer.Exit(CONFIGURATION)


def rollback(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")],
    version: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="The version to use, or a beginning of it. [the previous one]"),
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Let new runs use an earlier version of an agent, until its file is changed and reloaded."""
    server, path = _server(url), f"/agents/{quote(agent, safe='')}"
    body = {}
    if version is not None:
        known = [each["version"] for each in server.call("GET", path)["versions"]]
        begins = any(each.startswith(version) for each in known)
        body["version"] = only_id("version", version, known) if begins else version
    change = server.call("POST", f"{path}/rollback", body)
    CommandOutput(json=json).show(change, _change_text(change))


def _change_text(change: dict[str, Any]) -> str:
    return f"{change['agent']}: {change['version'] or 'removed'} (was {change['before'] or 'not served'})"


def _server(url: str | None) -> HttpApiClient:
    server = running_server(read_settings(), url)
    if server is None:
        raise ServiceUnavailableError("No server is running. Start one with `journeyman serve`, or pass --url.")
    return server
