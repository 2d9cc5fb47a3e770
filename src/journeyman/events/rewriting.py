"""Replaces texts in an event: needed only for known secrets and for text that is not valid Unicode."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec


def rewritten(value: Any, change: Callable[[str], str], keep: frozenset[str] = frozenset()) -> Any:
    """Return the value with `change` applied to every free text.

    Fields with a fixed set of words (a role, a scope) are not free text. Fields named in `keep` stay as they are.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {rewritten(key, change): rewritten(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(rewritten(item, change, keep) for item in value)
    if isinstance(value, msgspec.Struct):
        return _struct(value, change, keep)
    return value


def _struct(value: msgspec.Struct, change: Callable[[str], str], keep: frozenset[str]) -> msgspec.Struct:
    changes = {}
    for name in _free_text_fields(type(value)):
        if name in keep:
            continue
        old = getattr(value, name)
        new = rewritten(old, change, keep)
        if new != old:
            changes[name] = new
    return msgspec.structs.replace(value, **changes) if changes else value


@cache
def _free_text_fields(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields that may hold free text."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    return tuple(field.name for field in info.fields if not _is_closed(field.type))


def _is_closed(kind: msgspec.inspect.Type) -> bool:
    """Return whether values of this type come from a fixed set of words."""
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return _is_closed(kind.item_type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_closed(one) for one in kind.types)
    return isinstance(kind, msgspec.inspect.LiteralType)
