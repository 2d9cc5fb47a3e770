"""Tells the tool calls of a reply apart while their pieces arrive, however the server marks them. Pure.

Servers number calls by `index`, by `id`, by both or by neither; some give every call index 0, some repeat a call when
it is complete, some begin with `{}` and send the arguments after it.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from journeyman.events.messages import JSON, ToolCall, valid_text
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.arguments import as_text, complete_arguments, is_complete, is_object
from journeyman.llm.gateway.errors import bad_gateway_reply
from journeyman.llm.gateway.opaque_fields import OpaqueFields
from journeyman.llm.gateway.tool_names import joined_name, known_name

MAX_CALLS = 1024
_MAX_CHECKS = 64  # of one call's open arguments; each reads all of them
_OF_CALL = frozenset(("id", "index", "function"))
_OF_FUNCTION = frozenset(("name", "arguments"))
_PLAIN_TYPES = (None, "", "function")


class CallPiece(msgspec.Struct):
    """What one entry of `tool_calls` says, with empty texts for what it leaves out."""

    index: int | None
    id: str
    name: str
    arguments: str
    fields: dict[str, JSON]
    function_fields: dict[str, JSON]


class PartialCalls:
    """The calls of a reply so far, in the order in which they began. `tools`: the names of the request's tools."""

    def __init__(self, tools: Collection[str] = ()) -> None:
        self._tools = tools
        self._calls: list[PartialCall] = []
        self._last: PartialCall | None = None  # that began; it may be one that is dropped
        self._by_id: dict[str, list[PartialCall]] = {}
        self._by_index: dict[int | None, PartialCall] = {}  # the last of each index
        self.dropped = 0  # calls beyond the most that are kept

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, entries: JSON, *, whole: bool = False) -> None:
        """Add the `tool_calls` of a delta; `whole`: those of a complete message, each of which is a call.

        Raises ServiceError if they are not calls.
        """
        if not whole and self._calls and self._is_rest(entries):
            return
        earlier = len(self._calls)
        used: set[PartialCall] = set()
        for entry in entries if isinstance(entries, list) else [entries]:
            if entry is not None:
                piece = _read_piece(entry)
                call = self._continued(piece, used, whole, earlier) or self._begin(piece)
                had_id = call.id
                call.add(piece, self._tools)
                if call.id and not had_id:
                    self._by_id.setdefault(call.id, []).append(call)
                used.add(call)

    def _is_rest(self, entries: JSON) -> bool:
        """Add a piece of the last call's arguments if it is the only one and says nothing else, as most do."""
        if type(entries) is not list or len(entries) != 1 or type(entry := entries[0]) is not dict or len(entry) != 2:
            return False
        function, last = entry.get("function"), self._last
        if last is None or type(function) is not dict or len(function) != 1 or entry.get("index", "") != last.index:
            return False
        arguments = function.get("arguments")
        if type(arguments) is not str or not arguments:
            return False
        last.add_arguments(arguments)
        return True

    def complete(self, *, ended_well: bool) -> list[ToolCall]:
        """Return the calls of a reply that has ended. Raises ServiceError if one says nothing that can be used."""
        return [call.complete(self._tools, ended_well) for call in self._calls if not call.is_blank]

    def _begin(self, piece: CallPiece) -> PartialCall:
        """Begin a call. One too many is read to its end like the others, and dropped."""
        call = self._last = self._by_index[piece.index] = PartialCall(piece.index)
        if len(self._calls) < MAX_CALLS:
            self._calls.append(call)
        else:
            self.dropped += 1
        return call

    def _continued(self, piece: CallPiece, used: set[PartialCall], whole: bool, earlier: int) -> PartialCall | None:
        """Return the call that the piece belongs to; None if it begins one. `used`: the calls of the same list."""
        if piece.id and (call := self._of_id(piece)) is not None:
            return None if _begins_again(call, piece, call in used, whole) else call
        if whole:
            return self._sent_before(piece, used, earlier)
        call = self._of_index(piece.index)
        if call is None:
            return self._last_if_nameless(piece)
        if not piece.name:
            return call
        if piece.id and call.id:
            return None
        return None if self._begins_by_name(call, piece, call in used) else call

    def _of_id(self, piece: CallPiece) -> PartialCall | None:
        same = self._by_id.get(piece.id, [])
        return next((call for call in same if call.index == piece.index), same[-1] if same else None)

    def _of_index(self, index: int | None) -> PartialCall | None:
        if index is None:
            return self._last
        return self._by_index.get(index)

    def _last_if_nameless(self, piece: CallPiece) -> PartialCall | None:
        """Return the last call if a piece with a new index can only be its rest: some servers count every piece."""
        last = self._last
        if last is None or piece.id or piece.name or not piece.arguments or is_object(last.arguments):
            return None
        return last

    def _sent_before(self, piece: CallPiece, used: set[PartialCall], earlier: int) -> PartialCall | None:
        """Return the call that an earlier complete message had under this name."""
        before = (call for call in self._calls[:earlier] if call not in used)
        return next((call for call in before if call.name == piece.name), None)

    def _begins_by_name(self, call: PartialCall, piece: CallPiece, used: bool) -> bool:
        """Return whether a piece with a name begins a call, where ids do not tell."""
        open_arguments = call.arguments
        if used and piece.arguments and is_object(open_arguments):
            return True
        if is_complete(open_arguments):
            return bool(piece.arguments) or piece.name != call.name
        return piece.name != call.name and piece.name in self._tools and call.name in self._tools


