"""Which scope each route needs: all of them, here and nowhere else. A route that is not listed cannot be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPEN: Final = "open"  # for everybody: probes, and static files that say nothing of anybody
SOCKET: Final = "socket"  # each command of the socket needs its own: COMMANDS

# (method, path as it is declared) -> scope. HEAD is GET.
ROUTES: Mapping[tuple[str, str], str] = {
    ("GET", "/"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/docs.js"): OPEN,
    ("GET", "/style.css"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): "read",
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
    ("DELETE", "/threads/{thread_id}"): "run",
    ("GET", "/threads/{thread_id}/runs"): "read",
    ("GET", "/threads/{thread_id}/messages"): "read",
    ("POST", "/threads/{thread_id}/messages"): "run",
    ("GET", "/threads/{thread_id}/context"): "read",
    ("PATCH", "/threads/{thread_id}/context"): "run",
    ("GET", "/context"): "read",
    ("PATCH", "/context"): "run",
    ("GET", "/runs"): "read",
    ("GET", "/runs/{run_id}"): "read",
    ("GET", "/runs/{run_id}/state"): "read",
    ("GET", "/runs/{run_id}/events"): "read",
    ("POST", "/runs/{run_id}/cancel"): "run",
    ("POST", "/runs/{run_id}/resume"): "approve",
    ("POST", "/runs/{run_id}/fork"): "run",
    ("GET", "/approvals"): "approve",
    ("GET", "/errors"): "read",
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

# Routes that count against nobody's rate: who watches may come back as often as the network breaks.
UNCOUNTED = frozenset({"/runs/{run_id}/events", "/metrics"})

# Of the WebSocket, by the type of the command.
COMMANDS: Mapping[str, str] = {
    "start": "run",
    "subscribe": "read",
    "cancel": "run",
    "resume": "approve",
    "input": "approve",
}


def required_scope(method: str, path: str) -> str:
    """The scope that a route needs. Raises LookupError for one that nobody thought of."""
    scope = ROUTES.get(("GET" if method == "HEAD" else method, path))
    if scope is None:
        raise LookupError(f"{method} {path} is not in journeyman.api.security.scopes.ROUTES: say which scope it needs")
    return scope
