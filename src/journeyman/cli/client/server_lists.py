"""Reads a list of the HTTP API page by page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from journeyman.cli.client.api_client import ApiClient

PAGE_SIZE = 100


def server_items(client: ApiClient, path: str, limit: int, **query: str) -> list[dict[str, Any]]:
    """Return up to `limit` items of a list."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        size = min(limit - len(found), PAGE_SIZE)
        page = client.call("GET", f"{path}?{urlencode({**query, 'limit': size})}")
        found += page["items"]
        cursor = page.get("next_cursor")
        if cursor is None or not (page["items"] or page.get("partial")):
            break
        query = {name: value for name, value in query.items() if name != "after"} | {"cursor": str(cursor)}
    return found
