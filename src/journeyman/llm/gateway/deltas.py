"""Decodes a streamed reply: bytes of server-sent events in, the text as it arrives and the whole reply at the end."""

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
_GROWING_FIELDS = frozenset(("text", "thinking", "summary", "signature", "data"))
_NO_STREAM = (b"<", b"{", b"[")  # the start of a web page or a JSON document
_COMMON_FIELDS = frozenset(("role", "content"))


class _Choice(msgspec.Struct):
    delta: dict[str, JSON] | None = None
    finish_reason: JSON = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None


_decoder = msgspec.json.Decoder(_Chunk)


class ReplyDecoder:
    """A decoder of one streamed reply: pass it the bytes with `feed`, then call `reply`."""

    def __init__(self) -> None:
        self.done = False  # [DONE] was read: nothing more will come
        self._partial_line = bytearray()  # the beginning of a line whose end has not arrived
        self._size = 0
        self._pieces: list[str] = []
        self._surrogate = ""  # the first half of a surrogate pair
        self._calls: list[_PartialCall] = []
        self._extra: dict[str, JSON] = {}
        self._finish_reason: JSON = None
        self._model: JSON = None
        self._usage: JSON = None
        self._head = b""

    def feed(self, data: bytes) -> str:
        """Add the next bytes and return the text in them, as valid Unicode.

        Raises:
            ServiceError: The stream is too large, invalid, or reports an error.
        """
        self._head = self._head or data[:64].lstrip()
        self._size += len(data)
        if self._size > MAX_REPLY_BYTES:
            raise bad_gateway_reply(f"it is larger than {MAX_REPLY_BYTES} bytes")
        if b"\n" not in data and b"\r" not in data:
            self._partial_line += data
            return ""
        if self._partial_line:
            data = bytes(self._partial_line) + data
            self._partial_line.clear()
        lines = data.splitlines(keepends=True)
        if not lines[-1].endswith((b"\n", b"\r")):
            self._partial_line += lines.pop()
        before = len(self._pieces)
        for line in lines:
            self._decode_line(line)
        new = self._pieces[before:]
        return new[0] if len(new) == 1 else "".join(new)

    def reply(self, headers: Mapping[str, str], *, model: str, attempts: int = 1) -> ModelReply:
        """Return the complete reply at the end of the stream.

        Raises:
            ServiceError: The stream ended before the reply was complete, or was no stream of events.
        """
        self._finish_line()
        if self._surrogate:
            self._pieces.append(valid_text(self._surrogate))
            self._surrogate = ""
        if not self.done and self._finish_reason is None:
            raise (
                bad_gateway_reply("it is not a stream of events") if self._head.startswith(_NO_STREAM) else cut_stream()
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

    def _finish_line(self) -> None:
        rest = bytes(self._partial_line)
        self._partial_line.clear()
        try:
            self._decode_line(rest)
        except ServiceError as exc:
            if exc.code == "gateway_bad_reply" and rest.startswith(b"data:"):
                raise cut_stream() from exc
            raise

    def _decode_line(self, line: bytes) -> None:
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
            self._add_chunk(chunk)

    def _add_chunk(self, chunk: _Chunk) -> None:
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
                self._add_text(content if isinstance(content, str) else content_text(content))
            if not content or len(delta) > 1:
                self._add_other_fields(delta)

    def _add_text(self, text: str) -> None:
        text = self._surrogate + text
        self._surrogate = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._surrogate, text = text[-1], text[:-1]
        if text := valid_text(text):
            self._pieces.append(text)

    def _add_other_fields(self, delta: dict[str, JSON]) -> None:
        for key, value in delta.items():
            if value is None or key in _COMMON_FIELDS or key == "function_call":
                continue
            if key == "refusal":
                self._add_text(content_text(value))
            elif key == "tool_calls":
                self._add_call_fragments(value)
            elif value not in ("", [], {}, False):
                self._extra[key] = _merged(self._extra.get(key), value)

    def _add_call_fragments(self, fragments: JSON) -> None:
        if not isinstance(fragments, list):
            raise bad_gateway_reply("its tool_calls are not a list of calls")
        for fragment in fragments:
            if not isinstance(fragment, dict):
                raise bad_gateway_reply("its tool_calls are not a list of calls")
            self._find_call(fragment).add(call_of(fragment.get("id"), fragment.get("function") or {}))

    def _find_call(self, fragment: dict[str, JSON]) -> _PartialCall:
        index, call_id = fragment.get("index"), fragment.get("id")
        for call in reversed(self._calls):
            # some servers give every call the index 0 and distinguish them by id, some give no index at all
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
    """Merge two pieces of an opaque field: texts and lists are joined, objects merged, other values replaced."""
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
        index = next((i for i, block in enumerate(blocks) if _is_same_block(block, item)), None)
        if index is None:
            blocks.append(item)
        else:
            blocks[index] = _merged_block(blocks[index], item)
    return blocks


def _is_same_block(block: JSON, item: JSON) -> bool:
    """Return whether a piece continues a block of reasoning: it has its index, or the block has no signature yet."""
    if not isinstance(block, dict) or not isinstance(item, dict) or block.get("type") != item.get("type"):
        return False
    if "index" in item or "index" in block:
        return bool(block.get("index") == item.get("index"))
    return item.get("type") == "thinking" and not block.get("signature")


def _merged_block(block: dict[str, JSON], item: dict[str, JSON]) -> dict[str, JSON]:
    merged = dict(block)
    for key, value in item.items():
        if key in _GROWING_FIELDS and isinstance(value, str) and isinstance(merged.get(key), str):
            merged[key] += value
        elif value is not None:
            merged[key] = value
    return merged
