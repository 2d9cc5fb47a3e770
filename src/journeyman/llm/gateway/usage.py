"""Reads the tokens and the cost of a reply, wherever the gateway wrote them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.events.messages import JSON, Usage
from journeyman.llm.gateway import json_text

COST_HEADER = "x-litellm-response-cost"
_MAX_DOLLARS = 1e9  # of one reply; a larger number is no price


def usage_of(fields: Mapping[str, JSON], headers: Mapping[str, str]) -> Usage:
    """Return tokens and cost. What the gateway did not give is 0, and None for the cost."""
    details = _first(fields, "prompt_tokens_details", "input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = _first(fields, "prompt_cache_hit_tokens", "cached_tokens")  # DeepSeek; Moonshot
    return Usage(
        json_text.count(_first(fields, "prompt_tokens", "input_tokens")),
        json_text.count(_first(fields, "completion_tokens", "output_tokens")),
        json_text.count(cached),
        _dollars(headers.get(COST_HEADER) or fields.get("cost")),
    )


def _first(fields: Mapping[str, JSON], name: str, other: str) -> JSON:
    """Return the field of this name, or else of the other one. None: both are missing or null."""
    value = fields.get(name)
    return fields.get(other) if value is None else value


def _dollars(value: JSON) -> float | None:
    if value is None:
        return None
    try:
        cost = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return cost if 0 <= cost <= _MAX_DOLLARS else None  # NaN is not in between
