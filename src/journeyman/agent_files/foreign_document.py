"""Reads another's document, such as an OpenAPI document: JSON or YAML of up to 32 MiB, in which keys may be numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from journeyman.agent_files.document import Document, SourceLocation, YamlPath
from journeyman.agent_files.file_text import UnreadableError, decode_text
from journeyman.agent_files.foreign_json import ESCAPE, JsonPlaces, parse_json
from journeyman.agent_files.foreign_yaml import ForeignYaml
from journeyman.errors import Problem

MAX_FOREIGN_BYTES = 32 * 1024 * 1024


class Places(Protocol):
    """What finds the keys and values of a document in its text."""

    def find(self, path: YamlPath, *, key: bool) -> SourceLocation | None:
        """Return the location of the value (or the key) at `path`; None if the document has no such part."""
        ...


@dataclass(frozen=True, kw_only=True)
class ForeignDocument(Document):
    """Data of another's document. Locations are looked for when they are asked for, since there may be a million."""

    places: Places

    def location(self, path: YamlPath, *, key: bool = False) -> SourceLocation | None:
        """Return the location of the value (or the key) at `path`, else of the nearest part around it."""
        found = (self.places.find(path[:end], key=key) for end in range(len(path), -1, -1))
        return next((location for location in found if location is not None), None)


def read_foreign(content: bytes, file: str, beginning: str) -> tuple[ForeignDocument | None, tuple[Problem, ...]]:
    """Return the document in `content`, and its problems. None: it could not be read. Raises nothing.

    `beginning`: what to do about an empty file.
    """
    problems: list[Problem] = []
    try:
        text = decode_text(content, file, MAX_FOREIGN_BYTES, beginning)
        if text.lstrip().startswith(("{", "[")):
            try:
                return ForeignDocument(data=parse_json(text), file=file, places=JsonPlaces(text)), ()
            except ValueError:
                pass  # read as YAML, it has its problems named
        reader = ForeignYaml(file, _with_joined_pairs(text), beginning, problems)
        reader.read()
    except UnreadableError as exc:
        return None, (*problems, exc.problem)
    return ForeignDocument(data=reader.places.root, file=file, places=reader.places), tuple(problems)


def _with_joined_pairs(text: str) -> str:
    """Return the text with a character for each surrogate pair of JSON escapes, which YAML does not know."""
    pieces: list[str] = []
    copied = 0
    for escape in ESCAPE.finditer(text) if "\\u" in text else ():
        if escape[1]:
            high, low = int(escape[1], 16), int(escape[2], 16)
            pieces += (text[copied : escape.start()], chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
            copied = escape.end()
    return "".join([*pieces, text[copied:]])
