"""The words that tell a model the JSON Schema of a typed answer, where its API does not take one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from journeyman.events.messages import JSON, Message, system


def schema_instruction(schema: Mapping[str, JSON]) -> str:
    """Return the sentence of a prompt that asks for JSON of this schema."""
    text = msgspec.json.encode(schema).decode()
    return f"Answer with JSON alone, without any other text, that fits this JSON Schema:\n{text}"


def with_instruction(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """Return the messages with the instruction at the end of the system prompt, or as the system prompt."""
    if not messages or messages[0].role != "system":
        return (system(instruction), *messages)
    return (system(f"{messages[0].text}\n\n{instruction}"), *messages[1:])
