"""Which part of a request a gateway's complaint names, and how to send the request without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from journeyman.events.messages import Message, Owner, TextPart
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.complaint import Complaint, squashed
from journeyman.llm.gateway.opaque import opaque_names
from journeyman.llm.gateway.wire_choices import WireChoices

# Parameters that a model may refuse; those that the server sets itself are then left out.
DROPPABLE = (
    "temperature",
    "top_p",
    "stream_options",
    "parallel_tool_calls",
    "response_format",
    "seed",
    "reasoning_effort",
)
_NEVER_DROPPED = ("max_tokens", "max_completion_tokens", "max_output_tokens", "tools", "tool_choice")
_ONLY_PATHS = frozenset(("messages", "input", "reasoning", "text", "include", "store"))  # common words in a text
_OTHER_NAMES: Mapping[str, str] = {  # of the same parameter at other APIs, in complaints that bridges pass on
    r"include_usage": "stream_options",
    r"response.?(?:mime.?type|schema)": "response_format",
    r"json[ _](?:schema|object|mode)|structured.?outputs?|guided_json|output_(?:config|format)": "response_format",
}
_RENAMED = "max_completion_tokens"
_UNSUPPORTED = re.compile(
    r"unsupported|not (?:be )?(?:supported|permitted|allowed|recogni[sz]ed)|unrecogni[sz]ed|unknown|unexpected|extra",
    re.I,
)
_NO_STREAM = re.compile(  # OpenAI: o3-pro, and models that only verified organizations may stream
    r"\bto stream this model|\bstreaming (?:is )?not supported|\bnot support(?:ed)? stream(?:ing)?\b", re.I
)
_IS_MISSED = re.compile(r"must be (?:passed|provided|sent|included|set)|must (?:start|begin) with|\bmissing\b", re.I)
_NO_TEXT = frozenset(("null", "nil", "none", "nonetype", "string", "str", "empty", "missing", "required", "text"))
_REASONING = re.compile(r"^(?:reasoning|thinking|signature)")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,59}")

_replace = msgspec.structs.replace


def without_refused(
    complaint: Complaint, request: ModelRequest, owner: Owner, choices: WireChoices, *, stream: bool
) -> WireChoices | None:
    """Return the choices with which the request is sent again. None: no other choice answers the complaint."""
    if not names_missing(complaint):
        named = _first_named(complaint, _own_parameters(request, choices, stream=stream))
        if named == "max_tokens":
            return _replace(choices, max_completion_tokens=True) if _wants_other_name(complaint) else None
        if named is not None:
            return _replace(choices, dropped=choices.dropped | {named})
        if fields := _opaque_fields(complaint, request.messages, owner, choices):
            return _replace(choices, without_opaque=choices.without_opaque | fields)
    if not choices.empty_content and _names_null_content(complaint) and any(map(_is_null, request.messages)):
        return _replace(choices, empty_content=True)
    return None


def without_stream(complaint: Complaint, request: ModelRequest, choices: WireChoices) -> WireChoices | None:
    """Return the choices with which the reply comes in one piece. None: the complaint is not about streaming."""
    if not ("stream" in complaint.paths or _NO_STREAM.search(complaint.text)):
        return None
    if "stream" in choices.dropped | request.extra.keys():
        return None
    return _replace(choices, dropped=choices.dropped | {"stream", "stream_options"})


def names_missing(complaint: Complaint) -> bool:
    """Return whether the complaint is about what the request lacks, and not about what it has."""
    return _IS_MISSED.search(complaint.text) is not None


def refused_name(complaint: Complaint, request: ModelRequest) -> str | None:
    """Return the name of the refused parameter or field, for an error's sentence. None: the complaint names none.

    Only what the request holds, or could hold, is named: a complaint may quote anything.
    """
    known = {*DROPPABLE, *_NEVER_DROPPED, *request.extra}
    for path in complaint.paths:
        if _PATH.fullmatch(path) and re.split(r"[.\[]", path)[0] in known | _ONLY_PATHS:
            return path
    sent = {squashed(name): name for name in known if name in request.extra or name not in ("tools", "tool_choice")}
    if request.tools:
        sent |= {"tools": "tools", "toolchoice": "tool_choice"}
    named = next((sent[word] for word in map(squashed, complaint.words) if word in sent), None)
    if named is not None:
        return named
    # reasoning_effort of `extra` is reasoning.effort at the Responses API
    return next((name for name in request.extra if "_" in name and name.replace("_", ".") in complaint.text), None)


def _own_parameters(request: ModelRequest, choices: WireChoices, *, stream: bool) -> frozenset[str]:
    """Return the parameters that the server sets itself and that can be left out or renamed."""
    own = {
        "temperature": request.temperature is not None,
        "stream_options": stream,
        "response_format": request.response_schema is not None and request.response_mode != "prompt",
        "max_tokens": request.max_tokens is not None and not choices.max_completion_tokens,
    }
    return frozenset(name for name, is_set in own.items() if is_set) - choices.dropped - request.extra.keys()


def _first_named(complaint: Complaint, names: Iterable[str]) -> str | None:
    by_word = {squashed(name): name for name in names}
    found = next((by_word[word] for word in map(squashed, complaint.words) if word in by_word), None)
    if found is not None:
        return found
    text = " ".join((*complaint.paths, complaint.text))
    others = (name for pattern, name in _OTHER_NAMES.items() if re.search(pattern, text, re.I))
    return next((name for name in others if name in by_word.values()), None)


def _wants_other_name(complaint: Complaint) -> bool:
    """Return whether `max_tokens` is refused for its name, and not for its value."""
    return _RENAMED in complaint.words or _UNSUPPORTED.search(complaint.text) is not None


def _opaque_fields(
    complaint: Complaint, messages: Iterable[Message], owner: Owner, choices: WireChoices
) -> frozenset[str]:
    """Return the opaque fields of the messages that the complaint names, or else all those that hold reasoning."""
    sent = opaque_names(messages, owner) - choices.without_opaque
    words = complaint.words if sent else []
    if named := sent.intersection(words):
        return frozenset(named)
    if any(_REASONING.match(word.lower()) and word not in DROPPABLE for word in words):
        return frozenset(name for name in sent if _REASONING.match(name))
    return frozenset()


def _names_null_content(complaint: Complaint) -> bool:
    words = {word.lower() for word in complaint.words}
    return "content" in words and not words.isdisjoint(_NO_TEXT)


def _is_null(message: Message) -> bool:
    """Return whether the message is a reply of calls alone, whose content is sent as null."""
    texts = (part.text if isinstance(part, TextPart) else " " for part in message.content)
    return message.role == "assistant" and bool(message.tool_calls) and not "".join(texts)
