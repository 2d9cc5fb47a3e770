from __future__ import annotations

from typing import Any

from journeyman.journal.journal import ApprovalRow
from journeyman.runtime.use_cases.answers import closed_sentence, given_event
from journeyman.runtime.use_cases.requests import HumanAnswer


def asked(**more: Any) -> ApprovalRow:
    """Return an open approval."""
    given = {"id": "a", "run": "r", "principal": "me", "kind": "tool", "call": "m1.0", "seq": 4, "requested_at": 0}
    given |= {"message": "", "args_hash": "", "deadline": None}
    return ApprovalRow(**{**given, "tool": "pay", "arguments": {"amount": 9}, "decisions": ("approve", "deny"), **more})


def test_an_answer_says_what_it_changes_and_no_more() -> None:
    plain = given_event(HumanAnswer(approval="a", decision="approve"), asked(), "ada")
    assert (plain.by, plain.arguments, plain.result) == ("ada", None, None)
    edited = given_event(HumanAnswer(approval="a", decision="approve", arguments={"amount": 1}), asked(), "ada")
    assert edited.arguments == {"amount": 1}


def test_what_is_left_out_is_as_it_was_offered() -> None:
    limit = given_event(HumanAnswer(approval="a", decision="approve"), asked(kind="limit"), "ada")
    assert limit.arguments == {"amount": 9}
    done = given_event(HumanAnswer(approval="a", decision="done"), asked(result="paid"), "ada")
    assert done.result == "paid"


def test_an_answer_that_came_too_late_is_told_why() -> None:
    assert "its run r has ended" in closed_sentence(asked())
    assert "answered already, with `deny`" in closed_sentence(asked(answered_by="bob", answer="deny"))
