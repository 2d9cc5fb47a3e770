"""Converts what a tool returned to the text that the model reads. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import re
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import valid_text
from journeyman.tools.tool_file import TextWithFiles, ToolFile, checked_files, has_files

CUT_NOTE = 100  # characters beyond the cap for the note that a text was cut

# Control characters except tab and line ends; direction marks, overrides and isolates; annotations; tags. Joiners are
# not removed: scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def plain_text(text: str) -> str:
    """Return valid Unicode without invisible characters, in which instructions to a model could be hidden."""
    text = valid_text(text)
    return _HIDDEN.sub("", text) if _HIDDEN.search(text) else text


def _as_json(value: Any) -> Any:
    """Return a value that JSON lacks as one that it has. Raises TypeError."""
    if hasattr(type(value), "model_dump"):  # a pydantic model
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    if type(value).__name__ == "Decimal":  # by its name, so that workers need not import decimal
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


# The standard encoder refuses NaN, bytes and cycles. msgspec's would write null and base64, and crash on cycles; to
# look for them in Python first would take longer than the 5 microseconds that msgspec saves.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_json).encode


def format_result(value: Any, cap: int) -> str:
    """Return a string as it is, any other value as compact JSON; without invisible characters, cut at `cap`.

    Raises:
        ToolExecutionError: `tool_bad_result`: not JSON (NaN, bytes, a cycle, nested too deep, an unknown type).
    """
    text = str.__str__(value) if isinstance(value, str) else _encoded(value)
    if len(text) > cap:
        text = f"{text[:cap]}\n[cut: {len(text) - cap} of {len(text)} characters are not shown]"
    return plain_text(text)


def formatted_result(value: Any, cap: int) -> str | TextWithFiles:
    """Return a tool's value as text, like `format_result`, with the files in it: it is one, or a list with some.

    Raises:
        ToolExecutionError: `tool_bad_result`: not JSON, or its files are too many or too large.
    """
    if type(value) is str or not (isinstance(value, TextWithFiles) or has_files(value)):
        return format_result(value, cap)
    if isinstance(value, TextWithFiles):
        return TextWithFiles(format_result(value.text, cap), checked_files(value.files))
    items = [value] if isinstance(value, ToolFile) else value
    files = checked_files(item for item in items if isinstance(item, ToolFile))
    texts = [item if isinstance(item, str) else _encoded(item) for item in items if not isinstance(item, ToolFile)]
    return TextWithFiles(format_result("\n".join(texts), cap), files)


def plain_json(value: Any) -> Any:
    """Return a copy of `value` as plain JSON data with valid text. Raises like `format_result`."""
    return json.loads(valid_text(_encoded(value)))


def _encoded(value: Any) -> str:
    try:
        return _encode(value)
    except RecursionError as exc:
        raise _bad("it is nested too deep") from exc
    except Exception as exc:
        raise _bad(str(exc)[:200]) from exc


def _bad(reason: str) -> ToolExecutionError:
    return ToolExecutionError(
        f"the tool gave something that is not JSON: {reason}", code="tool_bad_result", detail=reason
    )
