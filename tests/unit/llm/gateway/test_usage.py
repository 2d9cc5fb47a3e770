"""Tokens and cost of a reply."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.events.messages import Usage
from journeyman.llm.gateway.usage import usage_of


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({}, Usage()),
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"input_tokens": 3, "output_tokens": 4.0}, Usage(3, 4)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 0, 2)),
        ({"prompt_tokens": 3, "prompt_cache_hit_tokens": 2}, Usage(3, 0, 2)),
        ({"prompt_tokens": "3", "cost": "0.5"}, Usage(3, 0, 0, 0.5)),
        ({"prompt_tokens": "many", "completion_tokens": 10**30}, Usage()),
        ({"prompt_tokens": 1e300, "completion_tokens": -4}, Usage()),
        ({"prompt_tokens": None, "input_tokens": 3, "completion_tokens": None, "output_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens_details": None, "input_tokens_details": {"cached_tokens": 2}}, Usage(0, 0, 2)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {}, "prompt_cache_hit_tokens": 2}, Usage(3, 0, 2)),
        ({"prompt_tokens": 3, "cached_tokens": 2}, Usage(3, 0, 2)),
        ({"cost": 10**400}, Usage()),
        ({"cost": 1e300}, Usage()),
        ({"cost": "nan"}, Usage()),
        ({"cost": -1}, Usage()),
    ],
)
def test_usage(fields: dict[str, Any], usage: Usage) -> None:
    assert usage_of(fields, {}) == usage


def test_the_header_counts_first() -> None:
    assert usage_of({"cost": 1}, {"x-litellm-response-cost": "0.25"}) == Usage(cost_usd=0.25)
