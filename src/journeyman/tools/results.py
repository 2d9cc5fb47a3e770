"""Converts what a tool returned to the text that the model reads. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import valid_text
from journeyman.tools.returned_values import as_json, plain_value

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


# The standard encoder refuses NaN, bytes and cycles. msgspec's would write null and base64, and crash on cycles; to
# look for them in Python first would take longer than the 5 microseconds that msgspec saves.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_json).encode


def format_result(value: Any, cap: int) -> str:
    """Return a string as it is, any other value as compact JSON; without invisible characters, cut at `cap`.

    What JSON lacks is replaced: the tool has returned, so nothing about its value may read like a failure.
    """
    text = _text(value)
    if len(text) > cap:
        text = f"{text[:cap]}\n[cut: {len(text) - cap} of {len(text)} characters are not shown]"
    return plain_text(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    try:
        return _encode(value)
    except BaseException:  # noqa: BLE001 - encoding runs the tool's code, which may raise anything
        return _encode(plain_value(value))


def plain_json(value: Any) -> Any:
    """Return a copy of `value` as plain JSON data with valid text.

    Raises:
        ToolExecutionError: `tool_bad_result`: not JSON (NaN, bytes, a cycle, nested too deep, an unknown type).
    """
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
