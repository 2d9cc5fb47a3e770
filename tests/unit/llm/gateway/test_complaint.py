"""The facts in error bodies of every form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.llm.gateway.complaint import Complaint, complaint_in, complaint_of, shortened, squashed

OPENAI = {"error": {"message": "no", "type": "invalid_request_error", "param": "seed", "code": "unknown_parameter"}}


def of(body: Any) -> Complaint:
    return complaint_of(json.dumps(body).encode())


def test_an_error_of_openai() -> None:
    complaint = of(OPENAI)
    assert (complaint.message, complaint.paths) == ("no", ("seed",))
    assert complaint.kinds == {"invalidrequesterror", "unknownparameter"}


@pytest.mark.parametrize(
    ("body", "message", "number"),
    [
        ([OPENAI], "no", 0),
        ({"error": "text"}, "text", 0),
        ({"object": "error", "message": "no", "code": 400}, "no", 400),
        ({"error": {"message": "no", "code": "429"}}, "no", 429),
        ({"error": {"message": "no", "status_code": 400}}, "no", 400),
        ({"message": "no", "type": "x"}, "no", 0),
        ("text", "text", 0),
        ({"detail": "no"}, "no", 0),
        ([1], "[1]", 0),
        ({}, "", 0),
        (None, "None", 0),
    ],
)
def test_messages_and_codes(body: Any, message: str, number: int) -> None:
    complaint = of(body)
    assert (complaint.message, complaint.number) == (message, number)


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"loc": ["body", "messages", 2, "x"], "msg": "no"}]},
        {"message": {"detail": [{"loc": ["body", "messages", 2, "x"], "msg": "no"}]}},
        {"object": "Error", "message": [{"loc": ["body", "messages", 2, "x"], "msg": "no"}]},
        {"error": {"details": [{"fieldViolations": [{"field": "messages.2.x"}]}]}},
    ],
)
def test_paths_of_fields(body: Any) -> None:
    assert of(body).paths == ("messages.2.x",)
    assert of(body).words[:3] == ["messages", "2", "x"]


def test_what_the_request_said_is_not_searched() -> None:
    complaint = of({"detail": [{"loc": ["body"], "msg": "no", "input": "secret plan", "ctx": {"error": "plan"}}]})
    assert "plan" not in complaint.text


def test_the_texts_of_a_provider_behind_a_proxy_are_searched() -> None:
    body = {"error": {"message": "Provider returned error", "metadata": {"raw": "context length", "reasons": ["hate"]}}}
    complaint = of(body)
    assert complaint.flagged
    assert "context length" in complaint.text
    assert "hate" in complaint.text


def test_a_secret_is_replaced_everywhere() -> None:
    body = json.dumps({"error": {"message": "key sk-1", "param": "sk-1", "metadata": [{"raw": ["sk-1"]}]}}).encode()
    assert "sk-1" not in repr(complaint_of(body, "sk-1"))
    assert "sk-1" not in repr(complaint_of(b"<html>sk-1", "sk-1"))


def test_hostile_bodies_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = {"error": {"message": [deep, "x"]}}
    complaint = complaint_in({"error": deep, "param": "p" * 10**6, "detail": [{"msg": "m" * 10**6}] * 50})
    assert len(complaint.text) <= 4000
    assert len(complaint.message) <= 300
    assert len(of({"error": "é" * 10**6}).message) == 300


def test_a_body_that_is_no_json_is_its_own_text() -> None:
    assert complaint_of(b"<html>").message == "<html>"


def test_names_are_compared_without_punctuation_and_case() -> None:
    assert squashed("topP") == squashed("top_p") == squashed("Top-P") == "topp"
    assert shortened("a\n b\0") == "a b"
    assert len(shortened("x" * 5000)) == 300
