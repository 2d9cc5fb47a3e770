"""Bodies of files."""

from __future__ import annotations

from msgspec import Struct


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
