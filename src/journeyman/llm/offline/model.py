"""A rule-based model for a first try: it needs no key and no network, is deterministic, and calls real tools."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from journeyman.clock import Clock
from journeyman.events.messages import JSON, Message, ToolCall, Usage, assistant
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta, ToolDefinition
from journeyman.llm.offline.arguments import Missing, TextArguments, arithmetic
from journeyman.llm.offline.asking import Asked, ask_for_arguments, asked_before, is_withdrawn, values_in_reply
from journeyman.llm.offline.known_names import known_names, spoken
from journeyman.llm.offline.schema_sample import smallest_value

_CONNECT = "To connect a real model, set LITELLM_GATEWAY_URL and DEFAULT_MODEL, then start again."
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PIECE = re.compile(r"\S+\s*|\s+")
_MIN_POINTS = 2.5
_STOP_WORDS = frozenset(
    """
    a all an and any are as at be by call can could did do does for from get give given hello here hey hi how i if in
    is it its me my need no not of on one or please return returned returns should show some tell thank thanks that
    the there this to tool use want was what which will with would you your
    """.split()  # noqa: SIM905 (a list of words reads best as words)
)
_RELATED = {
    "who": "user name",
    "clock": "time",
    "hour": "time",
    "late": "time",
    "far": "distance",
    "today": "date time",
    "day": "date time",
    "date": "time",
    "calculate": "calculator math",
    "compute": "calculator math",
    "sum": "calculator math",
    "plus": "calculator math",
    "times": "calculator math",
    "money": "refund",
    "find": "search",
    "look": "search lookup",
    "mail": "email",
}


class OfflineModel:
    """A model client that picks a tool by the user's words, takes its arguments from them and reports the result.

    With `clock` and `seconds_per_word` a streamed reply arrives at a readable pace.
    """

    def __init__(self, clock: Clock | None = None, seconds_per_word: float = 0.0) -> None:
        self._clock = clock
        self._seconds_per_word = seconds_per_word

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        message = _answer(request)
        if on_delta is not None:
            for piece in _PIECE.findall(message.text):
                on_delta(TextDelta(piece))
                await self._pause()
        usage = Usage(sum(_size(one) for one in request.messages) // 4, max(_size(message) // 4, 1))
        reason = "tool_calls" if message.tool_calls else "stop"
        return ModelReply(message=message, model="offline", usage=usage, finish_reason=reason)

    async def aclose(self) -> None:
        return None

    async def _pause(self) -> None:
        if self._clock is not None and self._seconds_per_word > 0:
            await self._clock.sleep(self._seconds_per_word)
        else:
            await asyncio.sleep(0)


def _size(message: Message) -> int:
    return len(message.text.encode()) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)


def _answer(request: ModelRequest) -> Message:
    text, results = _last_turn(request.messages)
    if not results and (message := _call_or_question(request, text)) is not None:
        return message
    if request.response_schema is not None:
        return assistant(_json(_typed_answer(request.response_schema, text)))
    if results:
        return assistant("\n".join(_result_sentence(result) for result in results))
    return assistant(_introduction(request.tools))


def _call_or_question(request: ModelRequest, text: str) -> Message | None:
    """Return the call of a tool, or the question for what it lacks. None: no tool fits."""
    tool, asked = _tool_and_texts(request, text)
    if tool is None:
        return None
    arguments, missing = TextArguments("\n".join(asked.texts)).find(tool.parameters)
    if _is_bare_reply(tool, asked, missing):
        _complete(arguments, missing, values_in_reply(text, missing))
    if missing and request.tool_choice not in (None, "auto"):  # the caller demands a call
        definitions: dict[str, Any] = {
            key: tool.parameters[key] for key in ("$defs", "definitions") if key in tool.parameters
        }
        _complete(arguments, missing, {path: smallest_value({**definitions, **missing[path]}) for path in missing})
    if missing and request.response_schema is not None:
        return None  # the answer has a schema that a question does not fit
    if missing:
        return assistant(ask_for_arguments(tool.name, missing))
    number = 1 + sum(len(message.tool_calls) for message in request.messages)
    return assistant("", ToolCall(f"call_offline_{number}", tool.name, _json(arguments)))


def _tool_and_texts(request: ModelRequest, text: str) -> tuple[ToolDefinition | None, Asked]:
    """Return the tool that the text asks for, or completes a call of, and the texts with its arguments."""
    chosen = _choose_tool(request, text)
    asked = asked_before(request.messages)
    if asked is None or is_withdrawn(text) or request.tool_choice not in (None, "auto"):
        return chosen, Asked("", (text,))
    if chosen is not None and chosen.name != asked.tool:
        return chosen, Asked("", (text,))
    return next((tool for tool in request.tools if tool.name == asked.tool), None), asked


def _is_bare_reply(tool: ToolDefinition, asked: Asked, missing: Missing) -> bool:
    """Return whether the last text replies to a question, and no argument was found by its words."""
    before = asked.texts[:-1]
    return bool(before) and TextArguments("\n".join(before)).find(tool.parameters)[1].keys() == missing.keys()


def _complete(arguments: dict[str, Any], missing: Missing, values: dict[tuple[str, ...], JSON]) -> None:
    """Put missing values in their places within the arguments."""
    for path, value in values.items():
        place = arguments
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        del missing[path]


def _last_turn(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """Return the last user message's text, and the tool results after it."""
    results: list[Message] = []
    for message in reversed(messages):
        if message.role == "user":
            return message.text, results[::-1]
        if message.role == "tool":
            results.append(message)
    return "", results[::-1]


