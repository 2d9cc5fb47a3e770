"""Values of arguments as texts of a request. Pure."""

from __future__ import annotations

import json
from urllib.parse import quote

from journeyman.errors import ToolValidationError
from journeyman.events.messages import JSON


def quoted(text: str) -> str:
    """Percent-encode all but letters, digits and `-._~`, so that nothing in the text can act as a part of the URL."""
    return quote(text, safe="", errors="replace")


def parameter_text(value: JSON) -> str:
    """Return a value as text: strings as they are, whole numbers without a point, nested values as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return json_text(value)


def json_text(value: JSON) -> str:
    """Return the value as compact JSON in ASCII. Raises ToolValidationError."""
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as exc:
        raise unusable_argument("arguments: not JSON") from exc


def unusable_argument(message: str) -> ToolValidationError:
    """Return the error for arguments that a request cannot hold."""
    return ToolValidationError(message, code="invalid_arguments")
