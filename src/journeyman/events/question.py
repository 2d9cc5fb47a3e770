"""What a run was asked, in a few words. Pure."""

from __future__ import annotations

from journeyman.events.messages import Message, TextPart

QUESTION_CHARACTERS = 200


def question_of(message: Message | None, tool: str | None) -> str:
    """Return the beginning of the user's message on one line, or the name of the tool of a direct call.

    A picture or a file stands as `[image]` or `[file]`. Returns "" if there is neither message nor call.
    """
    if tool is not None:
        return tool
    parts = message.content if message is not None else ()
    texts = (part.text if isinstance(part, TextPart) else f"[{part.__struct_config__.tag}]" for part in parts)
    text = " ".join(" ".join(texts)[: 4 * QUESTION_CHARACTERS].split())
    return text if len(text) <= QUESTION_CHARACTERS else f"{text[: QUESTION_CHARACTERS - 1]}…"
