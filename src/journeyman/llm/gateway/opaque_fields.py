"""Joins the pieces of fields that are kept for the provider and not read. Pure."""

from __future__ import annotations

from journeyman.events.messages import JSON

_JOINED = frozenset(("reasoning", "reasoning_content", "reasoning_text", "text", "thinking", "summary", "data"))
_GROWING = ("text", "thinking", "summary")  # a block with one of these may come in pieces that carry no index
_MAX_DEPTH = 32


class OpaqueFields:
    """The unknown fields of a message, a call or a function while their pieces arrive."""

    __slots__ = ("_fields", "_texts")

    def __init__(self) -> None:
        self._fields: dict[str, JSON] = {}
        self._texts: dict[str, list[str]] = {}  # long texts, joined once at the end

    def add(self, key: str, value: JSON) -> None:
        """Add a piece of a field."""
        texts = self._texts.get(key)
        if isinstance(value, str) and key in _JOINED and (texts is not None or self._fields.get(key) is None):
            if texts is None:
                self._texts[key] = texts = []
            texts.append(value)
        elif texts is None:
            self._fields[key] = merged(key, self._fields.get(key), value)
        elif value is not None:
            self._fields[key] = merged(key, "".join(self._texts.pop(key)), value)

    def add_all(self, fields: dict[str, JSON]) -> None:
        """Add a piece of each of these fields."""
        for key, value in fields.items():
            self.add(key, value)

    def joined(self) -> dict[str, JSON]:
        """Return the fields as far as they have come."""
        if not self._texts:
            return self._fields
        return {**self._fields, **{key: "".join(texts) for key, texts in self._texts.items()}}


def merged(key: str, old: JSON, new: JSON, depth: int = _MAX_DEPTH) -> JSON:
    """Return a field after another piece of it: texts that stream are joined, objects and lists are merged.

    Any other value replaces the one before. Null replaces nothing.
    """
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return old + new if key in _JOINED else new
    if depth and isinstance(old, dict) and isinstance(new, dict):
        return old | {name: merged(name, old.get(name), value, depth - 1) for name, value in new.items()}
    if depth and isinstance(old, list) and isinstance(new, list):
        return merged_list(old, new, depth - 1)
    return new


def merged_list(old: list[JSON], new: list[JSON], depth: int = _MAX_DEPTH) -> list[JSON]:
    """Return a list after another piece of it. A list that is sent whole again is kept once."""
    if new[: len(old)] == old and not any(map(_grows, new)):
        return new
    blocks = list(old)
    for item in new:
        place = _place_of(item, blocks)
        if place is None:
            blocks.append(item)
        else:
            blocks[place] = merged("", blocks[place], item, depth)
    return blocks


def _place_of(item: JSON, blocks: list[JSON]) -> int | None:
    """Return the place of the block that `item` continues: the one with its index, else the last; None if it begins."""
    if not isinstance(item, dict):
        return None
    if "index" in item:
        return next((place for place, block in enumerate(blocks) if _is_same(block, item)), None)
    if blocks and _is_same(blocks[-1], item) and _grows(item) and not blocks[-1].get("signature"):
        return len(blocks) - 1
    return None


def _is_same(block: JSON, item: dict[str, JSON]) -> bool:
    if not isinstance(block, dict) or block.get("index") != item.get("index"):
        return False
    return all(_agrees(block.get(key), item.get(key)) for key in ("type", "id"))


def _agrees(one: JSON, other: JSON) -> bool:
    """Return whether two values may belong to one block. A piece may leave out what an earlier one said."""
    return one is None or other is None or one == other


def _grows(item: JSON) -> bool:
    return isinstance(item, dict) and (any(key in item for key in _GROWING) or "signature" in item)
