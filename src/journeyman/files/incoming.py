"""Parts of messages on their way in: bytes become stored files, and what a part names is checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from journeyman.errors import BaseError, StorageError, ValidationError
from journeyman.events.attachments import has_attachments
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart
from journeyman.files.content_types import PICTURES
from journeyman.files.data_urls import data_of
from journeyman.files.store import FileStore
from journeyman.journal.journal import FileRow

log = logging.getLogger(__name__)


async def with_files_stored(files: FileStore, principal: str, message: Message) -> Message:
    """Return a client's message with the id of a stored file in every part that is no text.

    Raises ValidationError (`unsupported_content`, `not_a_picture`), NotFoundError (`file_not_found`), and what
    `FileStore.receive` raises.
    """
    if not has_attachments(message):
        return message
    content = [await _stored(files, principal, part, number) for number, part in enumerate(message.content, 1)]
    if message.role != "user":
        text = "Only messages of the role `user` may have pictures and files."
        raise ValidationError(text, code="unsupported_content")
    return msgspec.structs.replace(message, content=tuple(content))


async def stored_results(
    files: FileStore, principal: str, results: Iterable[tuple[str, bytes]]
) -> tuple[tuple[ImagePart | FilePart, ...], str]:
    """Store the files of a tool's result, given by name. Returns their parts, and a note of those that are not kept."""
    parts: list[ImagePart | FilePart] = []
    notes = ""
    for name, data in results:
        try:
            row = await files.put(principal, name, data)
        except BaseError as exc:
            log.warning("a file of a result was not kept: %s", exc.message)
            reason = "the disk failed" if isinstance(exc, StorageError) else exc.message
            notes += f"\n[The file {name!r} was not kept. {reason}]"
        else:
            picture = row.media_type in PICTURES
            parts.append(ImagePart(file=row.id) if picture else FilePart(file=row.id, name=name or row.name))
    return tuple(parts), notes


async def _stored(files: FileStore, principal: str, part: Part, number: int) -> Part:
    if isinstance(part, TextPart):
        return part
    row = await _row(files, principal, part, number)
    if isinstance(part, FilePart):
        return FilePart(file=row.id, name=part.name or row.name)
    if row.media_type not in PICTURES:
        kinds = "PNG, JPEG, GIF or WebP"
        text = f"Part {number} is no picture ({row.media_type}). Send a {kinds}, or use `type: file`."
        raise ValidationError(text, code="not_a_picture")
    return ImagePart(file=row.id)


async def _row(files: FileStore, principal: str, part: ImagePart | FilePart, number: int) -> FileRow:
    if part.file and not part.url:
        return await files.get(principal, part.file)
    if part.file or not part.url:
        raise ValidationError(f"Part {number} must have either `file` or `url`.", code="unsupported_content")
    try:
        data = data_of(part.url)
    except ValueError as exc:
        text = f"Part {number} has a `url` that is no data URL: {exc}. Send the bytes with `POST /files`."
        raise ValidationError(text, code="unsupported_content") from exc
    return await files.put(principal, part.name if isinstance(part, FilePart) else "", data)
