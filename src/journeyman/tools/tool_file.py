"""Files that tools return beside their text. Light: worker processes load this."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from journeyman.errors import ToolExecutionError

MOST_FILES = 16  # of one result
MOST_BYTES = 10_000_000  # of all files of one result


class ToolFile(msgspec.Struct, frozen=True):
    """A picture or a file that a tool returns, alone or in a list with texts. Its bytes say what it is."""

    data: bytes
    name: str = ""


class TextWithFiles(msgspec.Struct, frozen=True):
    """A result that has files: the text that a model reads, and the files in their order."""

    text: str
    files: tuple[ToolFile, ...]


def has_files(value: Any) -> bool:
    """Return whether a tool's value is a file, or a list with files."""
    return isinstance(value, ToolFile) or (
        isinstance(value, list | tuple) and any(isinstance(item, ToolFile) for item in value)
    )


def checked_files(files: Iterable[Any]) -> tuple[ToolFile, ...]:
    """Return the files of a result. Raises ToolExecutionError (`tool_bad_result`) if they are too many or too large."""
    checked = tuple(files)
    if not all(isinstance(file.data, bytes) and isinstance(file.name, str) for file in checked):
        raise _bad("a ToolFile needs bytes and a text as its name")
    if len(checked) > MOST_FILES:
        raise _bad(f"it has {len(checked)} files, and {MOST_FILES} are the most")
    if (size := sum(len(file.data) for file in checked)) > MOST_BYTES:
        raise _bad(f"its files have {size} bytes, and {MOST_BYTES} are the most")
    return checked


def _bad(reason: str) -> ToolExecutionError:
    return ToolExecutionError(f"the result cannot be kept: {reason}", code="tool_bad_result", detail=reason)
