"""Tells the output items of a streamed response apart while their pieces arrive. Pure.

OpenAI numbers items by `output_index` and gives each an id. GitHub Copilot gives each event another id, the bridge of
LiteLLM gives several items one index, some servers announce no item, and some do not say that it is complete.
"""

from __future__ import annotations

from typing import Any

from journeyman.events.messages import JSON
from journeyman.llm.gateway.errors import bad_gateway_reply
from journeyman.llm.gateway.output_items import CALL, item_text
from journeyman.llm.gateway.response_events import ResponseEvent

Item = dict[str, Any]
_MAX_ITEMS = 1024
_MAX_PARTS = 4096  # of one item
_REQUIRED: dict[str, Item] = {"reasoning": {"summary": []}, "message": {"role": "assistant"}}
_NOTHING: tuple[JSON, ...] = (None, "", [])


class PartialItems:
    """The items so far, in the order in which they began."""

    def __init__(self) -> None:
        self._items: list[PartialItem] = []

    def of(self, event: ResponseEvent, kind: str) -> PartialItem:
        """Return the item of this type that a piece belongs to. It begins here if it was not announced."""
        last = self._items[-1] if self._items else None
        if last is not None and last.kind == kind and event.item_id and last.fields.get("id") == event.item_id:
            return last  # as for most pieces
        return self._found(event.item_id, event.output_index, kind) or self._begin(kind, event)

    def announce(self, event: ResponseEvent, item: Item) -> None:
        """Begin an item, or add what is known of one that has begun."""
        known = self._of_id(item.get("id"), str(item.get("type")))
        if known is None or known.is_done:
            known = self._begin(str(item.get("type")), event)
        known.fields.update(item)

    def complete(self, event: ResponseEvent, item: Item) -> None:
        """Add an item that is complete."""
        kind = str(item.get("type"))
        known = self._of_id(item.get("id"), kind) or self._open(event.output_index, item)
        (known or self._begin(kind, event)).complete(item)

    def joined(self, final: list[Item]) -> list[Item]:
        """Return the items of the response, given those that its last event has, which may be none."""
        streamed = [item.joined() for item in self._ordered()]
        if not streamed or not final:
            return final or streamed
        ids = {item["id"] for item in final if isinstance(item.get("id"), str)}
        whole: list[Item] = []
        for item in final:
            twin = _twin(item, streamed, ids)
            if twin is not None:
                streamed.pop(twin[0])
            whole.append(item if twin is None else _filled(item, twin[1]))
        return whole + streamed

    def _ordered(self) -> list[PartialItem]:
        indexes = [item.index for item in self._items]
        if None in indexes or len(set(indexes)) != len(indexes):
            return self._items
        return sorted(self._items, key=lambda item: item.index or 0)

    def _begin(self, kind: str, event: ResponseEvent) -> PartialItem:
        if len(self._items) >= _MAX_ITEMS:
            raise bad_gateway_reply(f"it has more than {_MAX_ITEMS} output items")
        index = event.output_index if isinstance(event.output_index, int) else None
        item = PartialItem(kind, index)
        if isinstance(event.item_id, str) and event.item_id:
            item.fields["id"] = event.item_id
        self._items.append(item)
        return item

    def _found(self, item_id: JSON, index: JSON, kind: str) -> PartialItem | None:
        return self._of_id(item_id, kind) or next(
            (
                item
                for item in reversed(self._items)
                if item.kind == kind and (item.index in (index, None) or not isinstance(index, int))
            ),
            None,
        )

    def _of_id(self, item_id: JSON, kind: str) -> PartialItem | None:
        if not item_id:
            return None
        same = (item for item in reversed(self._items) if item.kind == kind and item.fields.get("id") == item_id)
        return next(same, None)

    def _open(self, index: JSON, item: Item) -> PartialItem | None:
        """Return the item that a complete one with another id is: the open one of its index, or of its call."""
        opened = [one for one in self._items if not one.is_done and one.kind == item.get("type")]
        call_id = item.get("call_id")
        calls = [one for one in opened if call_id and one.fields.get("call_id") == call_id]
        fitting = calls or [one for one in opened if one.index in (index, None) or not isinstance(index, int)]
        return fitting[0] if fitting else None


