"""Files that tools return beside their text. Light: worker processes load this."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

MOST_FILES = 16  # of one result
MOST_BYTES = 10_000_000  # of all files of one result
NOTES_CUT = 2000  # characters that the notes of files that were left out take at most


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


def kept_files(files: Iterable[Any]) -> tuple[tuple[ToolFile, ...], list[str]]:
    """Return the files of a result that can be kept, and a note for each that cannot.

    The tool has returned, so a file that is too large, or one too many, must not make its call read like a failure.
    """
    kept: list[ToolFile] = []
    notes: list[str] = []
    room = MOST_BYTES
    for file in files:
        if not isinstance(file.data, bytes) or not isinstance(file.name, str):
            notes.append("[a file is left out: its data are not bytes, or its name is not text]")
        elif len(kept) == MOST_FILES or len(file.data) > room:
            limits = f"a result keeps {MOST_FILES} files and {MOST_BYTES} bytes of them"
            notes.append(f"[a file of {len(file.data)} bytes is left out: {limits}]")
        else:
            kept.append(file)
            room -= len(file.data)
    return tuple(kept), notes[:MOST_FILES]
