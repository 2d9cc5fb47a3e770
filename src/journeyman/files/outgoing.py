"""Files on their way to a model: the parts that name them become what a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from journeyman.errors import NotFoundError
from journeyman.events.attachments import any_attachments, has_attachments
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart, user
from journeyman.events.model_request import ModelRequest
from journeyman.events.part_notes import FILE, PICTURE, noted, part_note
from journeyman.files.content_types import PICTURES, TEXT
from journeyman.files.store import FileStore
from journeyman.journal.journal import FileRow

MOST_SENT = 24_000_000  # bytes of the files in one request
MOST_TEXT = 200_000  # bytes of a text that are shown
PDF = "application/pdf"

_replace = msgspec.structs.replace


class OutgoingFiles:
    """Puts the bytes of files into requests. Stored messages never change."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    async def resolved(self, request: ModelRequest, principal: str) -> ModelRequest:
        """Return the request with its files: pictures and PDF as data URLs, text as text, others as notes.

        If all of them together are too large, the oldest become notes. The result of a tool cannot hold pictures at
        most models, so those follow in a message of the user.
        """
        if not any_attachments(request.messages):
            return request
        shown = await self._shown_parts(request, principal)
        messages = [_with_parts(message, shown) for message in request.messages]
        if request.vision is False:
            messages = list(noted(messages, {PICTURE, FILE}))
        return _replace(request, messages=tuple(_pictures_after_results(messages)))

    async def _shown_parts(self, request: ModelRequest, principal: str) -> Mapping[Part, Part]:
        """Return what is sent for each part that names a file. The newest take their room first."""
        shown: dict[Part, Part] = {}
        room = MOST_SENT
        for message in reversed(request.messages):
            for part in message.content if has_attachments(message) else ():
                if isinstance(part, TextPart) or not part.file or part in shown:
                    continue
                shown[part], taken = await self._shown(part, principal, room, request.vision is not False)
                room -= taken
        return shown

    async def _shown(self, part: ImagePart | FilePart, principal: str, room: int, sees: bool) -> tuple[Part, int]:
        """Return what is sent for a part, and how many bytes of the room it takes."""
        try:
            row = await self._files.get(principal, part.file)
            if row.media_type == TEXT:
                return await self._text(part, row), min(row.size, MOST_TEXT)
            if row.media_type not in (*PICTURES, PDF):
                return part_note(part, f"{row.media_type}, {row.size} bytes, which cannot be shown"), 0
            if not sees:
                return part, 0
            if row.size > room:
                return part_note(part, "left out, since newer ones fill the request"), 0
            url = await self._files.data_url(row)
        except NotFoundError:
            return part_note(part, "it was deleted"), 0
        name = part.name if isinstance(part, FilePart) else row.name
        sent = FilePart(url, name or "file.pdf", row.id) if row.media_type == PDF else ImagePart(url, row.id)
        return sent, row.size

    async def _text(self, part: ImagePart | FilePart, row: FileRow) -> TextPart:
        name = (part.name if isinstance(part, FilePart) else "") or row.name or row.id
        text = (await self._files.beginning(row, MOST_TEXT)).decode("utf-8", "replace")
        cut = f"\n[cut: {row.size - MOST_TEXT} of {row.size} bytes are not shown]" if row.size > MOST_TEXT else ""
        return TextPart(f"\n[File {name!r} begins]\n{text}{cut}\n[File {name!r} ends]\n")


def _with_parts(message: Message, shown: Mapping[Part, Part]) -> Message:
    if not has_attachments(message):
        return message
    return _replace(message, content=tuple(shown.get(part, part) for part in message.content))


def _pictures_after_results(messages: Sequence[Message]) -> list[Message]:
    """Move the pictures and files of tool results behind the last result of their round."""
    sent: list[Message] = []
    moved: list[Part] = []
    for message in messages:
        if moved and message.role != "tool":
            message = _insert(sent, moved, message)
            moved = []
        if message.role == "tool" and has_attachments(message):
            moved += [TextPart(f"[From the result of {message.name or 'a tool'}:]"), *_attachments(message)]
            message = _replace(message, content=_texts(message))
        sent.append(message)
    if moved:
        sent.append(Message(role="user", content=tuple(moved)))
    return sent


def _insert(sent: list[Message], moved: list[Part], message: Message) -> Message:
    """Put the moved parts before a message: into it if it is the user's, since some servers want roles to alternate."""
    if message.role == "user":
        return _replace(message, content=(*moved, *message.content))
    sent.append(_replace(user(""), content=tuple(moved)))
    return message


def _attachments(message: Message) -> tuple[Part, ...]:
    return tuple(part for part in message.content if not isinstance(part, TextPart))


def _texts(message: Message) -> tuple[Part, ...]:
    texts = tuple(part for part in message.content if isinstance(part, TextPart))
    return (*texts, TextPart("\n[Its pictures and files follow.]"))
