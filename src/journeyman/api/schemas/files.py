"""Bodies of files."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from journeyman.ids import RESOURCE_NAME

FileId = Annotated[str, Meta(pattern=RESOURCE_NAME, description="The `file_id` of a stored file")]


class PicturePart(Struct, frozen=True, tag_field="type", tag="image"):
    """A stored picture. Instead of `file`, a small one may be given by its bytes: a data URL in `url`."""

    file: FileId


class DocumentPart(Struct, frozen=True, tag_field="type", tag="file"):
    """A stored file. Instead of `file`, a small one may be given by its bytes: a data URL in `url`."""

    file: FileId
    name: str = ""


class FileAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored file. Its bytes say its `media_type`; `width` and `height` are those of a picture, in pixels.

    A part of a message names the file by its `file_id`. A file that no message names is deleted after a day.
    """

    file_id: str
    name: str
    media_type: str
    bytes: int
    created_at: str
    width: int | None = None
    height: int | None = None
