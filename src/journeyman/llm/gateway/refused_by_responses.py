"""Whether a complaint asks for the Responses API, and how to send a request again that this API refuses. Pure."""

from __future__ import annotations

import re

import msgspec

from journeyman.events.messages import Owner
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.complaint import Complaint, squashed
from journeyman.llm.gateway.output_items import OUTPUT, item_ids, item_names
from journeyman.llm.gateway.refused_part import names_missing, refused_name
from journeyman.llm.gateway.wire_choices import WireChoices

_ASKS_FOR_IT = re.compile(
    r"v1/responses|/responses\b|\bresponses (?:api|endpoint)\b"
    r"|\bchatCompletion operation does not work\b"  # Azure
    r"|\bnot a chat model\b"  # OpenAI
    r"|\bunsupported_api_for_model\b|not accessible via the /chat/completions",  # GitHub Copilot
    re.I,
)
_DROPPABLE = {  # parameters, with the first words of the paths that name them
    "temperature": ("temperature",),
    "response_format": ("text", "response_format"),
    "include": ("include",),
    "store": ("store",),
}
_ENCRYPTED = "invalidencryptedcontent"
_SEALED = re.compile(r"encrypted[ _]content", re.I)
_IN_TEXT = {  # what a complaint without a path says of a parameter
    "temperature": re.compile(r"\btemperature\b", re.I),
    "response_format": re.compile(r"\btext\.format\b|json[ _](?:schema|object)|structured.?outputs?", re.I),
    "include": re.compile(r"\bencrypted content is not supported|[`'\"]include\b", re.I),
    "store": re.compile(r"[`'\"]store\b", re.I),
}

_replace = msgspec.structs.replace


def asks_for_responses(complaint: Complaint) -> bool:
    """Return whether the refusal of a chat completion says that the model has the Responses API only."""
    return _ASKS_FOR_IT.search(complaint.text) is not None


def without_refused_items(
    complaint: Complaint, request: ModelRequest, owner: Owner, choices: WireChoices
) -> WireChoices | None:
    """Return the choices with which the request is sent again. None: no other choice answers the complaint."""
    if (named := _parameter(complaint, request, choices)) is not None:
        return _replace(choices, dropped=choices.dropped | {named})
    if OUTPUT in choices.without_opaque or names_missing(complaint):
        return None
    if _quotes_item(complaint, request, owner):
        return _replace(choices, without_opaque=choices.without_opaque | {OUTPUT})
    if any(not path.startswith("input") for path in complaint.paths):
        return None
    sent = item_names(request.messages, owner) - choices.without_opaque
    if not sent or (not complaint.paths and refused_name(complaint, request)):
        return None
    refused = sent.intersection(complaint.words) or {OUTPUT}  # a complaint that names nothing may be about any item
    return _replace(choices, without_opaque=choices.without_opaque | refused)


def lasting(choices: WireChoices) -> WireChoices:
    """Return the choices that hold for later requests too: what one thread's items caused does not."""
    if OUTPUT not in choices.without_opaque:
        return choices
    return _replace(choices, without_opaque=choices.without_opaque - {OUTPUT})


def _parameter(complaint: Complaint, request: ModelRequest, choices: WireChoices) -> str | None:
    """Return the parameter that the server sets itself, that the complaint names and that can be left out."""
    schema = request.response_schema is not None and request.response_mode != "prompt"
    own = {
        "temperature": request.temperature is not None,
        "response_format": schema,
        "include": True,
        "store": True,
    }
    names = [name for name, is_set in own.items() if is_set and name not in choices.dropped | request.extra.keys()]
    roots = {re.split(r"[.\[]", path)[0] for path in complaint.paths}
    if roots:
        return next((name for name in names if not roots.isdisjoint(_DROPPABLE[name])), None)
    return next((name for name in names if _IN_TEXT[name].search(complaint.text)), None)


def _quotes_item(complaint: Complaint, request: ModelRequest, owner: Owner) -> bool:
    """Return whether the complaint is about one stored item: its id, or what is encrypted in it."""
    if _ENCRYPTED in complaint.kinds or _SEALED.search(complaint.text):
        return bool(item_names(request.messages, owner))
    ids = item_ids(request.messages, owner)
    return any(word in ids for word in complaint.words) or any(
        squashed(item_id) in squashed(complaint.text) for item_id in ids if len(item_id) >= 8
    )
