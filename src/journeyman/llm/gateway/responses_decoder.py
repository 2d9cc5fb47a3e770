"""Reads a reply of the Responses API from the gateway's bytes, in any cut: as events, or as one document. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from journeyman.llm.client import ModelReply
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.deltas import ReplyDecoder
from journeyman.llm.gateway.errors import bad_gateway_reply, is_error, reported_error
from journeyman.llm.gateway.partial_response import PartialResponse
from journeyman.llm.gateway.response_events import event_decoder, response_decoder


class ResponsesDecoder(ReplyDecoder):
    """A decoder of one reply, used like the one of chat completions."""

    def __init__(self, tools: Collection[str] = (), *, streamed: bool = True) -> None:
        super().__init__(tools, streamed=streamed)
        self._response = PartialResponse(tools)
        self._pieces = self._response.shown.pieces

    def reply(self, headers: Mapping[str, str], *, model: str, attempts: int = 1) -> ModelReply:
        if self._document is not None:
            self._read_document(b"".join(self._document))
        elif not self.done:
            self._last_event()
            if not self.done:
                raise self._no_end()
        return self._response.complete(headers, model=model, attempts=attempts)

    def _read_document(self, document: bytes) -> None:
        try:
            response = json_text.read_json_text(document, response_decoder)
        except ValueError as exc:
            raise bad_gateway_reply(f"it is not a response ({exc})") from exc
        if response.get("error") or is_error(response):
            raise reported_error(response.get("error") or response)
        if not isinstance(response.get("output"), list) and not response.get("status"):
            raise bad_gateway_reply("it is not a response: it has no `output`")
        self._response.end(response)

    def _chunk(self, data: bytes) -> None:
        try:
            event = json_text.read_json_text(data, event_decoder)
        except ValueError as exc:
            self._chunks_by_line(data, exc)
            return
        if event.type is None and is_error(self._whole(data)):
            raise reported_error(self._whole(data))
        if event.type is None and event.status:
            self._response.end(self._whole(data))
        elif event.type == "error" and not event.error:
            raise reported_error(self._whole(data))
        else:
            self._response.add(event)
        self.done = self.done or self._response.ended

    @staticmethod
    def _whole(data: bytes) -> dict[str, object]:
        return json_text.read_json_text(data, response_decoder)
