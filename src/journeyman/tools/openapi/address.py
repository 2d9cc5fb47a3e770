"""The base URL of an API: an absolute http or https URL, checked once. Calls only append quoted parts to it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from journeyman.tools.openapi.references import Node, UnusableError

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_REMEDY = "write `server: https://…` in the agent file"


def base_url(text: str) -> str:
    """Return `text` as `scheme://host[:port][/path]`. Raises ValueError with a sentence if it is not usable."""
    if not text.isascii() or re.search(r"[\s\x00-\x1f\\]", text):
        raise ValueError("the server has characters that an address may not have")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError("the server is not a valid address") from exc
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the server is not an absolute http or https address")
    if "@" in parts.netloc:
        raise ValueError("the server holds a user: use `auth`")
    if "?" in text or "#" in text:
        raise ValueError("the server holds a query or a fragment")
    path = parts.path.rstrip("/")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or has_dot_segment(path):
        raise ValueError("the server has characters that an address may not have")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port is not None else ''}{path}"


def has_dot_segment(path: str) -> bool:
    """Check for a segment `.` or `..`, also a quoted one."""
    return any(unquote(segment) in (".", "..") for segment in path.split("/"))


def first_server(*holders: Node) -> str:
    """Return the base URL of the first `servers` entry of the first holder that has one. Raises UnusableError.

    The holders are an operation, its path and the document.
    """
    for holder in holders:
        for server in holder.listed("servers")[:1]:
            return _address(server)
    raise UnusableError((), "the document names no server", _REMEDY)


def _address(server: Node) -> str:
    """Return the base URL of a `servers` entry, its variables replaced by their defaults. Raises UnusableError."""
    url = server.value.get("url") if isinstance(server.value, dict) else None
    if not isinstance(url, str):
        raise UnusableError(server.path, "the server has no `url`", _REMEDY)
    variables = server.mapping("variables")

    def default(match: re.Match[str]) -> str:
        variable = variables.value.get(match[1])
        value = variable.get("default") if isinstance(variable, dict) else None
        if not isinstance(value, str):
            raise UnusableError(server.path, f"the server's variable {match[1][:60]!r} has no default", _REMEDY)
        return value

    try:
        return base_url(_VARIABLE.sub(default, url))
    except ValueError as exc:
        raise UnusableError((*server.path, "url"), str(exc), _REMEDY) from exc
