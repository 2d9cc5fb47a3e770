from __future__ import annotations

import pytest

from journeyman.agent_files.foreign_document import MAX_FOREIGN_BYTES, read_foreign
from tests.harness.large_openapi import large_json, large_openapi, large_yaml


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfea", "the file is UTF-16"),
        (b"a: \xff", "byte 0xff is not UTF-8"),
        (b"a: \x07", "the control character U+0007 is not text"),
        (b" " * (MAX_FOREIGN_BYTES + 1), "the file is larger than 32768 KiB"),
        (b'{"a": 1,\n "a": 2}', "the key 'a' is given twice, first in line 1"),
        (b'{"a": 1', "not valid YAML: did not find expected ',' or '}'"),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, message: str) -> None:
    _, problems = read_foreign(content, "api.json", "begin with `openapi: 3.1.0`")
    assert [problem.message for problem in problems] == [message]


@pytest.mark.parametrize("text", ['\ufeff{"a": "\\ud83d\\ude00"}', 'a: "\\ud83d\\ude00"', "a: \U0001f600"])
def test_characters_beyond_the_first_plane(text: str) -> None:
    document, problems = read_foreign(text.encode(), "f", "")
    assert not problems
    assert document is not None
    assert document.data == {"a": "\U0001f600"}


def test_both_kinds_give_one_document() -> None:
    source = large_openapi(2, operations=12)
    for text in (large_json(source), large_yaml(source)):
        document, problems = read_foreign(text.encode(), "f", "")
        assert not problems
        assert document is not None
        assert document.data == source
        location = document.location(("paths", "/orgs/{org}/things7/{id}", "get"), key=True)
        assert location is not None
        assert text.splitlines()[location.line - 1][location.column - 1 :].startswith(("get:", '"get":'))
