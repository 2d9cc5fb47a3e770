"""Says in sentences which fields of a request body are wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from journeyman.api.problems import FieldProblem
from journeyman.api.schemas.runs import FORMS
from journeyman.events.messages import JSON

MOST_FIELDS = 10  # that are named in one answer: each costs another look at the body

_TYPES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "==": "exactly"}
# What msgspec says of a value that does not fit.
_MESSAGE = re.compile(r"(.*?)(?: - at `(\$[^`]*)`)?", re.DOTALL)
_WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `(\w+)`")
_WRONG_LENGTH = re.compile(r"Expected `(\w+)[^`]*` of length ([<>=]+) (\d+)")
_OUT_OF_BOUNDS = re.compile(r"Expected `\w+[^`]*` ([<>=]+) (\S+)")
_WRONG_FORM = re.compile(r"Expected `str` matching regex (.+)", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`", re.DOTALL)
_NOT_AN_OPTION = re.compile(r"Invalid (?:enum )?value (.+)", re.DOTALL)


def reason_and_path(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split msgspec's message into what is wrong and where: a path such as `$.edits.messages[3]`, `$` for the root."""
    match = _MESSAGE.fullmatch(str(error))
    assert match is not None
    return match[1], match[2] or "$"


def wrong_fields(
    body: JSON, error: msgspec.ValidationError, convert: Callable[[JSON], object]
) -> tuple[FieldProblem, ...]:
    """Return the first problem of each wrong field of a body, for up to MOST_FIELDS fields.

    `error` is what `convert` raised for the body. A decoder stops at the first problem, so that field is left out and
    the rest is converted again.
    """
    found: list[FieldProblem] = []
    rest = dict(body) if isinstance(body, dict) else {}
    left_out: set[str] = set()
    next_error: msgspec.ValidationError | None = error
    while next_error is not None and len(found) < MOST_FIELDS:
        reason, path = reason_and_path(next_error)
        name = _top_field(reason, path)
        if name in left_out:  # "missing", because it was left out
            break
        found.append(_problem(reason, path))
        if name not in rest:
            break
        left_out.add(name)
        del rest[name]
        next_error = _error_of(convert, rest)
    return tuple(found)


def _error_of(convert: Callable[[JSON], object], value: Mapping[str, JSON]) -> msgspec.ValidationError | None:
    try:
        convert(dict(value))
    except msgspec.ValidationError as exc:
        return exc
    return None


def _top_field(reason: str, path: str) -> str:
    """Return the field of the body in which the problem is; empty if it is the body itself."""
    if path != "$":
        return re.split(r"[.\[]", path.removeprefix("$."), maxsplit=1)[0]
    named = _MISSING.fullmatch(reason) or _UNKNOWN.fullmatch(reason)
    return named[1] if named else ""


def _problem(reason: str, path: str) -> FieldProblem:
    where = "body" + path.removeprefix("$")
    return FieldProblem(where, _sentence(reason, where))


def _sentence(reason: str, where: str) -> str:
    if match := _MISSING.fullmatch(reason):
        return f"`{where}.{match[1]}` is missing."
    if match := _UNKNOWN.fullmatch(reason):
        return f"`{where}.{match[1]}` is not a known field."
    return f"`{where}` {next(_complaints(reason))}."


def _complaints(reason: str) -> Iterator[str]:
    if match := _WRONG_TYPE.fullmatch(reason):
        wanted = " or ".join(_TYPES.get(name, name) for name in match[1].split(" | "))
        yield f"must be {wanted}, not {_TYPES.get(match[2], match[2])}"
    if match := _WRONG_LENGTH.fullmatch(reason):
        unit = "characters" if match[1] == "str" else "items"
        yield f"must have {_BOUNDS[match[2]]} {match[3]} {unit if match[3] != '1' else unit[:-1]}"
    if match := _OUT_OF_BOUNDS.fullmatch(reason):
        yield f"must be {_BOUNDS[match[1]]} {match[2].removesuffix('.0')}"
    if match := _WRONG_FORM.fullmatch(reason):
        form = next((form for pattern, form in FORMS.items() if repr(pattern) == match[1]), "it has another form")
        yield f"is not valid: {form}"
    if match := _NOT_AN_OPTION.fullmatch(reason):
        yield f"cannot be {match[1]}"
    yield f"is not valid: {reason}"
