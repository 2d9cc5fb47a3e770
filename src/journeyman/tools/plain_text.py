"""Text of others without what nobody sees: control characters, marks of direction, tags. Pure."""

from __future__ import annotations

import re

from journeyman.events.messages import valid_text

# C0 but tab and line ends, DEL and C1; marks, overrides and isolates of direction; annotations; tags. Joiners stay:
# scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def plain_text(text: str) -> str:
    """Valid Unicode that reads as it is written, and cannot hide an order to a model in it."""
    text = valid_text(text)
    return _HIDDEN.sub("", text) if _HIDDEN.search(text) else text
