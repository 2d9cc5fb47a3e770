"""`journeyman errors`: lists failed runs in groups, which shows where to look first."""

from __future__ import annotations

from journeyman.cli.client.queries import queries
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import All, CommandOutput, Json, Limit, Url, Wide, limit_of


def errors(limit: Limit = 50, all: All = False, wide: Wide = False, url: Url = None, json: Json = False) -> None:
    """List failed runs in groups by agent and error code, the latest failure first."""
    most = limit_of(limit, all)
    items = queries(read_settings(), url).errors(most + 1)
    columns = ("count", "code", "agent", "message", "latest_run", "last_at", "first_at", "error_id")
    CommandOutput(json=json, wide=wide).items(items, columns, "No run has failed.", limit=most)
