"""`journeyman graph`: the picture of an agent's graph."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from journeyman.agents.picture import graph_of, mermaid, picture
from journeyman.cli.check import checked
from journeyman.cli.options import AgentPath, Json, Offline
from journeyman.cli.output import Output
from journeyman.errors import NotFoundError
from journeyman.settings import Settings

Agent = Annotated[str | None, typer.Option("--agent", help="Which agent, where there are several.")]
Format = Annotated[Literal["mermaid", "json"], typer.Option("--format", help="Mermaid text, or nodes and edges.")]


def graph(
    path: AgentPath = None,
    agent: Agent = None,
    format: Format = "mermaid",
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Draw an agent's graph: Mermaid text, or nodes and edges (`--json` is `--format json`)."""
    found = checked(Settings.read(), path, offline=offline).catalog.resolve(agent)
    shown = graph_of(found.spec)
    if shown is None:
        raise NotFoundError(f"Agent {found.name!r} decides by code: it has no graph.", code="no_graph")
    if json or format == "json":
        Output(json=True).data(picture(shown))
    else:
        Output().write(mermaid(shown))
