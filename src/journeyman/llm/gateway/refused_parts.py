"""Which kinds of content parts a gateway's complaint says that a model does not take: pictures, or files."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from journeyman.events.attachments import has_attachments
from journeyman.events.messages import FilePart, ImagePart, Message
from journeyman.events.model_request import ModelRequest
from journeyman.events.part_notes import FILE, PICTURE
from journeyman.llm.gateway.wire_choices import WireChoices

_PICTURES = r"(?:image(?:_url|s)?|vision|multi-?modal\w*|picture)"
_FILES = r"(?:file|pdf|document)s?"
_NOT_TAKEN = (
    r"{what}\b[^.]{{0,40}}\b(?:not|only) (?:yet )?(?:be )?(?:supported|enabled|available|allowed|accepted)",
    r"(?:\bnot|n't|\bcannot) (?:a |an )?(?:support|accept|handle|process|take|have|see)?\w* ?"
    r"(?:the |any |for )?{what}\b(?! (?:format|type|size|url|data))",
    r"unknown variant [`'\"]?{what}",
    r"\bno endpoints? [^.]{{0,30}}{what}",
    r"\bat most 0 {what}",
    r"\binvalid (?:content )?(?:part )?type[^.]{{0,20}}{what}",
    r"\bunsupported (?:content )?(?:part )?type[^.]{{0,20}}{what}",
)
_SAYS = {
    kind: re.compile("|".join(pattern.format(what=what) for pattern in _NOT_TAKEN), re.I)
    for kind, what in ((PICTURE, _PICTURES), (FILE, _FILES))
}
# The server knows no parts at all, or none but texts.
_TEXT_ONLY = re.compile(
    r"content[^.]{0,40} (?:must|should) be a (?:valid )?string|expected [`'\"]?(?:text|a string)\b|"
    r"(?:input|type) should be (?:'text'|a valid string)",
    re.I,
)


def without_refused_parts(text: str, request: ModelRequest, choices: WireChoices) -> WireChoices | None:
    """Return the choices with which a request is sent again whose pictures or files are refused. None: they are not.

    Where the agent's file says that its model sees, nothing is learned.
    """
    kinds = refused_parts(text, request.messages) - choices.without_parts if request.vision is None else frozenset()
    return msgspec.structs.replace(choices, without_parts=choices.without_parts | kinds) if kinds else None


def refused_parts(text: str, messages: Iterable[Message]) -> frozenset[str]:
    """Return the kinds of parts in the messages that the text of a complaint refuses. Empty: it is about others."""
    sent = _kinds_in(messages)
    if not sent:
        return sent
    named = frozenset(kind for kind in sent if _SAYS[kind].search(text))
    return named or (sent if _TEXT_ONLY.search(text) else frozenset())


def names_parts(text: str) -> bool:
    """Return whether the text of a complaint refuses pictures or files, whatever the request had."""
    return any(pattern.search(text) for pattern in _SAYS.values())


def _kinds_in(messages: Iterable[Message]) -> frozenset[str]:
    parts = [part for message in messages if has_attachments(message) for part in message.content]
    kinds = {PICTURE: ImagePart, FILE: FilePart}
    return frozenset(kind for kind, of in kinds.items() if any(isinstance(part, of) for part in parts))
