from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from journeyman.agents.conditions import (
    APPROVAL_NAMES,
    Condition,
    ConditionError,
    compile_approval,
    compile_condition,
)
from journeyman.errors import ValidationError


def condition(text: str) -> Condition:
    return compile_condition(text, APPROVAL_NAMES)


@pytest.mark.parametrize(
    ("amount", "held"), [(60, True), (60.5, True), (50, False), (50.0, False), (50.5, True), (2**62, True)]
)
@pytest.mark.parametrize("limit", ["50", "50.0"])
def test_whole_and_decimal_numbers_compare(amount: float, held: bool, limit: str) -> None:
    assert condition(f"args.amount > {limit}").holds({"args": {"amount": amount}}) is held


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("args.items.size() > 2", True),
        ("args.items.exists(item, item == 3)", True),
        ("has(args.missing) && args.missing > 3", False),
        ("tool == 'refund' && principal.startsWith('key:')", True),
        ("context.thread.vip || context.global.vip", True),
        ("args.name.matches('^(a+)+$')", False),
        ("int(args.number) > 3", True),
        ("args.missing > 3 || true", True),
    ],
)
def test_what_a_condition_can_say(text: str, held: bool) -> None:
    values: dict[str, Any] = {
        "args": {"items": [1, 2, 3], "name": "a" * 40 + "b", "number": "4"},
        "tool": "refund",
        "principal": "key:1",
        "context": {"thread": {"vip": False}, "global": {"vip": True}},
    }
    assert condition(text).holds(values) is held


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("args.amount >", "character 14"),
        ("", "not valid CEL"),
        ("amount > 50", "unknown name 'amount'"),
        ("arg.amount > 50", "did you mean 'args'?"),
        ("args.all(x, y > 1)", "unknown name 'y'"),
        ("args.name.startWith('a')", "did you mean 'startsWith'?"),
        ("1" + "+1" * 20_000, "longer than 1000 characters"),
        ("(" * 499 + "1" + ")" * 499, "not valid CEL"),
        ("args.amount == 99999999999999999999", "not valid CEL"),
    ],
)
def test_what_is_refused_at_load(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        condition(text)
    assert message in caught.value.message
    assert len(caught.value.message) < 2000


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("args.amount > 50", {}),
        ("args.amount > 50", {"amount": "60"}),
        ("args.amount > 50", {"amount": None}),
        ("args.amount / 0 > 50", {"amount": 1}),
        ("args.amount * 9223372036854775807 > 0", {"amount": 5}),
        ("args.list[5] == 1", {"list": [1]}),
        ("args.amount", {"amount": 1}),
        ("int(args.amount) > 1", {"amount": "x"}),
        ("args.amount == 'x'", {"amount": "\ud800"}),
    ],
)
def test_what_cannot_be_evaluated_says_so(text: str, args: dict[str, Any]) -> None:
    with pytest.raises(ConditionError) as caught:
        condition(text).holds({"args": args})
    assert caught.value.code == "condition_error"


def test_a_condition_does_not_load_the_command_line_of_its_library() -> None:
    program = (
        "import sys; from journeyman.agents.conditions import compile_condition as c;"
        "c('args.a > 1', {'args'}); bad = {'cel', 'cel.cli', 'typer', 'prompt_toolkit'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_the_condition_of_an_approval_is_compiled_once() -> None:
    assert compile_approval("args.amount > 5") is compile_approval("args.amount > 5")


NESTED = "args.xs.all(a, args.xs.exists(b, a == b))"


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        "args.xs.all(a, a in args.xs)",
        "args.xs . map (a, a).all(a, ((args.xs.filter(b, b == a)).size()) > 0)",
        "(args.xs + args.xs).all(a, args.xs.exists_one(b, a == b) || true)",
        "[args.xs, args.xs].all(a, a.all(b, a.all(c, b == b)))",
        "args.xs.filter(a, a >= 0).map(a, a + 1).all(a, a > 0)",
    ],
)
def test_macros_in_one_another_take_a_bounded_number_of_steps(text: str) -> None:
    condition = compile_condition(text, {"args"})
    few, many = {"args": {"xs": list(range(10))}}, {"args": {"xs": list(range(3_000))}}
    assert condition.holds(few)
    with pytest.raises(ConditionError, match="takes more than 10000 steps"):
        condition.holds(many)


@pytest.mark.parametrize(
    "text",
    [
        "args.xs.all(a, a >= 0)",
        "args.xs.all(a, a in [1, 2] || true) && size('.all(.all(') > 0",
        "5 in args.xs && args.xs.all(a, (a >= (0)))",
    ],
)
def test_one_macro_goes_through_any_number_of_values(text: str) -> None:
    assert compile_condition(text, {"args"}).holds({"args": {"xs": list(range(20_000))}})
