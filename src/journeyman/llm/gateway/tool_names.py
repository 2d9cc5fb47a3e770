"""Reads the names of called tools: in pieces, with prefixes and with tokens that leaked into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

_LEAKED = re.compile(r"<\|.*", re.DOTALL)  # gpt-oss: lookup<|channel|>commentary
_PREFIX = re.compile(r".*[.:/]", re.DOTALL)  # functions.lookup, default_api:lookup


def joined_name(name: str, piece: str, tools: Collection[str]) -> str:
    """Return a name after another piece of it. Once it is the name of a tool, pieces that repeat it change nothing."""
    joined = name + piece
    if not name or not piece:
        return joined
    if piece != name and any(tool.startswith(joined) for tool in tools):
        return joined
    if name in tools:
        return name
    if joined not in tools and (piece in tools or piece.startswith(name)):
        return piece  # sent whole again
    return joined


def known_name(name: str, tools: Collection[str]) -> str:
    """Return the tool that is meant. Returns the name as it is if it is a tool's, or if no tool can be meant."""
    if name in tools:
        return name
    short = _LEAKED.sub("", name).strip()
    for meant in (short, _PREFIX.sub("", short)):
        if meant in tools:
            return meant
    return name
