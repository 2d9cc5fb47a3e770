"""Masks known secret values in texts, in every encoding in which they travel; also in a text that arrives in pieces."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

MARK = "[secret]"
MIN_LENGTH = 8  # characters: a shorter value would be found in ordinary text
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s:]*:([^/?#@\s]+)@")
# Userinfo of an address as it is written by hand: a password may hold `/` or `@`, and the scheme may be missing.
_WRITTEN_USERINFO = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#]*:[^\s]*|[^\s/?#]*)@|^(?![A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@]*:[^\s]*@"
)
_QUERY_SECRET = re.compile(
    r"[?&][\w.-]*(?:key|token|secret|signature|sig|code|passw[\w.-]*|auth)=([^&#\s]+)", re.IGNORECASE
)
_URL_SAFE = str.maketrans("+/", "-_")


def is_secret(value: str) -> bool:
    """Return whether a value is long enough to be masked."""
    return len(value) >= MIN_LENGTH


def passwords(text: str) -> tuple[str, ...]:
    """Return the passwords and the credentials in queries of the URLs in a text, percent-encoded and decoded."""
    credentials = [*_USERINFO.findall(text), *(_QUERY_SECRET.findall(text) if "://" in text else ())]
    return tuple(form for found in credentials for form in dict.fromkeys((found, unquote(found))))


def without_credentials(setting: str) -> str:
    """Return a setting as people may see it: addresses without userinfo and credentials in queries."""
    text = _WRITTEN_USERINFO.sub(rf"\1{MARK}@", setting)
    for credential in passwords(text):
        text = text.replace(credential, MARK)
    return text


class Mask:
    """A set of secret values that are replaced in texts.

    Values that overlap in a text are replaced together, so that no part of either remains.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for secret in secrets for value in (secret, *passwords(secret)) if is_secret(value)}
        forms = {form for value in values for form in _encodings(value)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._json_forms = tuple(dict.fromkeys(map(_as_json, self._forms)))
        self._longest = max(map(len, self._forms), default=0)
        self._candidates = _candidate_pattern(self._forms)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced."""
        return StreamingMasker(self).finish(text) if any(form in text for form in self._forms) else text

    def is_in_json(self, data: bytes) -> bool:
        """Return whether a string of this JSON document (UTF-8) contains a secret.

        This is faster than to check each string, and than to search the bytes.
        """
        if not self._json_forms:
            return False
        text = data.decode()
        return any(form in text for form in self._json_forms)

    def next_candidate(self, text: str, at: int = 0) -> int | None:
        """Return the next index at which a secret may begin, judged by its first three characters.

        None: there is no such index from `at` on.
        """
        found = self._candidates.search(text, at)
        return found.start() if found else None

    def length_at(self, text: str, at: int) -> int:
        """Return the length of the longest secret that begins at the index `at`; 0 if there is none."""
        return next((len(form) for form in self._forms if text.startswith(form, at)), 0)

    def may_continue(self, text: str, at: int) -> bool:
        """Return whether the rest of the text, from `at` on, is the beginning of a longer secret."""
        rest = len(text) - at
        if rest >= self._longest:
            return False
        tail = text[at:]
        return any(len(form) > rest and form.startswith(tail) for form in self._forms)


class StreamingMasker:
    """One text that arrives in pieces, masked as the whole text would be.

    Only the shortest tail that may still become a secret is held back until the next piece.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""
        self._covered = 0  # characters of `_held` that a mark in the output already replaces

    def feed(self, piece: str) -> str:
        """Add a piece and return the masked text that is certain by now."""
        if not self._held and self._mask.next_candidate(piece) is None:
            return piece
        return self._advance(self._held + piece, final=False)

    def finish(self, piece: str = "") -> str:
        """Add the last piece and return the rest of the masked text."""
        return self._advance(self._held + piece, final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        mask, done, held_from = self._mask, self._covered, len(text)
        output: list[str] = []
        at = mask.next_candidate(text)
        while at is not None:
            if length := mask.length_at(text, at):
                if at >= done:
                    output += (text[done:at], MARK)
                done = max(done, at + length)
            if not final and mask.may_continue(text, at):
                held_from = at
                break
            at = mask.next_candidate(text, at + 1)
        if held_from > done:
            output.append(text[done:held_from])
            done = held_from
        self._held, self._covered = text[held_from:], done - held_from
        return "".join(output)


def _encodings(secret: str) -> set[str]:
    """Return the secret as it is, within JSON, within a URL and within base64 (such as a Basic authentication)."""
    data = secret.encode("utf-8", "surrogatepass")
    forms = {secret, _as_json(secret), json.dumps(secret)[1:-1], quote(data), quote(data, safe=""), quote_plus(data)}
    for before in range(3):
        middle = _base64_middle(data, before)
        forms |= {middle, middle.translate(_URL_SAFE)}
    return forms


def _base64_middle(data: bytes, before: int) -> str:
    """Return the characters that encode `data` alone, if `before` bytes of its first group of three precede it."""
    text = base64.b64encode(bytes(before) + data).decode().rstrip("=")
    last = -1 if (before + len(data)) % 3 else None  # the last character depends on what follows
    return text[(0, 2, 3)[before] : last]


def _as_json(text: str) -> str:
    """Return the text as it is written within a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _candidate_pattern(forms: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the first three characters of each form, or for fewer of them at the end of a text."""
    heads = {form[:3] for form in forms}
    tails = {head[:length] for head in heads for length in (1, 2)}
    either = "|".join(map(re.escape, sorted(heads))) or r"(?!)"
    return re.compile(rf"{either}|(?:{'|'.join(map(re.escape, sorted(tails, reverse=True))) or '(?!)'})\Z")