def _typed_answer(schema: dict[str, Any], text: str) -> JSON:
    if schema.get("type") == "object" or "properties" in schema:
        return {**_object_or_empty(smallest_value(schema)), **_unconstrained(TextArguments(text).fill(schema), schema)}
    return smallest_value(schema)


def _object_or_empty(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}


def _unconstrained(found: dict[str, JSON], schema: dict[str, Any]) -> dict[str, JSON]:
    """Return the values of plain properties only, since a limit or pattern might forbid the others."""
    plain = {"type", "description", "title"}
    properties = schema.get("properties") or {}
    return {name: value for name, value in found.items() if set(properties.get(name) or {"$ref"}) <= plain}


def _introduction(tools: Sequence[ToolDefinition]) -> str:
    names = ", ".join(tool.name for tool in tools[:10])
    can = f" I can call these tools when your words name what they do: {names}." if names else ""
    return f"I am Journeyman's built-in offline model: I follow simple rules and understand little.{can} {_CONNECT}"


# --- choosing a tool


def _choose_tool(request: ModelRequest, text: str) -> ToolDefinition | None:
    choice = request.tool_choice
    if not request.tools or choice == "none":
        return None
    if choice not in (None, "auto", "required"):
        return next((tool for tool in request.tools if tool.name == choice), None)
    best = max(request.tools, key=lambda tool: _points(tool, text))  # the first of equals
    return best if choice == "required" or _points(best, text) >= _MIN_POINTS else None


def _points(tool: ToolDefinition, text: str) -> float:
    """Return how well a tool fits the text. A match in its name counts up to three times one elsewhere."""
    if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text, re.IGNORECASE):
        return 100.0
    words = _words(text)
    named = _words(_CAMEL.sub(" ", tool.name))
    points = sum(3.0 if word in words else 2.0 if _is_part_of_any(word, words) else -0.01 for word in named)
    points += sum(1.0 for word in _words(tool.description) - named if word in words)
    parameters = tool.parameters.get("properties") or {}
    points += sum(1.0 for word in _words(" ".join(parameters)) - named if word in words)
    points += min(sum(1.0 for name in _names_of(tool) if re.search(spoken(name), text, re.IGNORECASE)), 2.0)
    if "expression" in parameters:
        points += 10.0 if arithmetic(text) else -3.0
    return points


def _names_of(tool: ToolDefinition) -> set[str]:
    """Return the values that the tool's parameters name, such as cities."""
    parameters = (tool.parameters.get("properties") or {}).values()
    return {name for one in parameters if isinstance(one, dict) for name in known_names(one)}


def _words(text: str) -> set[str]:
    words = set(_WORD.findall(text.lower().replace("'s", "")))
    words |= {related for word in words if word in _RELATED for related in _RELATED[word].split()}
    return {_singular(word) for word in words - _STOP_WORDS}


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _is_part_of_any(name: str, words: set[str]) -> bool:
    """Return whether a word contains the name or is contained in it: `username` and `user`, `refund` and `refunded`."""
    return any(len(word) >= 4 and len(name) >= 4 and (word in name or name in word) for word in words)


# --- reporting a result


def _result_sentence(result: Message) -> str:
    name = result.name or "the tool"
    text = result.text.strip()
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        value = text
    error = _error(value)
    if error is not None:
        return f"I called {name}, but it did not work: {error}"
    said = _readable(value)
    return f"{name} says: {said}" if said else f"{name} is done; it returned nothing."


def _error(value: JSON) -> str | None:
    if isinstance(value, dict) and value.get("error"):
        error = value["error"]
        if isinstance(error, dict):
            error = error.get("message") or error.get("code") or error
        elif value.get("message"):
            error = value["message"]
        return _readable(error)
    if isinstance(value, str) and (match := re.match(r"(?:tool )?error\b\W*", value, re.IGNORECASE)):
        return value[match.end() :] or "it gave no reason"
    return None


def _readable(value: JSON, depth: int = 4) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and depth:
        return ", ".join(f"{key.replace('_', ' ')}: {_readable(item, depth - 1)}" for key, item in value.items())
    if isinstance(value, list) and depth:
        return ", ".join(_readable_item(item, depth - 1) for item in value)
    return str(value)


def _readable_item(value: JSON, depth: int) -> str:
    """Return an item of a list; one that has several parts is in parentheses."""
    text = _readable(value, depth)
    return f"({text})" if isinstance(value, dict | list) and text else text


def _json(value: JSON) -> str:
    return msgspec.json.encode(value).decode()
