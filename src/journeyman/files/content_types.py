"""What a file is, told by its first bytes. Names and claims of the sender are not believed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

HEAD_BYTES = 4096  # that are looked at
OCTETS = "application/octet-stream"  # the type of a file that is not recognised
TEXT = "text/plain"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")  # that models take

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # tab, line breaks and escape occur in texts


def content_type_of(head: bytes) -> str:
    """Return the media type of a file that begins with `head`. Text of any kind, HTML and SVG too, is plain text."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head.startswith(b"RIFF") and (found := _RIFF.get(head[8:12])):
        return found
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return TEXT if head and _is_text(head) else OCTETS


def _is_text(head: bytes) -> bool:
    if _CONTROL.search(head):
        return False
    decode: Callable[[bytes], str] = codecs.getincrementaldecoder("utf-8")().decode  # a character may be cut at the end
    try:
        decode(head)
    except UnicodeDecodeError:
        return False
    return True
