"""PageFiles: the files of the built page, as they stand in the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(?!\n)")
_ENCODINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz"}  # the best first
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page. `encoding` is empty for a file that is not compressed."""

    content: bytes
    media_type: str
    encoding: str = ""


class PageFiles:
    """Reads the built page: `index.html`, and `assets` with hashed names, each precompressed beside itself.

    Each call looks at the disk, since `make run` builds the page while the server runs. No file stays in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def shell(self) -> str | None:
        """Return the page's HTML; None: the page has not been built."""
        try:
            return (self._folder / "index.html").read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def asset(self, name: str, accepted: str) -> Asset | None:
        """Return an asset in the best encoding of an Accept-Encoding header; None: there is no asset of this name."""
        media_type = _MEDIA_TYPES.get(Path(name).suffix)
        if media_type is None or not _NAME.fullmatch(name):
            return None
        wanted = accepted_encodings(accepted)
        for encoding, suffix in (*((each, _ENCODINGS[each]) for each in _ENCODINGS if each in wanted), ("", "")):
            try:
                return Asset((self._folder / "assets" / (name + suffix)).read_bytes(), media_type, encoding)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None


def accepted_encodings(header: str) -> frozenset[str]:
    """Return the encodings that an Accept-Encoding header names and does not refuse by `q=0`."""
    found = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            found.add(name.strip())
    return frozenset(found)