def _begins_again(call: PartialCall, piece: CallPiece, used: bool, whole: bool) -> bool:
    """Return whether a piece begins another call although a call has its id: some servers give an id twice."""
    if used and (whole or (is_object(call.arguments) and is_object(piece.arguments))):
        return True
    if whole or not piece.name or piece.index is None or call.index in (None, piece.index):
        return False
    return not piece.arguments or piece.arguments.lstrip().startswith("{")


class PartialCall:
    """One call while its pieces arrive."""

    __slots__ = ("_checks", "_fields", "_function_fields", "_pieces", "id", "index", "name")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = self.name = ""
        self._pieces: list[str] = []
        self._fields = OpaqueFields()
        self._function_fields = OpaqueFields()
        self._checks = 0

    @property
    def arguments(self) -> str:
        """The arguments so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing at all."""
        if self.name or self.id or self._pieces:
            return False
        return not (self._fields.joined() or self._function_fields.joined())

    def add(self, piece: CallPiece, tools: Collection[str]) -> None:
        """Add a piece of this call."""
        self.id = self.id or piece.id
        self.name = joined_name(self.name, piece.name, tools)
        if piece.arguments:
            self.add_arguments(piece.arguments)
        if piece.fields:
            self._fields.add_all(piece.fields)
        if piece.function_fields:
            self._function_fields.add_all(piece.function_fields)

    def add_arguments(self, arguments: str) -> None:
        """Add a piece of the arguments."""
        if self._starts_over(arguments):
            self._pieces.clear()
        self._pieces.append(arguments)

    def _starts_over(self, arguments: str) -> bool:
        """Return whether an object follows arguments that are complete: then it replaces them."""
        if not self._pieces or not arguments.lstrip().startswith("{"):
            return False
        if not self._pieces[-1].rstrip().endswith(("}", "null")) or self._checks >= _MAX_CHECKS:
            return False
        self._checks += 1
        return is_object(self.arguments) or self.arguments.strip() == "null"

    def complete(self, tools: Collection[str], ended_well: bool) -> ToolCall:
        """Return the call. Raises ServiceError if no name and no arguments came."""
        if not self.name and not self._pieces:
            raise bad_gateway_reply("a tool call names no function")
        extra = self._fields.joined()
        if function_fields := self._function_fields.joined():
            extra = {**extra, "function": function_fields}
        arguments = complete_arguments(self.arguments, ended_well=ended_well)
        name = known_name(self.name, tools)
        return ToolCall(self.id, name, arguments, extra=json_text.storable(extra) if extra else {})


def _read_piece(entry: JSON) -> CallPiece:
    if not isinstance(entry, dict):
        raise bad_gateway_reply("its tool_calls are not a list of calls")
    function = entry.get("function")
    if function is not None and not isinstance(function, dict):
        raise bad_gateway_reply("a tool call names no function")
    index, call_id = entry.get("index"), entry.get("id")
    said = {key: value for key, value in entry.items() if key in _OF_FUNCTION} if function is None else function
    known = _OF_CALL | _OF_FUNCTION if function is None else _OF_CALL
    name = said.get("name")
    return CallPiece(
        index=index if isinstance(index, int) else None,
        id=call_id if isinstance(call_id, str) else "",
        name=name if isinstance(name, str) else "",
        arguments=as_text(said.get("arguments")),
        fields={
            key: value
            for key, value in entry.items()
            if key not in known and not (key == "type" and value in _PLAIN_TYPES)
        },
        function_fields={key: value for key, value in said.items() if key not in _OF_FUNCTION},
    )


def distinct(calls: list[ToolCall]) -> tuple[ToolCall, ...]:
    """Return the calls with valid texts and with ids that are distinct and not empty, the same for the same calls."""
    used: set[str] = set()
    made: list[ToolCall] = []
    for number, call in enumerate(calls, 1):
        wanted = valid_text(call.id) or f"call_{number}"
        call_id, copies = wanted, 1
        while call_id in used:
            copies += 1
            call_id = f"{wanted}_{copies}"  # letters, digits, _ and -: all that some providers accept
        used.add(call_id)
        made.append(ToolCall(call_id, valid_text(call.name), valid_text(call.arguments), extra=call.extra))
    return tuple(made)
