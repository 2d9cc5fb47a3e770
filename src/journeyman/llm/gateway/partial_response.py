"""Builds one reply from the events of the Responses API. A complete response is the last event. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from journeyman.events.messages import JSON, Message, valid_text
from journeyman.llm.client import ModelReply
from journeyman.llm.finish_reasons import Ending, ending_of, stored_reason, worst_ending
from journeyman.llm.gateway.errors import bad_gateway_reply, reported_error
from journeyman.llm.gateway.output_items import CALL, reply_message
from journeyman.llm.gateway.partial_items import PartialItems
from journeyman.llm.gateway.partial_text import PartialText
from journeyman.llm.gateway.response_events import ResponseEvent
from journeyman.llm.gateway.usage import usage_of

_LAST = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
_WITHOUT_TEXT = frozenset(("reasoning", "message", CALL))  # types of items whose meaning is read
# of the pieces of an item: its type, the list in it, and the type of the part
_DELTAS = {
    "response.output_text.delta": ("message", "content", "output_text"),
    "response.refusal.delta": ("message", "content", "refusal"),
    "response.reasoning_text.delta": ("reasoning", "content", "reasoning_text"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary", "summary_text"),
}
_TEXTS = {
    "response.output_text.done": ("message", "content", "output_text"),
    "response.refusal.done": ("message", "content", "refusal"),
    "response.reasoning_text.done": ("reasoning", "content", "reasoning_text"),
    "response.reasoning_summary_text.done": ("reasoning", "summary", "summary_text"),
}
_PARTS = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}


class PartialResponse:
    """A reply while its events arrive. `tools`: the names of the request's tools."""

    def __init__(self, tools: Collection[str] = ()) -> None:
        self.shown = PartialText()
        self.ended = False  # the last event came
        self._tools = tools
        self._items = PartialItems()
        self._response: dict[str, Any] = {}
        self._ending: Ending | None = None

    def add(self, event: ResponseEvent) -> None:
        """Add an event. Raises ServiceError for an error that the gateway reports in it."""
        kind = event.type
        if event.error or kind == "error":
            raise reported_error(event.error or {"message": "the response failed"})
        if not isinstance(kind, str):
            return
        if (delta := _DELTAS.get(kind)) is not None:
            self._delta(event, *delta)
        elif (text := _TEXTS.get(kind)) is not None:
            self._text(event, *text)
        elif kind.startswith("response.output_item."):
            self._item(event, kind.endswith(".done"))
        elif kind.startswith("response.function_call_arguments."):
            self._arguments(event)
        elif (where := _PARTS.get(kind.rpartition(".")[0])) is not None:
            self._part(event, where)
        elif isinstance(event.response, dict):
            self._response.update(event.response)
            if kind in _LAST:
                self.end(event.response, kind.removeprefix("response."))

    def end(self, response: dict[str, Any], status: str = "") -> None:
        """Add the complete response. `status`: the one to use if it names none.

        Raises ServiceError if the response failed or is not complete.
        """
        self._response.update(response)
        self.ended = True
        status = str(response.get("status") or status).lower()
        if response.get("error") or status in ("failed", "cancelled"):
            raise reported_error(response.get("error") or {"message": f"the response has the status `{status}`"})
        if status in ("queued", "in_progress"):
            raise bad_gateway_reply(f"it has the status `{status}`; remove `background` from `model.extra`")
        if status == "completed":
            self._ending = "good"
        elif status:
            self._ending = _ending_of_incomplete(response.get("incomplete_details"))

    def complete(self, headers: Mapping[str, str], *, model: str, attempts: int) -> ModelReply:
        """Return the reply. `model` is used if the gateway names none. Raises ServiceError if it cannot be used."""
        output = self._response.get("output")
        final = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        items = self._items.joined(final)
        if not items and self._ending is None:
            raise bad_gateway_reply("it has no output")
        ending = self._ending_with(items)
        message = reply_message(items, self._tools, ended_well=ending == "good")
        _check_meaning(items, message)
        usage = self._response.get("usage")
        return ModelReply(
            message=message,
            model=valid_text(str(self._response.get("model") or model)),
            usage=usage_of(usage if isinstance(usage, dict) else {}, headers),
            finish_reason=stored_reason(
                ending, text=bool(message.text) and not message.text.isspace(), calls=bool(message.tool_calls)
            ),
            attempts=attempts,
        )

    def _delta(self, event: ResponseEvent, kind: str, where: str, part: str) -> None:
        if not isinstance(event.delta, str):
            return
        if kind == "message":
            self.shown.add(event.delta)
        number = event.summary_index if where == "summary" else event.content_index
        self._items.of(event, kind).add_text(where, number, part, event.delta)

    def _text(self, event: ResponseEvent, kind: str, where: str, part: str) -> None:
        text = event.refusal if part == "refusal" else event.text
        if isinstance(text, str) and text:
            number = event.summary_index if where == "summary" else event.content_index
            self._items.of(event, kind).set_text(where, number, part, text)

    def _item(self, event: ResponseEvent, done: bool) -> None:
        if not isinstance(event.item, dict):
            return
        if done:
            self._items.complete(event, event.item)
        else:
            self._items.announce(event, event.item)

    def _arguments(self, event: ResponseEvent) -> None:
        call = self._items.of(event, CALL)
        if isinstance(event.delta, str):
            call.add_arguments(event.delta)
        elif event.arguments:
            call.set_arguments(event.arguments)

    def _part(self, event: ResponseEvent, where: str) -> None:
        if isinstance(event.part, dict):
            kind = "reasoning" if event.part.get("type") in ("reasoning_text", "summary_text") else "message"
            number = event.summary_index if where == "summary" else event.content_index
            self._items.of(event, kind).set_part(where, number, event.part)

    def _ending_with(self, items: list[dict[str, Any]]) -> Ending:
        """Return how the response ended. A call that is not complete is cut off, whatever the response says."""
        endings: list[Ending] = [self._ending] if self._ending else []
        if any(item.get("type") == CALL and item.get("status") == "incomplete" for item in items):
            endings.append("cut")
        return worst_ending(endings)


def _ending_of_incomplete(details: JSON) -> Ending:
    """Return how a response ended that is not complete. A reason that is not known allows no calls."""
    ending = ending_of(details.get("reason") if isinstance(details, dict) else None)
    return ending if ending in ("filtered", "error") else "cut"


def _check_meaning(items: list[dict[str, Any]], message: Message) -> None:
    """Check that the meaning of the reply was read. Raises ServiceError if it has only what nothing here can read."""
    if message.content or message.tool_calls or not items:
        return
    if any(item.get("type") not in _WITHOUT_TEXT for item in items):
        raise bad_gateway_reply("its output has only items of unknown types")
    contents = (item.get("content") for item in items if item.get("type") == "message")
    if any(isinstance(content, list) and any(map(_is_unknown, content)) for content in contents):
        raise bad_gateway_reply("its content has only parts of unknown types")


def _is_unknown(part: JSON) -> bool:
    return not isinstance(part, dict) or part.get("type") not in ("output_text", "text", "refusal")
