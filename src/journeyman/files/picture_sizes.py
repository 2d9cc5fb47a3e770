"""The width and height of a picture, read from its header. Nothing is decompressed, so a picture bomb does no harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 64_000_000
_MAX_SEGMENTS = 1000  # of a JPEG that are skipped before its frame
# The markers of a JPEG frame, which holds the size: C0 to CF without the tables C4, C8 and CC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(media_type: str, file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of a picture in pixels. None: its header is damaged, or it is no picture."""
    read = _READERS.get(media_type)
    size = read(file) if read is not None else None
    return size if size is not None and min(size) > 0 else None


def is_too_large(size: tuple[int, int]) -> bool:
    """Return whether a picture has more pixels than are accepted."""
    return max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS


def _png(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(24)
    if len(head) < 24 or head[12:16] != b"IHDR":
        return None
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def _gif(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(10)
    return (int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")) if len(head) == 10 else None


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(2)
    for _ in range(_MAX_SEGMENTS):
        marker = _next_marker(file)
        if marker is None or marker in (0xD9, 0xDA):  # the data begins, and there was no frame
            return None
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a segment
            continue
        length = int.from_bytes(file.read(2))
        if marker in _FRAMES:
            frame = file.read(5)
            return (int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])) if len(frame) == 5 else None
        if length < 2:
            return None
        file.seek(length - 2, 1)
    return None


def _next_marker(file: BinaryIO) -> int | None:
    if file.read(1) != b"\xff":
        return None
    marker = file.read(1)
    for _ in range(_MAX_SEGMENTS):  # FF may be repeated to fill
        if marker != b"\xff":
            break
        marker = file.read(1)
    return marker[0] if marker else None


def _webp(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(30)
    if len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8 " if head[23:26] == b"\x9d\x01\x2a":
            width, height = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L" if head[20] == 0x2F:
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None


_READERS: dict[str, Callable[[BinaryIO], tuple[int, int] | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
