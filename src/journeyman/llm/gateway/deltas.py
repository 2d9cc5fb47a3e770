"""Reads a reply from the gateway's bytes, in any cut: as events, or as one JSON document. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from journeyman.egress.sse import SseEvent, SseReader
from journeyman.errors import ServiceError
from journeyman.events.messages import JSON
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.chunks import any_decoder, chunk_decoder
from journeyman.llm.gateway.errors import (
    bad_gateway_reply,
    cut_stream,
    is_complaint,
    is_error,
    reported_complaint,
    reported_error,
)
from journeyman.llm.gateway.partial_reply import PartialReply

MAX_REPLY_BYTES = 32 << 20
_BOM = b"\xef\xbb\xbf"
_DOCUMENT = (b"{", b"[")
_EVENTS = (b"data", b"event", b"id", b"retry", b":")
_HEAD = 64
_ENVELOPE = 256  # bytes of an event that nothing is kept of
_decode = chunk_decoder.decode


class ReplyDecoder:
    """A decoder of one reply: pass it the body's bytes with `feed`, then call `reply`.

    The first bytes show whether the body is a stream of events or a JSON document. The request and the content type do
    not: some servers always stream, some never do. `tools`: the names of the request's tools; `streamed`: whether a
    stream was requested.
    """

    def __init__(self, tools: Collection[str] = (), *, streamed: bool = True) -> None:
        self.done = False  # [DONE] was read: nothing more will come
        self.shown = False  # text was returned
        self.held = 0  # bytes that are kept of the body, about
        self._streamed = streamed
        self._start = b""  # bytes that do not tell yet what the body is
        self._head = b""
        self._size = 0
        self._document: list[bytes] | None = None
        self._reader = SseReader(MAX_REPLY_BYTES)
        self._without_choices = b""  # the last chunk that is not a part of a reply: it may be an error
        self._reply = PartialReply(tools)
        self._pieces = self._reply.first.text.pieces

    def feed(self, data: bytes) -> str:
        """Add the next bytes and return the text in them, as valid Unicode.

        Raises:
            ServiceError: The body is too large, invalid, or reports an error.
        """
        self._size += len(data)
        if self._size > MAX_REPLY_BYTES:
            raise bad_gateway_reply(f"it is larger than {MAX_REPLY_BYTES} bytes")
        if not self._head:
            data = self._begin(data)
        if self._document is not None:
            self._document.append(data)
            self.held = self._size
            return ""
        before = len(self._pieces)
        events = self._reader.feed(data)
        if (kept := len(data) - _ENVELOPE * len(events)) > 0:
            self.held += kept
        for event in events:
            chunk = event.data
            if chunk and not self.done:
                if chunk.startswith(b"{") and event.event != "error":
                    self._chunk(chunk)
                else:
                    self._event(event)
        new = self._pieces[before:]
        if not new:
            return ""
        self.shown = True
        return new[0] if len(new) == 1 else "".join(new)

    def reply(self, headers: Mapping[str, str], *, model: str, attempts: int = 1) -> ModelReply:
        """Return the reply after the last byte. `model` is used if the gateway names none.

        Raises:
            ServiceError: The reply was cut off, is invalid, or reports an error.
        """
        if self._document is not None:
            self._read_document(_without_done(b"".join(self._document)))
        else:
            self._last_event()
            if not self._reply.ended and self._without_choices:
                raise_complaint(self._without_choices)
            if not self.done and not self._reply.ended:
                raise self._no_end()
        if self._reply.is_blank:
            raise bad_gateway_reply("it has no choices")
        return self._reply.complete(headers, model=model, attempts=attempts)

    def _begin(self, data: bytes) -> bytes:
        """Tell what the body is. Returns the bytes to read; empty until it can be told."""
        start = self._start = self._start + data
        if _BOM.startswith(start) or not (head := start.removeprefix(_BOM).lstrip()):
            return b""
        self._head = head[:_HEAD]
        if head.startswith(_DOCUMENT):
            self._document = []
            return head
        return start

    def _no_end(self) -> ServiceError:
        if not self._streamed and not self._head.startswith(_EVENTS):
            return bad_gateway_reply("it is not a chat completion")
        return bad_gateway_reply("it is not a stream of events") if self._head.startswith(b"<") else cut_stream()

    def _read_document(self, document: bytes) -> None:
        try:
            chunk = json_text.read_json_text(document, chunk_decoder)
        except ValueError as exc:
            raise_reported(document)
            raise bad_gateway_reply(f"it is not a chat completion ({exc})") from exc
        if chunk.error:
            raise_reported(document)
        if not chunk.choices:
            raise_complaint(document)
        self._reply.add(chunk, whole=True)

    def _last_event(self) -> None:
        in_line, event = self._reader.in_line, self._reader.finish()
        if event is None or not event.data or self.done:
            return
        try:
            self._event(event)
        except ServiceError as exc:
            if in_line and exc.code == "gateway_bad_reply":
                raise cut_stream() from exc
            raise

    def _event(self, event: SseEvent) -> None:
        data = (event.data or b"").strip()
        if event.event == "error":
            raise reported_error(_json_or_text(data))
        if data.strip(b'"').upper() == b"[DONE]":
            self.done = True
        elif data and data != b"null":
            self._chunk(data)

    def _chunk(self, data: bytes) -> None:
        try:
            chunk = _decode(data)
        except (ValueError, RecursionError):
            try:
                chunk = json_text.read_json_text(data, chunk_decoder)
            except ValueError as exc:
                self._chunks_by_line(data, exc)
                return
        if chunk.choices is None or chunk.error:
            raise_reported(data)
        if not chunk.choices:
            self._without_choices = data
        self._reply.add(chunk)

    def _chunks_by_line(self, data: bytes, error: ValueError) -> None:
        """Read each line as an event: some servers leave out the blank lines between events."""
        lines = data.split(b"\n")
        if len(lines) == 1:
            raise_reported(data)
            raise bad_gateway_reply(f"a chunk of its stream is not one ({error})") from error
        for line in lines:
            if not self.done:
                self._event(SseEvent(line))


def decode_reply(
    body: bytes, headers: Mapping[str, str], tools: Collection[str] = (), *, model: str, attempts: int = 1
) -> ModelReply:
    """Return the reply in a complete body, as `ReplyDecoder` reads it. Raises ServiceError if it cannot be used."""
    decoder = ReplyDecoder(tools, streamed=False)
    decoder.feed(body)
    return decoder.reply(headers, model=model, attempts=attempts)


def _without_done(document: bytes) -> bytes:
    """Return a complete reply without `data: [DONE]` at its end: some servers end it like a stream."""
    body = document.rstrip()
    return body[:-6].rstrip().removesuffix(b"data:") if body.endswith(b"[DONE]") else body


def raise_reported(data: bytes) -> None:
    """Raise the error that stands where a chunk should be: `{"object": "error"}` and the like."""
    said = _json_or_text(data)
    if is_error(said):
        raise reported_error(said)


def raise_complaint(data: bytes) -> None:
    """Raise the error that is all there is of a reply: also one without `error`, such as `{"detail": "…"}`."""
    said = _json_or_text(data)
    if is_error(said):
        raise reported_error(said)
    if is_complaint(said):
        raise reported_complaint(said)


def _json_or_text(data: bytes) -> JSON:
    try:
        return json_text.read_json_text(data, any_decoder)
    except ValueError:
        return data.decode(errors="replace")
