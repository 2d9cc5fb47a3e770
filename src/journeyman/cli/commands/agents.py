"""`journeyman agents`: lists agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeyman.cli.client.connect import running_server
from journeyman.cli.commands.check import load_application
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, Url
from journeyman.settings import Settings


def agents(path: AgentPath = None, offline: Offline = False, url: Url = None, json: Json = False) -> None:
    """List the agents of the running server, or without a server those of the agent files."""
    settings = Settings.read()
    server = running_server(settings, url) if url or path is None else None
    items = server.call("GET", "/agents")["items"] if server else _from_files(settings, path, offline)
    rows = items if json else [{**item, "model": item["model"]["name"]} for item in items]
    CommandOutput(json=json).items(
        rows, ("name", "type", "model", "tools", "version", "description"), "There are no agents."
    )


def _from_files(settings: Settings, path: Path | None, offline: bool) -> list[dict[str, Any]]:
    application = load_application(settings, path, offline=offline)
    agents = [(agent, agent.spec.shown()) for agent in application.agents.agents.values()]
    return [
        {
            "name": agent.name,
            "type": spec.type,
            "description": spec.description,
            "version": agent.version,
            "model": {"name": spec.model.name},
            "tools": [tool.name for tool in spec.tools],
            "default": agent.name == application.agents.default,
        }
        for agent, spec in agents
    ]
