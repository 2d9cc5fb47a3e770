"""Shows characters that are not seen: direction marks, zero-width characters and tags, as escapes. Pure.

A text that contains them is read as another than it is: `1\\u202e00` is shown as `100` from the right.
"""

from __future__ import annotations

import re

# Soft hyphen, fillers, direction marks, overrides and isolates, zero-width characters, annotations and tags.
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f"
)
_JOINERS = "\u200c\u200d"
_IN_DATA = re.compile(f"[{_HIDDEN}{_JOINERS}]")
# Many scripts and emoji need joiners, but never beside ASCII.
_IN_TEXT = re.compile(f"[{_HIDDEN}]|(?<=[\\x00-\\x7f])[{_JOINERS}]|[{_JOINERS}](?=[\\x00-\\x7f])")


def escape_hidden(text: str) -> str:
    """Return prose with an escape such as `\\u202e` for each hidden character; joiners of scripts and emoji stay."""
    return text if text.isascii() else _IN_TEXT.sub(_escape, text)


def escape_hidden_in_json(text: str) -> str:
    """Return JSON with an escape for each hidden character: it means the same."""
    return text if text.isascii() else _IN_DATA.sub(_escape_in_json, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _escape_in_json(match: re.Match[str]) -> str:
    """Return the escape as JSON has it: characters above U+FFFF are two."""
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
