"""What a model reads in place of a picture or a file that it cannot be sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from journeyman.events.attachments import has_attachments
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart

PICTURE, FILE = "image", "file"  # kinds of parts


def noted(messages: Iterable[Message], kinds: Set[str]) -> tuple[Message, ...]:
    """Return the messages with a note in place of each part of these kinds."""
    return tuple(_noted(message, kinds) if has_attachments(message) else message for message in messages)


def part_note(part: ImagePart | FilePart, reason: str) -> TextPart:
    """Return the note in place of a part. `reason` says why it is not there."""
    name = f" {part.name!r}" if isinstance(part, FilePart) and part.name else ""
    id = f" ({part.file})" if part.file else ""
    return TextPart(f"\n[{'Picture' if isinstance(part, ImagePart) else 'File'}{name}{id}: {reason}]")


def _noted(message: Message, kinds: Set[str]) -> Message:
    return msgspec.structs.replace(message, content=tuple(_note_if(part, kinds) for part in message.content))


def _note_if(part: Part, kinds: Set[str]) -> Part:
    if isinstance(part, ImagePart) and PICTURE in kinds:
        return part_note(part, "this model cannot see pictures")
    if isinstance(part, FilePart) and FILE in kinds:
        return part_note(part, "this model cannot read it")
    return part
