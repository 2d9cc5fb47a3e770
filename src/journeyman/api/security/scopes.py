"""The permission table: which scope each route and WebSocket command needs. An unlisted route cannot be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPEN: Final = "open"  # no authentication: probes and static files without data of any principal
ANY: Final = "any"  # every authenticated caller, whatever its scopes
SOCKET: Final = "socket"  # each command needs its own scope: COMMANDS

# (method, path as it is declared) -> scope. HEAD is GET.
ROUTES: Mapping[tuple[str, str], str] = {
    ("GET", "/"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/docs.js"): OPEN,
    ("GET", "/style.css"): OPEN,
    ("GET", "/ui"): OPEN,
    ("GET", "/ui/assets/{name}"): OPEN,
    ("GET", "/ui/{path:path}"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/whoami"): ANY,
    ("GET", "/metrics"): "read",
    ("GET", "/overview"): "read",
    ("GET", "/settings"): "admin",
    ("POST", "/process"): "run",
    ("POST", "/execute_tool"): "tools",
    ("GET", "/agents"): "read",
    ("GET", "/agents/{name}"): "read",
    ("GET", "/agents/{name}/graph"): "read",
    ("GET", "/tools"): "read",
    ("GET", "/tools/{name}"): "read",
    ("DELETE", "/tools/{name}/cache"): "admin",
    ("POST", "/threads"): "run",
    ("GET", "/threads"): "read",
    ("GET", "/threads/{thread_id}"): "read",
    ("PATCH", "/threads/{thread_id}"): "run",
    ("DELETE", "/threads/{thread_id}"): "run",
    ("GET", "/threads/{thread_id}/runs"): "read",
    ("GET", "/threads/{thread_id}/messages"): "read",
    ("POST", "/threads/{thread_id}/messages"): "run",
    ("GET", "/threads/{thread_id}/context"): "read",
    ("PATCH", "/threads/{thread_id}/context"): "run",
    ("POST", "/files"): "run",
    ("GET", "/files/{file_id}"): "read",
    ("GET", "/context"): "read",
    ("PATCH", "/context"): "run",
    ("GET", "/runs"): "read",
    ("GET", "/runs/{run_id}"): "read",
    ("GET", "/runs/{run_id}/state"): "read",
    ("GET", "/runs/{run_id}/why"): "read",
    ("GET", "/runs/{run_id}/events"): "read",
    ("GET", "/runs/{run_id}/tool_output"): "admin",
    ("POST", "/runs/{run_id}/cancel"): "run",
    ("POST", "/runs/cancel"): "admin",
    ("POST", "/runs/{run_id}/release"): "admin",
    ("POST", "/runs/{run_id}/resume"): "approve",
    ("POST", "/runs/{run_id}/fork"): "fork",
    ("POST", "/runs/{run_id}/retry"): "run",
    ("GET", "/approvals"): "approve",
    ("GET", "/approvals/{approval_id}"): "approve",
    ("GET", "/errors"): "read",
    ("GET", "/v1/models"): "read",
    ("GET", "/v1/models/{model}"): "read",
    ("POST", "/v1/chat/completions"): "run",
    ("GET", "/debug/state"): "admin",
    ("GET", "/debug/services"): "admin",
    ("GET", "/debug/tasks"): "admin",
    ("POST", "/retention/prune"): "admin",
    ("POST", "/reload"): "admin",
    ("POST", "/agents/{name}/rollback"): "admin",
    ("GET", "/keys"): "admin",
    ("POST", "/keys"): "admin",
    ("POST", "/keys/{key_id}/revoke"): "admin",
    ("POST", "/keys/{key_id}/rotate"): "admin",
    ("WS", "/ws"): SOCKET,
}

# Routes without a rate limit: a client that follows a run may reconnect as often as its network breaks.
UNCOUNTED = frozenset({"/runs/{run_id}/events", "/metrics"})

# The scope of each WebSocket command, by its type.
COMMANDS: Mapping[str, str] = {
    "start": "run",
    "subscribe": "read",
    "cancel": "run",
    "resume": "approve",
    "input": "approve",
}


def required_scope(method: str, path: str) -> str:
    """Return the scope that a route needs. Raises LookupError if the table does not list the route."""
    scope = ROUTES.get(("GET" if method == "HEAD" else method, path))
    if scope is None:
        raise LookupError(
            f"{method} {path} is not listed in journeyman.api.security.scopes.ROUTES: add its scope there."
        )
    return scope
