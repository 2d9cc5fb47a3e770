"""What the offline model asks for when a sentence lacks an argument, and how the user's reply is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.events.messages import JSON, Message
from journeyman.llm.offline.arguments import Missing
from journeyman.llm.offline.schema_sample import Schema, kind_of

_BEGIN = "I need more to call "
_ASKED = re.compile(rf"{_BEGIN}(\S+):\n")
_WITHDRAWN = re.compile(r"\s*(?:no|nothing|cancel|stop|forget it|never ?mind)\b[\s.!]*", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:[,;\n]|\band\b|\bto\b)\s*", re.IGNORECASE)
_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "yes or no", "array": "one or more values"}
_LONGEST_VALUE = 200  # characters


@dataclass(frozen=True)
class Asked:
    """A tool that lacks arguments, with what the user said about it so far, oldest first."""

    tool: str
    texts: tuple[str, ...]


def ask_for_arguments(tool: str, missing: Missing) -> str:
    """Return the text that asks for the missing arguments of a tool."""
    return f"{_BEGIN}{tool}:\n" + "\n".join(f"- {'.'.join(path)}{_hint(schema)}" for path, schema in missing.items())


def asked_before(messages: Sequence[Message]) -> Asked | None:
    """Return the tool that the conversation asked for arguments of. None: its last reply was no such question.

    The last message is the user's reply.
    """
    turns = [message for message in messages if message.role in ("user", "assistant", "tool")]
    texts = [turns[-1].text] if turns and turns[-1].role == "user" else []
    tool: str | None = None
    for reply, before in zip(turns[-2::-2], turns[-3::-2], strict=False):
        asks = _ASKED.match(reply.text) if reply.role == "assistant" else None
        if asks is None or before.role != "user" or asks[1] != (tool or asks[1]):
            break
        tool = asks[1]
        texts.append(before.text)
    return Asked(tool, tuple(texts[::-1])) if tool is not None and texts else None


def is_withdrawn(reply: str) -> bool:
    """Return whether the user no longer wants the call."""
    return _WITHDRAWN.fullmatch(reply) is not None


def values_in_reply(reply: str, missing: Missing) -> dict[tuple[str, ...], JSON]:
    """Return the missing arguments that a bare reply is: one text for one, or as many in a row as are missing."""
    reply = reply.strip().strip("\"'").rstrip(".!")
    if not reply or reply.endswith("?") or len(reply) > _LONGEST_VALUE:
        return {}
    parts = [reply] if len(missing) == 1 else [part for part in _SEPARATOR.split(reply) if part]
    if len(parts) != len(missing):
        return {}
    values = {path: _value(part, schema) for (path, schema), part in zip(missing.items(), parts, strict=True)}
    return {path: value for path, value in values.items() if value is not None}


def _value(text: str, schema: Schema) -> JSON:
    """Return a text as the value of an argument. None: it is none that the schema may have."""
    if "enum" in schema:
        return None  # a choice that the text had would have been found in the sentence
    match kind_of(schema):
        case "string":
            return text
        case "boolean":
            return {"yes": True, "no": False, "true": True, "false": False}.get(text.lower())
    return None


def _hint(schema: Schema) -> str:
    """Return what may be said: the choices, the description, an example, or the kind of value."""
    choices: list[Any] = list(schema.get("enum") or ())
    if choices:
        return f": {', '.join(map(str, choices[:-1]))}{' or ' if choices[1:] else ''}{choices[-1]}"
    description = str(schema.get("description") or "").partition("\n")[0]
    example = f"such as {schema['examples'][0]}" if schema.get("examples") else ""
    said = [part for part in (description, example) if part] or [_KINDS.get(kind_of(schema), "")]
    return f": {', '.join(said)}" if said[0] else ""
