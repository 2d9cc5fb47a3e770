"""Rules about a tool's arguments, as its schema says them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from journeyman.events.messages import JSON
from journeyman.tools.lint.rules.catalogue import Hit

_MISSING = object()


def argument_hits(parameters: dict[str, JSON], line: int) -> Iterator[Hit]:
    """Yield what is wrong with the arguments of a tool whose function starts at `line`."""
    for name, schema in parameters.get("properties", {}).items():
        if not name.isascii():
            yield Hit(line=line, end=line, message=f"the argument {name!r} has a name outside of ASCII", rule="JM701")
        if isinstance(schema, dict) and not _has_sound_default(schema):
            yield Hit(line=line, end=line, message=f"the default of the argument {name!r} is no number", rule="JM702")


def _has_sound_default(schema: dict[str, JSON]) -> bool:
    """Return whether the default is one that JSON has. As JSON, the schema has null in place of nan and infinity."""
    default = schema.get("default", _MISSING)
    if isinstance(default, float):
        return math.isfinite(default)
    return default is not None or schema.get("type") != "number"
