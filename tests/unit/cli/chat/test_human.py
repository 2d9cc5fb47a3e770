from __future__ import annotations

from typing import Any

import pytest

from journeyman.cli.chat.human import LeftOpen, ask_answer, confirm, is_slash_command, question_text, unescaped


def approval(kind: str = "tool", *decisions: str, **more: Any) -> dict[str, Any]:
    given = {"approval": "a1", "kind": kind, "tool": "pay", "arguments": {"n": 9}, "message": "May it?"}
    return {**given, "decisions": decisions or ("approve", "deny"), **more}


def answered(asked: dict[str, Any], *lines: str) -> dict[str, Any]:
    """Return the answer, and check that all lines are used."""
    left = list(lines)
    answer = ask_answer(lambda _: left.pop(0), asked)
    assert not left
    return {name: value for name, value in answer.items() if name != "approval"}


@pytest.mark.parametrize(
    ("lines", "decision"),
    [
        (["y"], "approve"),
        (["Yes"], "approve"),
        (["a"], "approve"),
        (["approve"], "approve"),
        (["n"], "deny"),
        (["no"], "deny"),
        (["d"], "deny"),
        (["", "perhaps", "r", " y "], "approve"),
    ],
)
def test_a_call_is_approved_or_denied(lines: list[str], decision: str) -> None:
    assert answered(approval(), *lines) == {"decision": decision}


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["r"], {"decision": "retry"}),
        (["f"], {"decision": "fail"}),
        (["y", "n", "ret"], {"decision": "retry"}),
        (["d", "It was 9."], {"decision": "done", "result": "It was 9."}),
        (["done", ""], {"decision": "done"}),
    ],
)
def test_an_unknown_outcome(lines: list[str], answer: dict[str, Any]) -> None:
    assert answered(approval("unknown_outcome", "retry", "done", "fail"), *lines) == answer


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["M"], {"decision": "done", "result": "M"}),
        (["n"], {"decision": "done", "result": "n"}),
        (["", "/etc/hosts"], {"decision": "done", "result": "/etc/hosts"}),
        (["//new"], {"decision": "done", "result": "/new"}),
        (["/deny"], {"decision": "deny"}),
    ],
)
def test_a_text_answers_a_question(lines: list[str], answer: dict[str, Any]) -> None:
    assert answered(approval("question", "done", "deny"), *lines) == answer


@pytest.mark.parametrize("kind", ["tool", "question", "node", "limit", "unknown_outcome"])
def test_a_slash_command_leaves_the_question_open(kind: str) -> None:
    with pytest.raises(LeftOpen) as left:
        ask_answer(lambda _: "/thread t2", approval(kind))
    assert left.value.command == "/thread t2"


def test_a_limit_without_its_value_now_is_left_to_the_server() -> None:
    asked = approval("limit", arguments={"steps": 6}, tool="")
    assert answered(asked, "y", "") == {"decision": "approve", "arguments": {"steps": 6}}
    assert answered(asked, "n") == {"decision": "deny"}


def test_the_whole_call_is_shown_and_cannot_move_the_cursor() -> None:
    text = question_text(approval(arguments={"to": "x" * 1000 + "END"}))
    assert "END" in text
    assert "characters more" in question_text(approval(arguments={"to": "x" * 5000}))
    text = question_text(approval(message="May it?\x1b[2J", arguments={"a": "\x1b]0;t\x07\x9b"}))
    assert not set(text) & {"\x1b", "\x07", "\x9b"}
    assert question_text(approval("node", tool="", message="Go on?")) == "Go on?"


def test_yes_or_no() -> None:
    lines = ["", "maybe", "Y"]
    assert confirm(lambda _: lines.pop(0), "So?")
    assert not confirm(lambda _: "no", "So?")


@pytest.mark.parametrize(
    ("line", "is_command"),
    [("/new", True), ("/thread x", True), ("/etc/hosts", False), ("//new", False), ("/", False), ("new", False)],
)
def test_a_line_is_a_command_or_a_message(line: str, is_command: bool) -> None:
    assert is_slash_command(line) is is_command


def test_a_message_that_begins_with_a_slash() -> None:
    assert [unescaped(line) for line in ("//new", "/etc/hosts", "x")] == ["/new", "/etc/hosts", "x"]
