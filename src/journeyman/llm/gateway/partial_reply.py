"""Builds one reply from its chunks. A complete reply is one chunk, so both forms give the same result. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from journeyman.events.messages import JSON, Message, TextPart, ToolCall, valid_text
from journeyman.llm.client import ModelReply
from journeyman.llm.finish_reasons import Ending, ending_of, stored_reason, worst_ending
from journeyman.llm.gateway import json_text
from journeyman.llm.gateway.chunks import Choice, Chunk
from journeyman.llm.gateway.errors import bad_gateway_reply, reported_error
from journeyman.llm.gateway.opaque_fields import OpaqueFields
from journeyman.llm.gateway.partial_calls import PartialCalls, distinct
from journeyman.llm.gateway.partial_text import PartialText
from journeyman.llm.gateway.usage import usage_of

_READ = frozenset(("role", "content", "refusal", "tool_calls", "function_call"))


class PartialReply:
    """A reply while its chunks arrive. `tools`: the names of the request's tools."""

    def __init__(self, tools: Collection[str] = ()) -> None:
        self.first = PartialChoice(tools)
        self._tools = tools
        self._others: dict[int, PartialChoice] = {}
        self._model: JSON = None
        self._usage: dict[str, JSON] = {}

    @property
    def ended(self) -> bool:
        """Whether a choice has said why it ended."""
        return self.first.ending is not None or any(choice.ending for choice in self._others.values())

    @property
    def is_blank(self) -> bool:
        """Whether nothing came: no text, no call and no finish reason."""
        return not self.ended and not any(choice.said_something for choice in (self.first, *self._others.values()))

    def add(self, chunk: Chunk, *, whole: bool = False) -> None:
        """Add a chunk; `whole`: a complete reply. Raises ServiceError for an error that the gateway wrote into it."""
        choices = chunk.choices
        if choices and len(choices) == 1 and self._model and not (chunk.error or chunk.usage or chunk.x_groq):
            choice = choices[0]
            if choice.delta and not (choice.index or choice.finish_reason or choice.error or choice.usage or whole):
                self.first.add_delta(choice.delta)  # most chunks are like this
                return
        if chunk.error:
            raise reported_error(chunk.error)
        if chunk.model and not self._model:
            self._model = chunk.model
        if chunk.usage:
            self._count(chunk.usage)
        if chunk.x_groq:
            self._count(chunk.x_groq.get("usage") if isinstance(chunk.x_groq, dict) else None)
        for place, choice in enumerate(choices or ()):
            if choice.usage:
                self._count(choice.usage)
            index = choice.index if isinstance(choice.index, int) else place
            (self.first if index == 0 else self._other(index)).add(choice, whole=whole)

    def complete(self, headers: Mapping[str, str], *, model: str, attempts: int) -> ModelReply:
        """Return the reply. `model` is used if the gateway names none. Raises ServiceError if it cannot be used."""
        speaking, calling = self._used()
        ending = worst_ending([choice.ending for choice in (speaking, *calling) if choice.ending])
        calls = [call for choice in calling for call in choice.calls(ended_well=ending == "good")]
        text = valid_text(speaking.text.complete())
        if not text and not calls and speaking.text.has_parts:
            raise bad_gateway_reply("its content has only parts of unknown types")
        message = Message(
            role="assistant",
            content=(TextPart(text),) if text else (),
            tool_calls=distinct(calls) if calls else (),
            dropped_calls=sum(choice.dropped_calls for choice in calling),
            extra=_storable([*calling, speaking] if self._others else [speaking]),
        )
        return ModelReply(
            message=message,
            model=valid_text(str(self._model or model)),
            usage=usage_of(self._usage, headers),
            finish_reason=stored_reason(ending, text=bool(text) and not text.isspace(), calls=bool(calls)),
            attempts=attempts,
        )

    def _used(self) -> tuple[PartialChoice, list[PartialChoice]]:
        """Return the choice whose text counts, and those whose calls count.

        The first choice counts. GitHub Copilot puts the calls of Claude into choices of their own: calls of other
        choices count where the first has none.
        """
        if not self._others:
            return self.first, [self.first]
        others = [self._others[index] for index in sorted(self._others)]
        speaking = next((choice for choice in (self.first, *others) if choice.said_something), self.first)
        calling = [self.first] if self.first.has_calls else [choice for choice in others if choice.has_calls]
        return speaking, calling

    def _other(self, index: int) -> PartialChoice:
        if index not in self._others:
            if len(self._others) >= 128:
                raise bad_gateway_reply("it has too many choices")
            self._others[index] = PartialChoice(self._tools)
        return self._others[index]

    def _count(self, usage: JSON) -> None:
        if isinstance(usage, dict):
            self._usage.update((key, value) for key, value in usage.items() if value is not None)


