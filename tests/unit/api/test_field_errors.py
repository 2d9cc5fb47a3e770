"""What a caller reads about wrong fields of a body: one sentence each, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.api.field_errors import MOST_FIELDS
from journeyman.api.json_body import convert
from journeyman.api.problems import RequestError
from journeyman.api.schemas.keys import CreateKey, PruneRequest
from journeyman.api.schemas.runs import ForkRequest, ProcessRequest
from journeyman.api.websocket_messages import Command

KEY: dict[str, Any] = {"name": "a", "scopes": ["run"]}


def problems(body: Any, model: Any) -> list[tuple[str, str]]:
    with pytest.raises(RequestError) as rejected:
        convert(body, model)
    assert rejected.value.message == " ".join(field.message for field in rejected.value.fields)
    return [(field.path, field.message) for field in rejected.value.fields]


@pytest.mark.parametrize(
    ("body", "model", "path", "message"),
    [
        ({"at": "1"}, ForkRequest, "body.at", "`body.at` must be an integer, not a string."),
        ({"at": 1.5}, ForkRequest, "body.at", "`body.at` must be an integer, not a number."),
        ({"at": 0}, ForkRequest, "body.at", "`body.at` must be at least 1."),
        ({}, ForkRequest, "body", "`body.at` is missing."),
        ([], ForkRequest, "body", "`body` must be an object, not an array."),
        ({"at": 1, "edits": {"a`b": 1}}, ForkRequest, "body.edits", "`body.edits.a`b` is not a known field."),
        ({"days": -1}, PruneRequest, "body.days", "`body.days` must be at least 0."),
        ({**KEY, "scopes": []}, CreateKey, "body.scopes", "`body.scopes` must have at least 1 item."),
        ({**KEY, "rate": "1" * 50}, CreateKey, "body.rate", "`body.rate` must have at most 40 characters."),
        (
            {**KEY, "name": "a b"},
            CreateKey,
            "body.name",
            "`body.name` is not valid: a name is 1 to 128 of [A-Za-z0-9._:@|+=~-].",
        ),
        (
            {"user_input": "a", "thread_id": 1},
            ProcessRequest,
            "body.thread_id",
            "`body.thread_id` must be a string or null, not an integer.",
        ),
        ({"user_input": "a", "background": 1}, ProcessRequest, "body.background", "`body.background` must be true or "
         "false, not an integer."),
        ({"user_input": "a", "multitask": "x"}, ProcessRequest, "body.multitask", "`body.multitask` cannot be 'x'."),
        ({"type": "jump"}, Command, "body.type", "`body.type` cannot be 'jump'."),
        ({}, Command, "body", "`body.type` is missing."),
    ],
)  # fmt: skip
def test_one_sentence_a_field(body: Any, model: Any, path: str, message: str) -> None:
    assert problems(body, model) == [(path, message)]


def test_all_wrong_fields_are_named_at_once() -> None:
    body = {"thread_id": 1, "agent": "a b", "context": [], "color": 1, "background": False}
    assert [path for path, _ in problems(body, ProcessRequest)] == [
        "body.thread_id",
        "body.agent",
        "body.context",
        "body",
        "body",
    ]
    assert problems(body, ProcessRequest)[3:] == [
        ("body", "`body.color` is not a known field."),
        ("body", "`body.user_input` is missing."),
    ]


def test_the_number_of_named_fields_is_limited() -> None:
    assert len(problems({str(number): 1 for number in range(1000)}, ProcessRequest)) == MOST_FIELDS


def test_a_whole_number_beside_a_wrong_field_is_no_problem() -> None:
    assert problems({"edits": 3, "at": 2.0}, ForkRequest) == [
        ("body.edits", "`body.edits` must be an object, not an integer.")
    ]


def test_text_of_the_caller_that_looks_like_a_path() -> None:
    assert problems({"at": 1, "x` - at `$.at": 1}, ForkRequest)[0][0].startswith("body")
