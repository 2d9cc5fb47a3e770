"""Says in sentences which fields of a request body are wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from journeyman.api.problems import FieldProblem
from journeyman.api.schemas.runs import FORMS, LARGEST_INTEGER
from journeyman.events.messages import JSON

MOST_FIELDS = 10  # that are named in one answer

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


def wrong_fields(body: JSON, model: Any, error: msgspec.ValidationError) -> tuple[FieldProblem, ...]:
    """Return the problems of a body, at any depth, for up to MOST_FIELDS fields.

    A decoder stops at the first problem, `error`. So the body is walked along the types of its model, and each field is
    converted by itself.
    """
    options = tuple(_options(model))
    chosen = _model_of(body, options)
    found: tuple[FieldProblem, ...] = ()
    if chosen is not None:
        found = tuple(islice(_object_problems(cast(dict[str, JSON], body), chosen, "body"), MOST_FIELDS))
    return found or (_value_problem(*reason_and_path(error), options, "body"),)


def _object_problems(value: dict[str, JSON], model: type[Struct], where: str) -> Iterator[FieldProblem]:
    known = {field.encode_name: field for field in fields(model)}
    tag = model.__struct_config__.tag_field
    for name, item in value.items():
        if name in known:
            yield from _field_problems(item, model, known[name], f"{where}.{name}")
        elif name != tag and model.__struct_config__.forbid_unknown_fields:
            names = _listed([*known, *([tag] if tag else [])])
            yield FieldProblem(where, f"`{where}.{name}` is not a known field: the fields are {names}.")
    for name, field in known.items():
        if field.required and name not in value:
            yield FieldProblem(where, f"`{where}.{name}` is missing.")


def _field_problems(value: JSON, model: type[Struct], field: FieldInfo, where: str) -> Iterator[FieldProblem]:
    """Yield what is wrong with the value of a field of `model`: with its own fields or items if it has some."""
    options = tuple(_options(field.type))
    inner = _model_of(value, options)
    if inner is not None:
        yield from _object_problems(cast(dict[str, JSON], value), inner, where)
        return
    problem = _problem_in(value, model, field.encode_name)
    if problem is None:
        return
    reason, path = problem
    items = [get_args(option)[0] for option in options if get_origin(option) is list]
    if items and isinstance(value, list) and path != "$":
        for number, item in enumerate(value):
            yield from _item_problems(item, model, field.encode_name, items[0], f"{where}[{number}]")
    else:
        yield _value_problem(reason, path, options, where)


def _item_problems(item: JSON, model: type[Struct], name: str, wanted: Any, where: str) -> Iterator[FieldProblem]:
    """Yield what is wrong with an item of the list in the field `name` of `model`."""
    options = tuple(_options(wanted))
    inner = _model_of(item, options)
    if inner is not None:
        yield from _object_problems(cast(dict[str, JSON], item), inner, where)
        return
    problem = _problem_in([item], model, name)
    if problem is not None:
        reason, path = problem
        yield _value_problem(reason, path.replace("[0]", "", 1), options, where)


def _problem_in(value: JSON, model: type[Struct], name: str) -> tuple[str, str] | None:
    """Return what is wrong with the value of this field, and where in it. None: nothing is.

    The field is converted as part of its model. `msgspec.convert` to a type that is not part of one corrupts memory if
    the type has a pattern.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return _problem_in(int(value), model, name)
    tag = {model.__struct_config__.tag_field: model.__struct_config__.tag} if model.__struct_config__.tag_field else {}
    try:
        msgspec.convert({**tag, name: value}, model)
    except msgspec.ValidationError as exc:
        reason, path = reason_and_path(exc)
        within = path.removeprefix(f"$.{name}")
        return (reason, f"${within}") if within != path else None  # else: another field is missing
    return None


def _options(wanted: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, without what is annotated to them."""
    if get_origin(wanted) is Annotated:
        yield from _options(get_args(wanted)[0])
    elif get_origin(wanted) in (Union, UnionType):
        for option in get_args(wanted):
            yield from _options(option)
    else:
        yield wanted


def _model_of(value: JSON, options: Sequence[Any]) -> type[Struct] | None:
    """Return which of the options describes this object. None: the value is no object, or its tag is that of none."""
    models = _models(options)
    if not isinstance(value, dict) or not models:
        return None
    if len(models) == 1 and models[0].__struct_config__.tag_field is None:
        return models[0]
    return next((model for model in models if value.get(_tag_field(model)) == model.__struct_config__.tag), None)


def _models(options: Sequence[Any]) -> list[type[Struct]]:
    return [option for option in options if isinstance(option, type) and issubclass(option, Struct)]


def _tag_field(model: type[Struct]) -> str:
    return model.__struct_config__.tag_field or ""


def _value_problem(reason: str, path: str, options: Sequence[Any], where: str) -> FieldProblem:
    """Word the problem of a value, and list what it may be if its type is a list of values."""
    within = path.removeprefix("$")
    where += within
    sentence = _sentence(reason, where)
    names = [str(name) for option in options if get_origin(option) is Literal for name in get_args(option)]
    models = _models(options)
    if models and (within == f".{_tag_field(models[0])}" or _MISSING.fullmatch(reason)):
        names = [str(model.__struct_config__.tag) for model in models]
    return FieldProblem(where, f"{sentence[:-1]}: use one of {_listed(names)}." if names else sentence)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
