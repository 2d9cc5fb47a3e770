"""The text of a YAML or JSON file: plain UTF-8 within a size, without control characters and directives."""

from __future__ import annotations

import re

from journeyman.agent_files.document import SourceLocation
from journeyman.errors import Problem

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_CONTENT = re.compile(r"^[^\S\n]*[^\s#]", re.MULTILINE)  # a line that is neither blank nor a comment


class UnreadableError(Exception):
    """The file cannot be read further; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def decode_text(content: bytes, file: str, max_bytes: int, beginning: str) -> str:
    """Return the decoded text. `beginning`: what to do about an empty file.

    Raises UnreadableError if the file is too large, empty, or not plain UTF-8.
    """
    if len(content) > max_bytes:
        raise UnreadableError(
            Problem(f"the file is larger than {max_bytes // 1024} KiB", file, remedy="move long texts out of it")
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError(Problem("the file is UTF-16", file, 1, 1, "save it as UTF-8"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line, column = position_after(content[: exc.start].decode("utf-8", "replace"))
        raise UnreadableError(
            Problem(f"byte 0x{content[exc.start]:02x} is not UTF-8", file, line, column, "save the file as UTF-8")
        ) from exc
    _reject_control_characters(text, file)
    _reject_directives(text, file)
    if not text.strip():
        raise UnreadableError(Problem("the file is empty", file, 1, 1, beginning))
    return text


def position_after(text: str) -> SourceLocation:
    """Return the position that follows `text`, which is the beginning of a file."""
    return SourceLocation(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _reject_control_characters(text: str, file: str) -> None:
    bad = _CONTROL.search(text)
    if bad is not None:
        line, column = position_after(text[: bad.start()])
        name = "NUL" if bad[0] == "\0" else f"U+{ord(bad[0]):04X}"
        raise UnreadableError(Problem(f"the control character {name} is not text", file, line, column, "remove it"))


def _reject_directives(text: str, file: str) -> None:
    """Check that the first line which is neither blank nor a comment is no directive. Raises UnreadableError."""
    directive = _DIRECTIVE.search(text)
    if directive is not None and not _CONTENT.search(text, 0, directive.start()):
        line, _ = position_after(text[: directive.start()])
        raise UnreadableError(Problem("YAML directives (%…) are not allowed", file, line, 1, "remove the line"))
