from __future__ import annotations

import contextlib
import getpass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.tools.authoring.context import ToolContext
from journeyman.tools.builtin import builtin_tools
from journeyman.tools.builtin.calculator import Calculator, evaluate
from journeyman.tools.builtin.current_time import CurrentTime
from journeyman.tools.builtin.username import GetUsername
from journeyman.tools.schema.describe import describe
from journeyman.tools.spec import CallRequest


def context(principal: str) -> ToolContext:
    spec = describe(GetUsername()).spec
    request = CallRequest(
        spec=spec, arguments={}, call="c", run_id="r", thread_id="t", principal=principal, idempotency_key="k"
    )
    return ToolContext(request, host=None)  # type: ignore[arg-type]


def test_all_are_inline_and_without_effects():
    for thing in builtin_tools(ManualClock()):
        spec = describe(thing).spec
        assert (spec.policy.effects, spec.policy.isolation, spec.policy.declared) == ("none", "inline", True)
        assert spec.description


async def test_username_is_the_principal_or_the_systems_user():
    assert await GetUsername().run(context("ann")) == "ann"
    assert await GetUsername().run(context("local")) == getpass.getuser()


async def test_current_time_in_a_zone():
    clock = ManualClock(now=1_700_000_000_000_000)
    assert await CurrentTime(clock).run() == "2023-11-14T22:13:20+00:00"
    assert await CurrentTime(clock).run("Asia/Tokyo") == "2023-11-15T07:13:20+09:00"


@pytest.mark.parametrize("zone", ["Nowhere/Town", "../../etc/passwd", "/etc/passwd", "", "a\x00b", "x" * 5000])
async def test_no_such_zone(zone):
    with pytest.raises(ValueError, match="there is no time zone"):
        await CurrentTime(ManualClock()).run(zone)


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
