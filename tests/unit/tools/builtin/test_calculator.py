from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.tools.builtin.calculator import Calculator, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * -3", -9),
        ("7 // 2 + 7 % 2", 4),
        ("2 ** 10", 1024),
        ("10 / 4", 2.5),
        ("sqrt(16) + max(1, 2)", 6.0),
        ("round(pi, 2)", 3.14),
        ("  12*12 ", 144),
    ],
)
async def test_arithmetic(expression, value):
    assert await Calculator().run(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os')",
        "().__class__",
        "x",
        "'a' * 9",
        "True",
        "9 ** 9 ** 9",
        "2 ** 99999999",
        "1e308 * 10",
        "10.0 ** 400",
        "(-8) ** 0.5",
        "1 / 0",
        "1 if 1 else 2",
        "[1][0]",
        "",
        "1 +",
        "(" * 300,
        "-" * 490 + "1" * 20,
        "sqrt(-1)",
        "max()",
        "round(1, 2, 3)",
        "max(key=1)",
        "1" * 600,
        "a\x00b",
        "1\ud800",
    ],
)
async def test_what_is_no_arithmetic_or_too_large(expression):
    with pytest.raises(ValueError):  # noqa: PT011 - each says its own reason
        await Calculator().run(expression)


@settings(max_examples=50)
@given(st.text(alphabet="0123456789+-*/%(). episqrt,", max_size=40))
def test_any_text_gives_a_number_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(evaluate(text), int | float)
