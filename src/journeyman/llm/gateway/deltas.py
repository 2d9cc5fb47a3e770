"""A streamed reply, folded: server-sent bytes in any cut -> text as it comes, and the same reply at the end. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from journeyman.errors import ServiceError
from journeyman.events.messages import JSON, ToolCall, valid_text
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.errors import bad_gateway_reply, cut_stream, reported_error
from journeyman.llm.gateway.wire import MAX_REPLY_BYTES, call_of, content_text, model_reply, usage_of

_MAX_CALLS = 1024
_FRAGMENTS = frozenset(("text", "thinking", "summary", "signature", "data"))
_NO_EVENT = (b"<", b"{", b"[")  # a page or a document where a stream should be
_PLAIN = frozenset(("role", "content"))


class _Choice(msgspec.Struct):
    delta: dict[str, JSON] | None = None
    finish_reason: JSON = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None


_decoder = msgspec.json.Decoder(_Chunk)


class ReplyFold:
    """Feed it the stream's bytes, then ask for the reply. Raises ServiceError at the first thing that cannot be."""

    def __init__(self) -> None:
        self.done = False  # [DONE] was read: nothing more will come
        self._rest = bytearray()  # a line that has no end yet
        self._size = 0
        self._pieces: list[str] = []
        self._held = ""  # the first half of a surrogate pair
        self._calls: list[_PartialCall] = []
        self._extra: dict[str, JSON] = {}
        self._finish_reason: JSON = None
        self._model: JSON = None
        self._usage: JSON = None
        self._head = b""

    def feed(self, data: bytes) -> str:
        """Take the next bytes; returns the text that they brought, valid and ready to show."""
        self._head = self._head or data[:64].lstrip()
        self._size += len(data)
        if self._size > MAX_REPLY_BYTES:
            raise bad_gateway_reply(f"it is larger than {MAX_REPLY_BYTES} bytes")
        if b"\n" not in data and b"\r" not in data:
            self._rest += data
            return ""
        if self._rest:
            data = bytes(self._rest) + data
            self._rest.clear()
        lines = data.splitlines(keepends=True)
        if not lines[-1].endswith((b"\n", b"\r")):
            self._rest += lines.pop()
        before = len(self._pieces)
        for line in lines:
            self._line(line)
        new = self._pieces[before:]
        return new[0] if len(new) == 1 else "".join(new)

    def reply(self, headers: Mapping[str, str], *, model: str, attempts: int = 1) -> ModelReply:
        """The complete reply, once the stream has ended; raises ServiceError if it was cut."""
        self._last_line()
        if self._held:
            self._pieces.append(valid_text(self._held))
            self._held = ""
        if not self.done and self._finish_reason is None:
            raise (
                bad_gateway_reply("it is not a stream of events") if self._head.startswith(_NO_EVENT) else cut_stream()
            )
        if self._finish_reason is None and not self._pieces and not self._calls:
            raise bad_gateway_reply("it has no choices")
        return model_reply(
            text="".join(self._pieces),
            calls=[call.complete() for call in self._calls],
            extra=self._extra,
            finish_reason=self._finish_reason,
            model=self._model or model,
            usage=usage_of(self._usage, headers),
            attempts=attempts,
        )

    def _last_line(self) -> None:
        rest = bytes(self._rest)
        self._rest.clear()
        try:
            self._line(rest)
        except ServiceError as exc:
            if exc.code == "gateway_bad_reply" and rest.startswith(b"data:"):
                raise cut_stream() from exc
            raise

    def _line(self, line: bytes) -> None:
        if self.done or not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self.done = True
        elif data:
            try:
                chunk = json_text.read_json_text(data, _decoder)
            except ValueError as exc:
                raise bad_gateway_reply(f"a chunk of its stream is not one ({exc})") from exc
            self._chunk(chunk)

    def _chunk(self, chunk: _Chunk) -> None:
        if chunk.error:
            raise reported_error(chunk.error)
        if chunk.model and not self._model:
            self._model = chunk.model
        if chunk.usage:
            self._usage = chunk.usage
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
        delta = choice.delta
        if delta:
            content = delta.get("content")
            if content:
                self._text(content if isinstance(content, str) else content_text(content))
            if not content or len(delta) > 1:
                self._rarer(delta)

    def _text(self, text: str) -> None:
        text = self._held + text
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held, text = text[-1], text[:-1]
        if text := valid_text(text):
            self._pieces.append(text)

    def _rarer(self, delta: dict[str, JSON]) -> None:
        for key, value in delta.items():
            if value is None or key in _PLAIN or key == "function_call":
                continue
            if key == "refusal":
                self._text(content_text(value))
            elif key == "tool_calls":
                self._call_fragments(value)
            elif value not in ("", [], {}, False):
                self._extra[key] = _merged(self._extra.get(key), value)

    def _call_fragments(self, fragments: JSON) -> None:
        if not isinstance(fragments, list):
            raise bad_gateway_reply("its tool_calls are not a list of calls")
        for fragment in fragments:
            if not isinstance(fragment, dict):
                raise bad_gateway_reply("its tool_calls are not a list of calls")
            self._call_for(fragment).add(call_of(fragment.get("id"), fragment.get("function") or {}))

    def _call_for(self, fragment: dict[str, JSON]) -> _PartialCall:
        index, call_id = fragment.get("index"), fragment.get("id")
        for call in reversed(self._calls):
            # some servers give every call index 0 and tell them apart by id, some give no index at all
            if (index is None or call.index == index) and (not call_id or call.id in ("", call_id)):
                return call
        if len(self._calls) >= _MAX_CALLS:
            raise bad_gateway_reply(f"it has more than {_MAX_CALLS} tool calls")
        call = _PartialCall(index)
        self._calls.append(call)
        return call


class _PartialCall:
    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: JSON) -> None:
        self.index = index
        self.id = self.name = ""
        self.arguments: list[str] = []

    def add(self, fragment: ToolCall) -> None:
        self.id = self.id or fragment.id
        self.name = self.name or fragment.name
        self.arguments.append(fragment.arguments)

    def complete(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments))


def _merged(old: JSON, new: JSON) -> JSON:
    """Two pieces of an opaque field: texts and lists grow, objects are merged, anything else is replaced."""
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, list) and isinstance(new, list):
        return _extended(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items() if value is not None}
    return new if new is not None else old


def _extended(old: list[JSON], new: list[JSON]) -> list[JSON]:
    blocks = list(old)
    for item in new:
        place = next((i for i, block in enumerate(blocks) if _same_block(block, item)), None)
        if place is None:
            blocks.append(item)
        else:
            blocks[place] = _merged_block(blocks[place], item)
    return blocks


def _same_block(block: JSON, item: JSON) -> bool:
    """Pieces of one block of reasoning carry one index, or are unsigned text before the signature that ends it."""
    if not isinstance(block, dict) or not isinstance(item, dict) or block.get("type") != item.get("type"):
        return False
    if "index" in item or "index" in block:
        return bool(block.get("index") == item.get("index"))
    return item.get("type") == "thinking" and not block.get("signature")


def _merged_block(block: dict[str, JSON], item: dict[str, JSON]) -> dict[str, JSON]:
    merged = dict(block)
    for key, value in item.items():
        if key in _FRAGMENTS and isinstance(value, str) and isinstance(merged.get(key), str):
            merged[key] += value
        elif value is not None:
            merged[key] = value
    return merged
