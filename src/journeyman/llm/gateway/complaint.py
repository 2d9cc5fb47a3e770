"""What a gateway says about a request that failed: the facts in an error body of any provider's form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from journeyman.events.messages import JSON, valid_text
from journeyman.llm.gateway import json_text

_MAX_QUOTED = 300  # characters of the message that are kept as detail
_MAX_TEXT = 4000  # characters that are searched
_MAX_ITEMS = 20  # of a list that are read
_MAX_DEPTH = 6
_KIND_FIELDS = ("code", "type", "status", "error_type", "reason")
_SENTENCE_FIELDS = ("message", "msg", "detail", "details", "error_msg", "status_msg", "errors")
_TEXT_FIELDS = (*_KIND_FIELDS, *_SENTENCE_FIELDS, "description", "raw", "metadata", "innererror")
_NUMBER_FIELDS = ("code", "status_code", "status")
_NESTED_FIELDS = (
    "error",
    "errors",  # Cloudflare
    "base_resp",  # MiniMax
    "message",
    "detail",
    "details",
    "metadata",
    "innererror",
    "fieldViolations",
    "provider_specific_fields",
)
_PATH_FIELDS = ("param", "loc", "field")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_decoder = msgspec.json.Decoder(Any)


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """The facts in one error body.

    `kinds` are its codes and types in lower case without punctuation. `paths` are the fields of the request that it
    names as such. Its own words are in `message` (short, for the log) and `text` (to search). `flagged`: it lists the
    reasons of a moderation. `number`: its code if that is an HTTP status of a failure, else 0.
    """

    message: str = ""
    text: str = ""
    kinds: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    flagged: bool = False
    number: int = 0

    @property
    def words(self) -> list[str]:
        """The words of its paths, then those of its text."""
        return _WORD.findall(" ".join((*self.paths, self.text)))


def complaint_of(body: bytes, secret: str = "") -> Complaint:
    """Return the complaint in the body of an error. `secret` is replaced in its texts."""
    fields: JSON
    try:
        fields = json_text.read_json_text(body, _decoder)
    except ValueError:
        fields = body[:_MAX_TEXT].decode("utf-8", "replace")
    return complaint_in(_masked(fields, secret) if secret else fields)


def complaint_in(error: JSON) -> Complaint:
    """Return the complaint in an error: an object, a list with one in it (Gemini), or a text."""
    if isinstance(error, list):
        error = next((item for item in error if isinstance(item, dict)), str(error))
    if not isinstance(error, dict):
        text = error if isinstance(error, str) else str(error)
        return Complaint(message=shortened(text), text=text[:_MAX_TEXT])
    objects = list(_objects(error))
    return Complaint(
        message=shortened(_message(objects)),
        text="\n".join(text for each in objects for text in _texts(each))[:_MAX_TEXT],
        kinds=frozenset(squashed(str(each[key])) for each in objects for key in _KIND_FIELDS if each.get(key)),
        paths=tuple(path for each in objects for path in _paths(each)),
        flagged=any(each.get("reasons") or each.get("flagged_input") or each.get("contentFilter") for each in objects),
        number=next(filter(None, (_number(each.get(key)) for each in objects for key in _NUMBER_FIELDS)), 0),
    )


def squashed(name: str) -> str:
    """Return a name in lower case without punctuation, so that `topP`, `top_p` and `top-p` are equal."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _objects(fields: dict[str, JSON], depth: int = _MAX_DEPTH) -> Iterator[dict[str, JSON]]:
    """Return the object and those within it that describe the error. What the request said is not among them."""
    yield fields
    for key in _NESTED_FIELDS if depth else ():
        value = fields.get(key)
        for item in value[:_MAX_ITEMS] if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                yield from _objects(item, depth - 1)


def _texts(fields: dict[str, JSON]) -> Iterator[str]:
    for key in ("error", *_TEXT_FIELDS):
        value = fields.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value[:_MAX_ITEMS] if isinstance(item, str))
    reasons = fields.get("reasons")
    yield from (str(reason) for reason in reasons[:_MAX_ITEMS]) if isinstance(reasons, list) else ()


def _paths(fields: dict[str, JSON]) -> Iterator[str]:
    for key in _PATH_FIELDS:
        value = fields.get(key)
        if isinstance(value, list):
            value = ".".join(str(part) for part in value[:_MAX_ITEMS])
        if isinstance(value, str) and value and value != "None":
            yield value.removeprefix("body.")


def _number(code: JSON) -> int:
    """Return the HTTP status that a code is. 0: it is another number, or none."""
    number = json_text.count(code)
    return number if 400 <= number <= 599 else 0


def _message(objects: list[dict[str, JSON]]) -> str:
    """Return the sentence that says most closely what is wrong; empty if there is none."""
    for key in (*_SENTENCE_FIELDS, "error", "type"):
        for said in (each.get(key) for each in reversed(objects[:2])):
            if said and not isinstance(said, dict | bool):
                return said if isinstance(said, str) else str(said)
    return ""


def shortened(text: str) -> str:
    """Return the beginning of a text on one line, at most 300 characters."""
    text = " ".join(valid_text(text[: 4 * _MAX_QUOTED]).split())
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"


def _masked(value: JSON, secret: str, depth: int = _MAX_DEPTH) -> JSON:
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, dict):
        return {key: _masked(item, secret, depth - 1) for key, item in value.items()} if depth else {}
    if isinstance(value, list):
        return [_masked(item, secret, depth - 1) for item in value[:_MAX_ITEMS]] if depth else []
    return value
