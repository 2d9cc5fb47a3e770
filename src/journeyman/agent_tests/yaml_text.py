"""Writes plain data as readable YAML, which `agent_files.yaml_reader` reads back unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from journeyman.agent_files.scalars import resolve_plain
from journeyman.events.messages import JSON

WIDTH = 110
MAX_KEY = 250  # characters; the limit of YAML is 1,024 bytes
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_text(value: JSON, indent: int = 0) -> str:
    """Return the value as lines in block style; a list or mapping that fits on one line is written on one.

    Raises:
        ValueError: A key is longer than 250 characters.
    """
    pad = " " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_key(key)}:{_below(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_item(item, indent)}" for item in value)
    return f"{pad}{_inline(value)}\n"


def _below(value: JSON, indent: int) -> str:
    """Return what follows `key:`."""
    if isinstance(value, str) and _is_block(value):
        return _block(value, indent + 2)
    one_line = _inline(value)
    if not isinstance(value, dict | list) or not value or (indent + len(one_line) < WIDTH and not _has_block(value)):
        return f" {one_line}\n"
    return "\n" + yaml_text(value, indent + 2)


def _item(value: JSON, indent: int) -> str:
    """Return what follows a dash; a mapping begins on the same line."""
    below = _below(value, indent)
    if below.startswith("\n") and isinstance(value, dict):
        return " " + below[1:].removeprefix(" " * (indent + 2))
    return below


def _inline(value: JSON) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, str):
        return _scalar(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    assert isinstance(value, int | float), value
    return repr(value)


def _key(key: str) -> str:
    if len(key) > MAX_KEY:
        raise ValueError(f"the key {key[:40]!r}… is too long for YAML")
    return _scalar(key)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and isinstance(resolve_plain(text), str):
        return text
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_block(text: str) -> bool:
    """Return whether the text has several lines that a literal block can contain unchanged."""
    lines = text.split("\n")
    if len(lines) < 2 or lines[0] == "" or lines[0][0] == " " or text.endswith("\n\n"):
        return False
    return all(line.isprintable() for line in lines)


def _has_block(value: JSON) -> bool:
    return any(isinstance(text, str) and _is_block(text) for text in _texts(value))


def _texts(value: JSON) -> Iterator[JSON]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    else:
        yield value


def _block(text: str, indent: int) -> str:
    mark = "|" if text.endswith("\n") else "|-"
    lines = text.removesuffix("\n").split("\n")
    return f" {mark}\n" + "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in lines)
