"""The stored files that events name. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.events import Event, MessageAdded, MessageReplaced, RunAccepted, ToolCallFinished
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart

HOLDERS: frozenset[type] = frozenset((RunAccepted, MessageAdded, MessageReplaced, ToolCallFinished))


def attached_files(event: Event) -> tuple[str, ...]:
    """Return the ids of the stored files that an event names. Only events of the HOLDERS can name any."""
    if isinstance(event, ToolCallFinished):
        return _ids(event.files) if event.files else ()
    message: Message | None = None
    if isinstance(event, RunAccepted):
        message = event.input
    elif isinstance(event, MessageAdded | MessageReplaced):
        message = event.message
    return _ids(message.content) if message is not None and has_attachments(message) else ()


def has_attachments(message: Message) -> bool:
    """Return whether the message has parts other than text."""
    for part in message.content:  # noqa: SIM110 - a generator costs more, and every request asks this
        if type(part) is not TextPart:
            return True
    return False


def any_attachments(messages: Iterable[Message]) -> bool:
    """Return whether any of the messages has parts other than text."""
    for message in messages:
        for part in message.content:
            if type(part) is not TextPart:
                return True
    return False


def _ids(parts: Iterable[Part]) -> tuple[str, ...]:
    return tuple(part.file for part in parts if isinstance(part, ImagePart | FilePart) and part.file)