class PartialChoice:
    """One choice of a reply while its pieces arrive."""

    __slots__ = ("_calls", "_delta_calls", "_extra", "_legacy", "ending", "text")

    def __init__(self, tools: Collection[str]) -> None:
        self.text = PartialText()
        self.ending: Ending | None = None
        self._calls = PartialCalls(tools)
        self._legacy = PartialCalls(tools)  # function_call, which counts only where there are no tool_calls
        self._extra = OpaqueFields()
        self._delta_calls = False

    @property
    def has_calls(self) -> bool:
        """Whether it asks for a tool."""
        return bool(self._calls or self._legacy)

    @property
    def dropped_calls(self) -> int:
        """The number of its calls that were dropped, since they were too many."""
        return self._calls.dropped or self._legacy.dropped

    @property
    def said_something(self) -> bool:
        """Whether it has text, content of another kind, or calls."""
        return bool(self.text) or self.has_calls

    def add(self, choice: Choice, *, whole: bool = False) -> None:
        """Add a piece; `whole`: a choice of a complete reply, whose delta says nothing.

        Raises ServiceError for an error that the gateway wrote into it.
        """
        if choice.error:
            raise reported_error(choice.error)
        if choice.finish_reason:
            self._end(ending_of(choice.finish_reason))
        if choice.delta and not (whole and choice.message):
            self.add_delta(choice.delta)
        elif choice.message:
            self._message(choice.message)

    def add_delta(self, delta: dict[str, JSON]) -> None:
        """Add a delta."""
        content = delta.get("content")
        if content:
            self.text.add(content)
        if not content or len(delta) > 1:
            self._rarer(delta)

    def calls(self, *, ended_well: bool) -> list[ToolCall]:
        """Return its calls. Raises ServiceError if one of them says nothing that can be used."""
        return self._calls.complete(ended_well=ended_well) or self._legacy.complete(ended_well=ended_well)

    def extra(self) -> dict[str, JSON]:
        """Return the fields that are kept for the provider; under `content`, content that is not only text."""
        fields = self._extra.joined()
        if (parts := self.text.parts) is not None:
            fields = {**fields, "content": parts}
        return fields

    def _end(self, ending: Ending) -> None:
        if ending == "error":
            raise reported_error("the reply ended with the finish reason `error`")
        self.ending = ending if self.ending is None else worst_ending([ending, self.ending])

    def _rarer(self, delta: dict[str, JSON]) -> None:
        for key, value in delta.items():
            if key not in _READ:
                self._extra.add(key, value)
            elif not value:
                continue
            elif key == "refusal":
                self.text.add(value)
            elif key == "tool_calls":
                self._calls.add(value)
                self._delta_calls = True
            elif key == "function_call":
                self._legacy.add({"function": value})

    def _message(self, message: dict[str, JSON]) -> None:
        """Add a complete message. What deltas have said before is not said again."""
        for key in ("content", "refusal"):
            if value := message.get(key):
                self.text.add_whole(value)
        if not self._delta_calls and (calls := message.get("tool_calls")):
            self._calls.add(calls, whole=True)
        elif not self._delta_calls and (call := message.get("function_call")):
            self._legacy.add({"function": call}, whole=True)
        for key, value in message.items():
            if key not in _READ:
                self._extra.add(key, value)


def _storable(choices: list[PartialChoice]) -> dict[str, JSON]:
    """Return the fields that are kept for the provider; a later choice has the last word."""
    fields = {key: value for choice in choices for key, value in choice.extra().items()}
    storable: dict[str, JSON] = json_text.storable(fields) if fields else {}
    return storable
