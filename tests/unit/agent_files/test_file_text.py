"""What is not plain text is refused before it is parsed."""

from __future__ import annotations

import pytest

from journeyman.agent_files.file_text import UnreadableError, decode_text, position_after


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"a: 1\n" * 100, "larger than 0 KiB", None),
        ("a: 1".encode("utf-16"), "UTF-16", 1),
        (b"a: 1\nb: \xff", "byte 0xff is not UTF-8", 2),
        (b"a: 1\n\x1b[0m", "the control character U+001B is not text", 2),
        (b"# note\n%YAML 1.2\n---\na: 1", "YAML directives", 2),
        (b" \n", "the file is empty", 1),
    ],
)
def test_what_is_not_plain_text_is_a_problem(content: bytes, message: str, line: int | None) -> None:
    with pytest.raises(UnreadableError) as error:
        decode_text(content, "agent.yaml", 200, "begin with `type`")
    assert message in error.value.problem.message
    assert error.value.problem.line == line


def test_text_is_returned_without_its_byte_order_mark() -> None:
    assert decode_text("\ufeffa: ü\n%b".encode(), "agent.yaml", 200, "") == "a: ü\n%b"


def test_the_position_after_a_text() -> None:
    assert (position_after("ab"), position_after("a\nbc")) == ((1, 3), (2, 3))
