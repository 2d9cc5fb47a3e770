"""Small pictures of every kind, made byte by byte."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 1, height: int = 1, note: bytes = b"") -> bytes:
    """Return a PNG of this size; `note` makes it differ from others. Its data fits the header for small sizes only."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + b"\x80" * width) * min(height, 64)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    text = chunk(b"tEXt", b"Comment\x00" + note) if note else b""
    data = zlib.compress(rows) if width <= 64 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    """Return the beginning of a GIF of this size."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


def jpeg(width: int, height: int, segment: int = 16) -> bytes:
    """Return the beginning of a JPEG of this size, with `segment` bytes of metadata before its frame."""
    metadata = b"\xff\xe1" + struct.pack(">H", segment + 2) + b"\xff" * segment
    frame = b"\xff\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\x00" * 9
    return b"\xff\xd8" + metadata + b"\xff\xc4" + struct.pack(">H", 4) + b"\x00\x00" + frame + b"\xff\xd9"


def webp(width: int, height: int, kind: bytes = b"VP8X") -> bytes:
    """Return the beginning of a WebP of this size: `VP8 ` (lossy), `VP8L` (lossless) or `VP8X` (extended)."""
    if kind == b"VP8 ":
        body = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    elif kind == b"VP8L":
        body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\x00" * 5
    else:
        body = b"\x10\x00\x00\x00" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + struct.pack("<I", len(body) + 12) + b"WEBP" + kind + struct.pack("<I", len(body)) + body
