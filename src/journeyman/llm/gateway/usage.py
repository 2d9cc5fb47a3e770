"""Reads the tokens and the cost of a reply, wherever the gateway wrote them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from journeyman.events.messages import JSON, Usage
from journeyman.llm.gateway import json_text

COST_HEADER = "x-litellm-response-cost"


def usage_of(fields: Mapping[str, JSON], headers: Mapping[str, str]) -> Usage:
    """Return tokens and cost. What the gateway did not give is 0, and None for the cost."""
    details = fields.get("prompt_tokens_details", fields.get("input_tokens_details"))
    cached = details.get("cached_tokens") if isinstance(details, dict) else fields.get("prompt_cache_hit_tokens")
    return Usage(
        json_text.count(fields.get("prompt_tokens", fields.get("input_tokens"))),
        json_text.count(fields.get("completion_tokens", fields.get("output_tokens"))),
        json_text.count(cached),
        _dollars(headers.get(COST_HEADER) or fields.get("cost")),
    )


def _dollars(value: JSON) -> float | None:
    if value is None:
        return None
    try:
        cost = float(value)
    except (TypeError, ValueError):
        return None
    return cost if math.isfinite(cost) and cost >= 0 else None
