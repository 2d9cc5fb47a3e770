"""Reads why a reply ended from the words of providers."""

from __future__ import annotations

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
)
_FILTERED = (
    "content_filter",
    "safety",
    "recitation",
    "blocklist",  # Gemini, as the next four
    "prohibited_content",
    "spii",
    "language",
    "image_safety",
    "content_filtered",  # Bedrock
    "guardrail_intervened",  # Bedrock
    "refusal",  # Anthropic
    "sensitive",  # Zhipu
    "error_toxic",  # Cohere
)
_ENDINGS: dict[str, Ending] = {
    **dict.fromkeys(_GOOD, "good"),
    **dict.fromkeys(_CUT, "cut"),
    **dict.fromkeys(_FILTERED, "filtered"),
    "error": "error",
}
_BY_SEVERITY: tuple[Ending, ...] = ("error", "cut", "filtered", "unknown", "good")


def ending_of(reason: JSON) -> Ending:
    """Return how a reply with this finish reason ended. The case of letters does not matter."""
    return _ENDINGS.get(reason.strip().lower(), "unknown") if isinstance(reason, str) else "unknown"


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
