"""The result of an MCP call as the text that a model reads."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.tools.mcp.content import MAX_BLOCKS, content_of
from journeyman.tools.mcp.failure_text import WITHHELD
from journeyman.tools.tool_file import MOST_BYTES, MOST_FILES, TextWithFiles, ToolFile


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


UNKNOWN = "[a part of a kind that is not known here]"
TRACE = 'Traceback (most recent call last):\n  File "/app/x.py", line 1, in f\nError: pg://app:hunter2@db'
IMAGE = {"type": "image", "mimeType": "image/png", "data": "AAAA"}


@pytest.mark.parametrize(
    ("result", "read"),
    [
        ({"content": [text("a"), text("b")]}, "a\nb"),
        ({"content": []}, ""),
        ({"content": [], "structuredContent": {"n": 1}}, '{"n":1}'),
        ({"content": [text("a")], "structuredContent": {"n": 1}}, "a"),
        ({"content": [{**IMAGE, "data": "?"}]}, "[image of type image/png, 0 bytes: not shown]"),
        ({"content": [{**IMAGE, "data": None}]}, "[image of type image/png, 0 bytes: not shown]"),
        ({"content": [{"type": "resource_link", "uri": "file:///a", "name": "a"}]}, "[resource a file:///a]"),
        ({"content": [{"type": "resource", "resource": {"uri": "u", "text": "t"}}]}, "[resource u]\nt"),
        ({"content": [{"type": "dance"}, 7]}, f"{UNKNOWN}\n{UNKNOWN}"),
        ({}, ""),
    ],
)
def test_what_a_model_reads(result: dict[str, Any], read: str) -> None:
    assert content_of(result) == read


def test_of_many_parts_the_rest_are_counted() -> None:
    read = content_of({"content": [text("x")] * (MAX_BLOCKS + 5)})
    assert isinstance(read, str)
    lines = read.splitlines()
    assert (len(lines), lines[-1]) == (MAX_BLOCKS + 1, "[5 more parts are not shown]")


def test_pictures_sounds_and_blobs_are_files() -> None:
    sound = {"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}
    blob = {
        "type": "resource",
        "resource": {"uri": "file:///x/a.pdf", "mimeType": "application/pdf", "blob": "JVBERg=="},
    }
    read = content_of({"content": [text("see"), IMAGE, sound, blob]})
    assert isinstance(read, TextWithFiles)
    assert read.files == (ToolFile(b"\0\0\0"), ToolFile(b"\0\0\0"), ToolFile(b"%PDF", "a.pdf"))
    assert read.text.splitlines() == [
        "see",
        "[image of type image/png, 3 bytes]",
        "[audio of type audio/wav, 3 bytes]",
        "[resource file:///x/a.pdf of type application/pdf, 4 bytes]",
    ]


def test_files_beyond_the_bounds_of_a_result_are_notes() -> None:
    read = content_of({"content": [IMAGE] * (MOST_FILES + 1)})
    assert isinstance(read, TextWithFiles)
    assert (len(read.files), read.text.count("not shown")) == (MOST_FILES, 1)
    huge = {**IMAGE, "data": "A" * (MOST_BYTES // 3 * 4 + 8)}
    assert "not shown" in str(content_of({"content": [huge]}))


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"isError": True, "content": [text("no such file")]}, "no such file"),
        ({"isError": True}, "did not say why"),
        ({"isError": True, "content": [text(f"no connection\n{TRACE}")]}, f"^{WITHHELD}$"),
        ({"isError": True, "content": [text("no connection to pg://app:hunter2@db/x")]}, r"to pg://\[secret\]@db/x"),
        ({"resultType": "input_required"}, "wants input from its user"),
        ({"resultType": "task"}, "a result of type 'task'"),
    ],
)
def test_a_call_that_failed(result: dict[str, Any], why: str) -> None:
    with pytest.raises(ToolExecutionError, match=why):
        content_of(result)
