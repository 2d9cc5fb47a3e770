"""`journeyman agents`: lists agents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.cli.client.connect import running_server
from journeyman.cli.client.server_lists import server_items
from journeyman.cli.commands.check import load_application
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, All, CommandOutput, Json, Limit, Offline, Url, Wide, limit_of
from journeyman.server.paths import require_agent

if TYPE_CHECKING:
    from journeyman.settings import Settings


def agents(
    path: AgentPath = None,
    offline: Offline = False,
    limit: Limit = 50,
    all: All = False,
    wide: Wide = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """List the agents of the running server, or without a server those of the agent files."""
    settings = read_settings()
    server = running_server(settings, url) if url or path is None else None
    most = limit_of(limit, all)
    items = server_items(server, "/agents", most + 1) if server else _from_files(settings, path, offline)
    rows = items if json else [{**item, "model": item["model"]["name"]} for item in items]
    columns = ("name", "type", "model", "tools", "version", "description")
    CommandOutput(json=json, wide=wide).items(rows, columns, "There are no agents.", limit=most)


def _from_files(settings: Settings, path: Path | None, offline: bool) -> list[dict[str, Any]]:
    require_agent(settings, path)
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
