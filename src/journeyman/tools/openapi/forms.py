"""Writes the body of a call as a form: `application/x-www-form-urlencoded` or `multipart/form-data`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.value_text import json_text, parameter_text, quoted, unusable_argument

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MAX_LEVELS = 32  # of values within one another in a field of the style deepObject

FormStyle = Literal["", "form", "spaceDelimited", "pipeDelimited", "deepObject"]
_SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_NAME = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # as browsers write the name of a part


class FieldEncoding(msgspec.Struct, frozen=True, kw_only=True):
    """How a field of a form is written. Without a style, its content type decides; without either, its value."""

    style: FormStyle = ""
    explode: bool = True
    content_type: str = ""
    is_file: bool = False  # of multipart/form-data: it is sent with a file name


class FormBody(NamedTuple):
    """A body, and the content type that names it."""

    content: bytes
    content_type: str


class _Part(NamedTuple):
    name: str
    content: bytes
    content_type: str
    is_file: bool


_DEFAULT = FieldEncoding()


def encode_form(media: str, fields: Mapping[str, FieldEncoding], value: JSON) -> FormBody:
    """Return a mapping of fields as a form of the kind `media`. A field that is null is left out.

    Raises ToolValidationError (`invalid_arguments`).
    """
    if not isinstance(value, dict):
        raise unusable_argument("body: a form must be an object")
    given = [(name, item, fields.get(name, _DEFAULT)) for name, item in value.items() if item is not None]
    if media == MULTIPART:
        return _multipart([part for each in given for part in _parts(*each)])
    pairs = [pair for each in given for pair in _pairs(*each)]
    return FormBody("&".join(f"{quoted(name)}={quoted(text)}" for name, text in pairs).encode(), URLENCODED)


def _pairs(name: str, value: JSON, encoding: FieldEncoding) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of a field."""
    if encoding.style == "deepObject":
        yield from _deep(name, value, 0)
    elif encoding.style:
        yield from _styled(name, value, encoding)
    elif _is_json(encoding.content_type):
        yield name, json_text(value)
    elif isinstance(value, list):
        yield from ((name, parameter_text(item)) for item in value)
    else:
        yield name, parameter_text(value)


def _styled(name: str, value: JSON, encoding: FieldEncoding) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a field in the style `form`, `spaceDelimited` or `pipeDelimited`."""
    if isinstance(value, dict) and encoding.explode:
        yield from ((key, parameter_text(item)) for key, item in value.items())
    elif isinstance(value, list) and encoding.explode:
        yield from ((name, parameter_text(item)) for item in value)
    elif isinstance(value, (dict, list)):
        parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
        if parts:
            yield name, _SEPARATORS[encoding.style].join(map(parameter_text, parts))
    else:
        yield name, parameter_text(value)


def _deep(name: str, value: JSON, level: int) -> Iterator[tuple[str, str]]:
    """Yield `name[key]` for each value in a mapping and `name[0]` for each in a list, at any depth."""
    if level > MAX_LEVELS:
        raise unusable_argument(f"body: a field has more than {MAX_LEVELS} levels")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield name, parameter_text(value)
        return
    for key, item in items:
        if item is not None:
            yield from _deep(f"{name}[{key}]", item, level + 1)


def _parts(name: str, value: JSON, encoding: FieldEncoding) -> Iterator[_Part]:
    """Yield the parts of a field: one for each item of a list."""
    if encoding.style:
        yield from (_part(key, text, "", False) for key, text in _pairs(name, value, encoding))
    elif isinstance(value, list) and not _is_json(encoding.content_type):
        yield from (_item(name, item, encoding) for item in value)
    else:
        yield _item(name, value, encoding)


def _item(name: str, value: JSON, encoding: FieldEncoding) -> _Part:
    kind = encoding.content_type
    if not kind:
        kind = "application/octet-stream" if encoding.is_file else ""
        kind = "application/json" if isinstance(value, (dict, list)) else kind
    return _part(name, json_text(value) if _is_json(kind) else parameter_text(value), kind, encoding.is_file)


def _part(name: str, text: str, content_type: str, is_file: bool) -> _Part:
    return _Part(name, text.encode(errors="replace"), content_type, is_file)


def _multipart(parts: list[_Part]) -> FormBody:
    boundary = _boundary(parts)
    pieces = [
        piece for part in parts for piece in (f"--{boundary}\r\n{_head(part)}\r\n".encode(), part.content, b"\r\n")
    ]
    return FormBody(b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"{MULTIPART}; boundary={boundary}")


def _head(part: _Part) -> str:
    name = part.name.encode(errors="replace").decode().translate(_NAME)
    file_name = f'; filename="{name}"' if part.is_file else ""
    kind = f"Content-Type: {part.content_type}\r\n" if part.content_type else ""
    return f'Content-Disposition: form-data; name="{name}"{file_name}\r\n{kind}'


def _boundary(parts: list[_Part]) -> str:
    """Return a boundary that no part contains. It is the same for the same parts, so that every attempt is alike."""
    seed = hashlib.sha256()
    for part in parts:
        seed.update(b"%d:" % len(part.content) + part.content)
    while True:
        boundary = f"form-{seed.hexdigest()[:40]}"
        if not any(boundary.encode() in part.content for part in parts):
            return boundary
        seed.update(b"again")


def _is_json(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower().endswith(("/json", "+json"))
