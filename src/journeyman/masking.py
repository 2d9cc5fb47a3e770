"""Known secret values in texts: found in the writings in which they travel, and replaced; also in a text that comes in
pieces."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

MARK = "[secret]"
LEAST = 8  # characters: what is shorter is no secret, and would be found everywhere


_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s:]*:([^/?#@\s]+)@")


def is_secret(value: str) -> bool:
    return len(value) >= LEAST


def passwords(text: str) -> tuple[str, ...]:
    """Of the addresses in a text, as they stand there and as they are meant."""
    return tuple(form for found in _USERINFO.findall(text) for form in dict.fromkeys((found, unquote(found))))


class Mask:
    """Replaces what is known here. Values that overlap in a text are one gap: nothing of either is left."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for secret in secrets for value in (secret, *passwords(secret)) if is_secret(value)}
        found = {form for value in values for form in _writings(value)}
        self._forms = tuple(sorted(found, key=lambda form: (-len(form), form)))
        self._in_json = tuple(dict.fromkeys(map(_as_json, self._forms)))
        self._longest = max(map(len, self._forms), default=0)
        self._begins = _beginnings(self._forms)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __call__(self, text: str) -> str:
        """The text without them."""
        return StreamingMasker(self).whole(text) if any(form in text for form in self._forms) else text

    def in_json(self, data: bytes) -> bool:
        """Does a text of this JSON (UTF-8) hold one? Quicker than to look at each text, and than `in` of bytes."""
        if not self._in_json:
            return False
        text = data.decode()
        return any(form in text for form in self._in_json)

    def may_begin(self, text: str, at: int = 0) -> int | None:
        """The next place where one might begin, or end the text half said: a quick look at the first characters."""
        found = self._begins.search(text, at)
        return found.start() if found else None

    def whole_at(self, text: str, at: int) -> int:
        """The length of the longest one that stands there; 0: none does."""
        return next((len(form) for form in self._forms if text.startswith(form, at)), 0)

    def open_at(self, text: str, at: int) -> bool:
        """Might the text go on to be one that begins there?"""
        rest = len(text) - at
        if rest >= self._longest:
            return False
        tail = text[at:]
        return any(len(form) > rest and form.startswith(tail) for form in self._forms)


class StreamingMasker:
    """One text that comes in pieces, masked as a whole would be. What was shown never has to be taken back: the
    shortest tail that may still become a secret waits for the piece after it."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""
        self._covered = 0  # so much of what is held lies in a gap that was shown already

    def feed(self, piece: str) -> str:
        """What of the text may be shown now."""
        if not self._held and self._mask.may_begin(piece) is None:
            return piece
        return self._shown(self._held + piece, final=False)

    def whole(self, text: str) -> str:
        """All of it at once, as the last piece."""
        return self._shown(self._held + text, final=True)

    def _shown(self, text: str, *, final: bool) -> str:
        mask, done, held = self._mask, self._covered, len(text)
        shown: list[str] = []
        at = mask.may_begin(text)
        while at is not None:
            if length := mask.whole_at(text, at):
                if at >= done:
                    shown += (text[done:at], MARK)
                done = max(done, at + length)
            if not final and mask.open_at(text, at):
                held = at
                break
            at = mask.may_begin(text, at + 1)
        if held > done:
            shown.append(text[done:held])
            done = held
        self._held, self._covered = text[held:], done - held
        return "".join(shown)


def _writings(secret: str) -> set[str]:
    """As it is, within JSON, within an address, and within what is base64 (a header of Basic authentication, say)."""
    data = secret.encode("utf-8", "surrogatepass")
    forms = {secret, _as_json(secret), json.dumps(secret)[1:-1], quote(data), quote(data, safe=""), quote_plus(data)}
    for before in range(3):
        middle = _base64_middle(data, before)
        forms |= {middle, middle.translate(_URL_SAFE)}
    return forms


_URL_SAFE = str.maketrans("+/", "-_")


def _base64_middle(data: bytes, before: int) -> str:
    """What any base64 text holds that has `data` after `before` bytes more than whole groups of three."""
    text = base64.b64encode(bytes(before) + data).decode().rstrip("=")
    last = -1 if (before + len(data)) % 3 else None  # the last character depends on what follows
    return text[(0, 2, 3)[before] : last]


def _as_json(text: str) -> str:
    """As it stands within a JSON text, such as the arguments of a call."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _beginnings(forms: Iterable[str]) -> re.Pattern[str]:
    """Three characters of a beginning, or fewer at the end of the text."""
    heads = {form[:3] for form in forms}
    tails = {head[:length] for head in heads for length in (1, 2)}
    either = "|".join(map(re.escape, sorted(heads))) or r"(?!)"
    return re.compile(rf"{either}|(?:{'|'.join(map(re.escape, sorted(tails, reverse=True))) or '(?!)'})\Z")
