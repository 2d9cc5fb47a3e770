"""Files in what a tool returns are found, checked and kept apart from its text."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.results import formatted_result
from journeyman.tools.tool_file import MOST_BYTES, MOST_FILES, TextWithFiles, ToolFile, has_files

FILE = ToolFile(b"x", "a.txt")


@pytest.mark.parametrize(
    ("value", "text", "files"),
    [
        (FILE, "", (FILE,)),
        ([FILE], "", (FILE,)),
        (["The chart:", FILE, {"n": 1}], 'The chart:\n{"n":1}', (FILE,)),
        (("a", FILE, "b", FILE), "a\nb", (FILE, FILE)),
        (TextWithFiles("a\x07b", (FILE,)), "ab", (FILE,)),
    ],
)
def test_files_are_taken_out_of_a_result(value: Any, text: str, files: tuple[ToolFile, ...]) -> None:
    assert formatted_result(value, 1000) == TextWithFiles(text, files)


@pytest.mark.parametrize("value", ["text", ["a", 1], {"file": 1}, None, 3, []])
def test_a_result_without_files_is_text_as_before(value: Any) -> None:
    assert not has_files(value)
    assert isinstance(formatted_result(value, 1000), str)


def test_the_text_beside_files_is_cut_too() -> None:
    result = formatted_result(["x" * 50, FILE], 10)
    assert isinstance(result, TextWithFiles)
    assert result.text.startswith("xxxxxxxxxx\n[cut: 40 of 50")


@pytest.mark.parametrize(
    ("value", "kept", "note"),
    [
        ([FILE] * (MOST_FILES + 1), MOST_FILES, "[a file of 1 bytes is left out: a result keeps 16 files"),
        ([ToolFile(b"x" * (MOST_BYTES + 1)), FILE], 1, "[a file of 10000001 bytes is left out"),
        ([FILE, ToolFile("text")], 1, "[a file is left out: its data are not bytes"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_kept_is_left_out_and_named(value: Any, kept: int, note: str) -> None:
    result = formatted_result(value, 1000)
    assert isinstance(result, TextWithFiles)
    assert len(result.files) == kept
    assert result.text.strip().startswith(note)


def test_a_file_inside_of_other_data_is_named_by_its_size() -> None:
    assert formatted_result({"deep": FILE}, 1000) == '{"deep":{"data":"<bytes, 1 bytes>","name":"a.txt"}}'
