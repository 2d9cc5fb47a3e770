"""Arguments that the stateless revision repeats in HTTP headers (`x-mcp-header` in a tool's schema). Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from journeyman.events.messages import JSON

KEY = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ENCODED = re.compile(r"=\?base64\?.*\?=")
_KINDS = ("string", "integer", "boolean")

Mirrored = dict[tuple[str, ...], str]  # path of an argument -> name of its header after `Mcp-Param-`


def mirrored(schema: JSON) -> Mirrored:
    """Return the arguments that a schema wants in headers. Raises ValueError if its marks are not valid."""
    found: Mirrored = {}
    _collect(schema, (), found)
    wanted = [token.lower() for token in found.values()]
    if len(set(wanted)) != len(wanted) or _count(schema) != len(wanted):
        raise ValueError(f"its {KEY} marks stand where they may not, or name one header twice")
    return found


def parameter_headers(wanted: Mirrored, arguments: Mapping[str, JSON]) -> dict[str, str]:
    """Return the headers for a call's arguments."""
    headers: dict[str, str] = {}
    for path, token in wanted.items():
        value: JSON = arguments
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, str | int | float):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            headers[f"Mcp-Param-{token}"] = header_value(text)
    return headers


def header_value(text: str) -> str:
    """Return a text as a header's value: as it is if a header can carry it, else as `=?base64?…?=`."""
    if _PLAIN.fullmatch(text) and text == text.strip() and not _ENCODED.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _collect(schema: JSON, path: tuple[str, ...], found: Mirrored) -> None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        token = inner.get(KEY) if isinstance(inner, dict) else None
        if token is not None:
            if not isinstance(token, str) or not _TOKEN.fullmatch(token) or inner.get("type") not in _KINDS:
                raise ValueError(f"its {KEY} mark of {name[:60]} is not valid")
            found[(*path, name)] = token
        _collect(inner, (*path, name), found)


def _count(value: JSON) -> int:
    """Count all marks in a schema, so that one in a place where none is allowed is found."""
    if isinstance(value, dict):
        return (KEY in value and isinstance(value[KEY], str)) + sum(_count(inner) for inner in value.values())
    return sum(_count(inner) for inner in value) if isinstance(value, list) else 0
