"""Words for the finish reason of a reply that did not end well."""

from __future__ import annotations

_WORDS = {
    "length": "the reply was cut off at its length limit",
    "content_filter": "the reply was stopped by a content filter",
    "unknown": "the gateway did not say why the reply ended",
    "empty": "the reply was empty",
}


def ending_note(finish_reason: str | None) -> str:
    """Return what to tell about a finish reason. Empty: the reply ended well, or there is none."""
    words = _WORDS.get(finish_reason or "")
    return f"({words}: {finish_reason})" if words else ""
