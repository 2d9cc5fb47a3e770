"""Decompresses an answer that came compressed although `identity` was asked for. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

_PIECE = 1 << 20  # bytes that one step gives at most
_MAGIC = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "deflate": b"\x78"}


class Decompressor:
    """Decompresses one body, piece by piece: the caller counts what comes out, so a small body cannot become huge.

    A body that is not compressed although its header says so is passed on as it is.
    """

    def __init__(self, encoding: str) -> None:
        self._magic = _MAGIC[encoding]
        self._inflate: zlib._Decompress | None = None
        self._plain = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return what `data` contains. Raises ValueError if it is damaged."""
        if self._inflate is None and not self._plain and data:
            self._plain = not self._magic.startswith(data[:1])
        if self._plain:
            yield data
            return
        try:
            while data:
                if self._inflate is None:
                    self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
                if piece := self._inflate.decompress(data, _PIECE):
                    yield piece
                data = self._inflate.unconsumed_tail
                if self._inflate.eof:  # gzip may have several members
                    data, self._inflate = self._inflate.unused_data, None
                    data = data if data.startswith(self._magic[:1]) else b""
        except zlib.error as exc:
            raise ValueError(str(exc)) from exc


def decompressor(headers: Mapping[str, str]) -> Decompressor | None:
    """Return the decompressor for a body with these headers; None if it is not compressed.

    Raises ValueError for an encoding that is not known.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in _MAGIC:
        raise ValueError(f"its content-encoding is {encoding!r}, although identity was asked for")
    return Decompressor(encoding)