class PartialItem:
    """One item while its pieces arrive. `index`: its number, if the server gives one."""

    __slots__ = ("_arguments", "_parts", "_texts", "fields", "index", "is_done", "kind")

    def __init__(self, kind: str, index: int | None) -> None:
        self.kind = kind
        self.index = index
        self.fields: Item = {"type": kind}
        self.is_done = False
        self._arguments: list[str] = []
        self._parts: dict[str, dict[int, Item]] = {}  # by the name of the list, then by number
        self._texts: dict[tuple[str, int], list[str]] = {}

    def add_text(self, where: str, number: JSON, kind: str, text: str) -> None:
        """Add a piece of the text of a part, which is number `number` of the list `where`."""
        place = number if isinstance(number, int) else 0
        self._part(where, place, kind)
        self._texts.setdefault((where, place), []).append(text)

    def set_text(self, where: str, number: JSON, kind: str, text: str) -> None:
        """Replace the text of a part by the complete one."""
        place = number if isinstance(number, int) else 0
        self._part(where, place, kind)
        self._texts[where, place] = [text]

    def set_part(self, where: str, number: JSON, part: Item) -> None:
        """Add what is known of a part. Its text is kept if the part has none."""
        place = number if isinstance(number, int) else 0
        kind = str(part.get("type"))
        key = text_key(kind)
        self._part(where, place, kind).update({name: value for name, value in part.items() if name != key})
        if isinstance(text := part.get(key), str) and text:
            self._texts[where, place] = [text]

    def add_arguments(self, arguments: str) -> None:
        """Add a piece of the arguments of a call."""
        self._arguments.append(arguments)

    def set_arguments(self, arguments: JSON) -> None:
        """Replace the arguments of a call by the complete ones."""
        self.fields["arguments"] = arguments

    def complete(self, item: Item) -> None:
        """Replace what is known by the complete item. What it leaves out is kept."""
        self.fields = _filled(item, self._known())
        self.is_done = True

    def joined(self) -> Item:
        """Return the item as far as it has come, with the fields that an item of its type must have."""
        if self.is_done:
            return self.fields
        return {**_REQUIRED.get(self.kind, {}), **self._known()}

    def _known(self) -> Item:
        fields = dict(self.fields)
        if self._arguments and fields.get("arguments") in _NOTHING:
            fields["arguments"] = "".join(self._arguments)
        for where in self._parts:
            if fields.get(where) in _NOTHING:
                fields[where] = self._joined_parts(where)
        return fields

    def _joined_parts(self, where: str) -> list[JSON]:
        parts = self._parts[where]
        return [self._joined_part(parts[place], where, place) for place in sorted(parts)]

    def _joined_part(self, part: Item, where: str, place: int) -> Item:
        key = text_key(str(part["type"]))
        return {**part, key: "".join(self._texts.get((where, place), ()))}

    def _part(self, where: str, place: int, kind: str) -> Item:
        parts = self._parts.setdefault(where, {})
        if place not in parts:
            if len(parts) >= _MAX_PARTS:
                raise bad_gateway_reply(f"an item has more than {_MAX_PARTS} parts")
            parts[place] = {"type": kind, "annotations": []} if kind == "output_text" else {"type": kind}
        return parts[place]


def text_key(kind: str) -> str:
    """Return the key of the text in a part of this type."""
    return "refusal" if kind == "refusal" else "text"


def _twin(item: Item, streamed: list[Item], ids: set[str]) -> tuple[int, Item] | None:
    """Return the streamed form of an item of the last event, with its place: that of its id, its call, or its type."""
    same = [(place, one) for place, one in enumerate(streamed) if one.get("type") == item.get("type")]
    for key in ("id", "call_id"):
        found = [(place, one) for place, one in same if item.get(key) and one.get(key) == item[key]]
        if found:
            return found[0]
    return next(((place, one) for place, one in same if one.get("id") not in ids), None)


def _filled(item: Item, earlier: Item) -> Item:
    """Return an item with what only its earlier form has."""
    filled = {**earlier, **{key: value for key, value in item.items() if value not in _NOTHING or key not in earlier}}
    if item.get("type") == "message" and not item_text(item) and item_text(earlier):
        filled["content"] = earlier["content"]
    if item.get("type") == CALL and filled.get("arguments") == "{}":
        filled["arguments"] = earlier.get("arguments") or "{}"
    return filled
