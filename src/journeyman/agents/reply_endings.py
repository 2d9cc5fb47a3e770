"""Decides what a reply that did not end well allows: none of its calls, or only those that came complete. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from journeyman.events.events import Failure
from journeyman.events.finish_reasons import CONTENT_FILTER, LENGTH, UNKNOWN
from journeyman.events.messages import JSON
from journeyman.events.open_calls import CallState
from journeyman.tools.spec import ToolSpec

REPLY_CUT = "reply_cut"
_CUT = {
    LENGTH: "The reply was cut off at its length limit, so none of its calls ran. Ask again, shorter.",
    CONTENT_FILTER: "The reply was stopped by a content filter, so none of its calls ran. Ask again, shorter.",
}
_INCOMPLETE = "The reply ended before the arguments of this call were complete, so it did not run. Ask again, shorter."
_WITHOUT_PARAMETERS = frozenset(("type", "title", "description", "$schema", "properties", "required"))
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def failure_of_cut(call: CallState, calls: Sequence[CallState]) -> Failure | None:
    """Return why a call of a cut or filtered reply does not run; None if its reply was neither.

    `calls` are all calls of the reply. Once one of them has started, the others run too: releases before 0.2 ran them,
    and a run of theirs continues as it began.
    """
    message = _CUT.get(call.finish_reason)
    if message is None or any(other.attempt for other in calls):
        return None
    return Failure(REPLY_CUT, message)


def failure_of_unknown(call: CallState, spec: ToolSpec) -> Failure | None:
    """Return why a call does not run if its reply ended for an unknown reason and the arguments are incomplete."""
    if call.finish_reason != UNKNOWN or _is_complete(call.arguments) or has_no_parameters(spec.parameters):
        return None
    return Failure(REPLY_CUT, _INCOMPLETE)


def usable_arguments(call: CallState) -> str | dict[str, JSON]:
    """Return the call's arguments; none if its reply ended for an unknown reason before they were complete."""
    return {} if call.finish_reason == UNKNOWN and not _is_complete(call.arguments) else call.arguments


def has_no_parameters(schema: Mapping[str, JSON]) -> bool:
    """Return whether a tool with this schema takes no arguments at all."""
    names = schema.keys() - {"additionalProperties"}
    return names <= _WITHOUT_PARAMETERS and not schema.get("properties") and not schema.get("additionalProperties")


def _is_complete(arguments: str | dict[str, JSON]) -> bool:
    if isinstance(arguments, dict):
        return True
    try:
        _object.decode(arguments)
    except (ValueError, RecursionError):
        return False
    return True
