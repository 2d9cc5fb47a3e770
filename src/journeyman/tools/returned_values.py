"""Makes JSON data of any value that a tool returned: what JSON lacks becomes a text that names it. Pure.

A tool that returned has done its work. Whatever it returned, its call must not read like one that failed.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

MASKED = "**********"  # as pydantic shows a SecretStr
MAX_DEPTH = 100  # the standard encoder and many parsers stop at 1000 or earlier
MAX_RANGE = 10_000  # numbers of a range that are listed
MAX_BITS = 10_000  # of an integer; Python refuses to write more than 4300 digits

_CONTAINERS = (list, tuple, set, frozenset, deque)


def as_json(value: Any) -> Any:
    """Return a value that JSON lacks as one that it has, or that is closer to it. Raises TypeError."""
    if hasattr(type(value), "model_dump"):  # a pydantic model
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, set | frozenset | deque):
        return list(value)
    if isinstance(value, range):
        return list(value) if is_short(value) else str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """Return a single value, not a collection, as `as_json` does. Raises TypeError."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return msgspec.to_builtins(value)  # an ISO 8601 duration
    if isinstance(value, UUID | PurePath):
        return str(value)
    if type(value).__name__ == "Decimal":  # by its name, so that workers need not import decimal
        return str(value)
    if hasattr(type(value), "get_secret_value"):  # pydantic's SecretStr and SecretBytes
        return MASKED
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a scalar of numpy
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


def is_short(numbers: range) -> bool:
    """Return whether a range may be listed. Its `len` fails beyond the size of a machine word."""
    return not numbers or abs(numbers[-1] - numbers[0]) // abs(numbers.step) < MAX_RANGE


def plain_value(value: Any, around: tuple[int, ...] = ()) -> Any:
    """Return JSON data for any value. NaN becomes null, and what JSON cannot express becomes `<type, N bytes>`.

    `around` holds the ids of the values that contain this one.
    """
    try:
        return _plain(value, around)
    except BaseException:  # noqa: BLE001 - converting runs the tool's code (properties, __iter__), which may raise anything
        return placeholder(value)


def _plain(value: Any, around: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain_value(value.value, (*around, id(value)))
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= MAX_BITS else placeholder(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if id(value) in around or len(around) >= MAX_DEPTH:
        return placeholder(value)
    inner = (*around, id(value))
    if isinstance(value, dict):
        return _object(value.items(), inner)
    if isinstance(value, _CONTAINERS):
        return [plain_value(item, inner) for item in value]
    return plain_value(as_json(value), inner)


def _object(items: Iterable[tuple[Any, Any]], around: tuple[int, ...]) -> dict[str, Any]:
    """Return an object with text as its keys. Keys of the same text are numbered, so that none hides another."""
    plain: dict[str, Any] = {}
    for key, value in items:
        name = text = _key(key, around)
        number = 1
        while name in plain:
            number += 1
            name = f"{text} ({number})"
        plain[name] = plain_value(value, around)
    return plain


def _key(key: Any, around: tuple[int, ...]) -> str:
    plain = plain_value(key, around)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def placeholder(value: Any) -> str:
    """Return `<type, N bytes>` for a value: its type and size say what it was, and none of its content is shown."""
    return f"<{type(value).__name__}, {_size(value)} bytes>"


def _size(value: Any) -> int:
    if isinstance(value, bytes | bytearray):
        return len(value)
    try:
        nbytes = getattr(value, "nbytes", None)  # of a memoryview or an array of numpy
        return nbytes if isinstance(nbytes, int) else sys.getsizeof(value)
    except BaseException:  # noqa: BLE001 - as in `plain_value`
        return 0
