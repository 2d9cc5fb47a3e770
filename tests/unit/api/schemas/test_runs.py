"""The bodies of runs and threads: what they take, and the forms of ids."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from journeyman.api.schemas.runs import SCOPE, AnswerRequest, CreateThread, ForkRequest, ProcessRequest
from journeyman.ids import RESOURCE_NAME


@pytest.mark.parametrize(("pattern", "text"), [(RESOURCE_NAME, "run_1"), (SCOPE, "approve:any")])
def test_names_and_scopes_end_where_they_end(pattern: str, text: str) -> None:
    assert re.match(pattern, text)
    assert not re.match(pattern, f"{text}\n")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ProcessRequest, {"user_input": ""}),
        (ProcessRequest, {"user_input": "hi", "multitask": "other"}),
        (ProcessRequest, {"user_input": []}),
        (ProcessRequest, {"user_input": "hi", "more": 1}),
        (ForkRequest, {"at": 0}),
        (CreateThread, {"title": "x" * 501}),
        (AnswerRequest, {"approval": "a", "decision": "maybe"}),
    ],
)
def test_bodies_that_are_refused(kind: Any, body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, kind)


def test_a_message_is_a_text_or_parts() -> None:
    given = msgspec.convert(
        {"user_input": [{"type": "text", "text": "a"}, {"type": "image", "url": "u"}]}, ProcessRequest
    )
    assert [type(part).__name__ for part in given.user_input] == ["TextPart", "ImagePart"]
    assert (given.multitask, given.on_disconnect, given.background) == ("queue", "continue", False)
