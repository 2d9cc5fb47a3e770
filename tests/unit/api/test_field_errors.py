"""What a caller reads about wrong fields of a body: one sentence each, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.api.field_errors import MOST_FIELDS
from journeyman.api.json_body import convert
from journeyman.api.problems import RequestError
from journeyman.api.schemas.keys import CreateKey, PruneRequest
from journeyman.api.schemas.runs import AddMessage, ForkRequest, ProcessRequest, ResumeRequest
from journeyman.api.websocket_messages import Command

COMMANDS = "use one of `start`, `cancel`, `resume`, `input`, `subscribe`."
FIELDS = "`user_input`, `thread_id`, `agent`, `context`, `multitask`, `on_disconnect`, `background`"
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
        ({"at": 1, "edits": {"a`b": 1}}, ForkRequest, "body.edits", "`body.edits.a`b` is not a known field: "
         "the fields are `messages`, `context`, `prompt`, `version`."),
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
        ({"user_input": "a", "multitask": "x"}, ProcessRequest, "body.multitask", "`body.multitask` cannot be 'x': "
         "use one of `queue`, `reject`, `interrupt`."),
        ({"type": "jump"}, Command, "body.type", f"`body.type` cannot be 'jump': {COMMANDS}"),
        ({}, Command, "body", f"`body.type` is missing: {COMMANDS}"),
        ({"type": 5}, Command, "body.type", f"`body.type` must be a string, not an integer: {COMMANDS}"),
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
        ("body", f"`body.color` is not a known field: the fields are {FIELDS}."),
        ("body", "`body.user_input` is missing."),
    ]


def test_all_missing_fields_are_named_at_once() -> None:
    assert problems({}, CreateKey) == [("body", "`body.name` is missing."), ("body", "`body.scopes` is missing.")]


def test_all_wrong_fields_inside_of_lists_and_objects_are_named_at_once() -> None:
    body = {
        "answers": [
            {"approval": "a b", "decision": "yes"},
            {"approval": "a", "decision": "deny", "why": "no"},
            7,
        ]
    }
    assert [path for path, _ in problems(body, ResumeRequest)] == [
        "body.answers[0].approval",
        "body.answers[0].decision",
        "body.answers[1]",
        "body.answers[2]",
    ]
    assert problems(body, ResumeRequest)[1][1] == (
        "`body.answers[0].decision` cannot be 'yes': use one of `approve`, `deny`, `retry`, `done`, `fail`."
    )
    edits = {"at": 0, "edits": {"messages": [{"content": "a", "replace": 0, "role": "robot"}], "prompt": 1}}
    assert [path for path, _ in problems(edits, ForkRequest)] == [
        "body.at",
        "body.edits.messages[0].replace",
        "body.edits.messages[0].role",
        "body.edits.prompt",
    ]


def test_the_kinds_of_a_part_are_listed() -> None:
    path, message = problems({"content": [{"type": "video", "url": "x"}]}, AddMessage)[0]
    assert (path, message) == (
        "body.content[0].type",
        "`body.content[0].type` cannot be 'video': use one of `text`, `image`, `file`.",
    )
    assert problems({"content": [{"type": "text"}]}, AddMessage) == [
        ("body.content[0]", "`body.content[0].text` is missing.")
    ]


def test_every_wrong_item_of_a_list_of_names_is_named() -> None:
    body = {"name": "a", "scopes": ["run", "fly", "read", 3]}
    assert [path for path, _ in problems(body, CreateKey)] == ["body.scopes[1]", "body.scopes[3]"]


def test_the_fields_of_a_websocket_command_are_listed_with_its_type() -> None:
    assert problems({"type": "cancel", "id": "c", "run": "r"}, Command) == [
        ("body", "`body.run` is not a known field: the fields are `id`, `run_id`, `type`."),
        ("body", "`body.run_id` is missing."),
    ]


def test_many_whole_numbers_beside_a_wrong_field_are_no_problem() -> None:
    messages = [{"content": "a", "replace": 1.0}] * 20
    assert problems({"at": "x", "edits": {"messages": messages}}, ForkRequest) == [
        ("body.at", "`body.at` must be an integer, not a string.")
    ]


def test_the_number_of_named_fields_is_limited() -> None:
    assert len(problems({str(number): 1 for number in range(1000)}, ProcessRequest)) == MOST_FIELDS


def test_a_whole_number_beside_a_wrong_field_is_no_problem() -> None:
    assert problems({"edits": 3, "at": 2.0}, ForkRequest) == [
        ("body.edits", "`body.edits` must be an object, not an integer.")
    ]


def test_text_of_the_caller_that_looks_like_a_path() -> None:
    assert problems({"at": 1, "x` - at `$.at": 1}, ForkRequest)[0][0].startswith("body")
