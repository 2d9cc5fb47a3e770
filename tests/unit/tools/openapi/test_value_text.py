from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.openapi.value_text import json_text, parameter_text, quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (None, ""),
        (True, "true"),
        (5.0, "5"),
        (0.5, "0.5"),
        (2**63, "9223372036854775808"),
        (1e30, "1e+30"),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_a_value_as_text(value: Any, text: str) -> None:
    assert parameter_text(value) == text


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ToolValidationError, match="not JSON"):
        json_text(float("nan"))


def test_nothing_in_a_quoted_text_is_a_part_of_a_url() -> None:
    assert quoted("a/b?c&d=e#f é\ud800") == "a%2Fb%3Fc%26d%3De%23f%20%C3%A9%3F"
