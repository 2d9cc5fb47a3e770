"""`journeyman agents`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeyman.cli.client.connect import running_server
from journeyman.cli.commands.check import check_path
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, Url
from journeyman.settings import Settings


def agents(path: AgentPath = None, offline: Offline = False, url: Url = None, json: Json = False) -> None:
    """List the agents: of the server that is up, else of the files."""
    settings = Settings.read()
    remote = running_server(settings, url) if url or path is None else None
    items = remote.call("GET", "/agents")["items"] if remote else _of_files(settings, path, offline)
    rows = items if json else [{**item, "model": item["model"]["name"]} for item in items]
    CommandOutput(json=json).items(rows, ("name", "type", "model", "tools", "version", "description"), "No agents.")


def _of_files(settings: Settings, path: Path | None, offline: bool) -> list[dict[str, Any]]:
    application = check_path(settings, path, offline=offline)
    served = [(agent, agent.spec.shown()) for agent in application.catalog.agents.values()]
    return [
        {
            "name": agent.name,
            "type": spec.type,
            "description": spec.description,
            "version": agent.version,
            "model": {"name": spec.model.name},
            "tools": [tool.name for tool in spec.tools],
            "default": agent.name == application.catalog.default,
        }
        for agent, spec in served
    ]
