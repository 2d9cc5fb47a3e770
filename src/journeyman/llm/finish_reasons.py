"""Reads why a reply ended from the words of providers."""

from __future__ import annotations

import re
from typing import Literal

from journeyman.events.finish_reasons import CONTENT_FILTER, EMPTY, LENGTH, STOP, TOOL_CALLS, UNKNOWN
from journeyman.events.messages import JSON

Ending = Literal["good", "cut", "filtered", "error", "unknown"]

_GOOD = (
    "stop",
    "tool_calls",
    "function_call",
    "eos",
    "end_turn",
    "tool_use",
    "stop_sequence",
    "completed",
    "eos_token",  # TGI
    "complete",  # Cohere
    "tool_call",  # Cohere
)
_CUT = (
    "length",
    "max_tokens",
    "model_length",  # Mistral
    "max_output_tokens",
    "max_completion_tokens",
    "model_context_window_exceeded",  # Anthropic
    "error_limit",  # Cohere
    "token_limit",  # watsonx
    "max_length",
    "max_new_tokens",
    "context_length_exceeded",
)
_FILTERED = (
    "content_filter",
    "safety",
    "recitation",
    "blocklist",  # Gemini, as the next six
    "prohibited_content",
    "spii",
    "language",
    "image_safety",
    "image_prohibited_content",
    "image_recitation",
    "model_armor",  # Vertex
    "content_filtered",  # Bedrock
    "guardrail_intervened",  # Bedrock
    "refusal",  # Anthropic
    "sensitive",  # Zhipu
    "error_toxic",  # Cohere
    "content_policy_violation",
    "moderation",
)
_NO_LETTERS = re.compile(r"[^a-z]+")


def _letters(reason: str) -> str:
    """Return the letters of a reason in lower case, without the name of the type in front of it."""
    return _NO_LETTERS.sub("", reason.lower()).removeprefix("finishreason")


_ENDINGS: dict[str, Ending] = {
    **dict.fromkeys(map(_letters, _GOOD), "good"),
    **dict.fromkeys(map(_letters, _CUT), "cut"),
    **dict.fromkeys(map(_letters, _FILTERED), "filtered"),
    "error": "error",
}
_BY_SEVERITY: tuple[Ending, ...] = ("error", "cut", "filtered", "unknown", "good")


def ending_of(reason: JSON) -> Ending:
    """Return how a reply with this finish reason ended. Only its letters matter, and not their case.

    So `tool-calls`, `toolUse` and `FinishReason.MAX_TOKENS`, as bridges write them, are the reasons that they name.
    """
    return _ENDINGS.get(_letters(reason), "unknown") if isinstance(reason, str) else "unknown"


def worst_ending(endings: list[Ending]) -> Ending:
    """Return the ending that allows the least; `unknown` if there is none."""
    return min(endings, key=_BY_SEVERITY.index, default="unknown")


def stored_reason(ending: Ending, *, text: bool, calls: bool) -> str:
    """Return the finish reason to store for a reply with this ending. `text`, `calls`: what the reply has."""
    match ending:
        case "cut":
            return LENGTH
        case "filtered":
            return CONTENT_FILTER
        case "good" if calls:
            return TOOL_CALLS
        case "good":
            return STOP if text else EMPTY
        case _:
            return UNKNOWN
