"""Builds the request of a call from its arguments. Every value is quoted, so that none can change the origin. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.forms import encode_form
from journeyman.tools.openapi.operation import FIELD, FormOperation, Operation
from journeyman.tools.openapi.parameters import BODY, Parameter
from journeyman.tools.openapi.value_text import json_text, parameter_text, quoted, unusable_argument

MAX_URL = 8 * 1024  # characters
MAX_HEADER = 4 * 1024

_SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
Quote = Callable[[str], str]


class PreparedRequest(msgspec.Struct, frozen=True):
    """The parts of a request that depend on the call's arguments."""

    url: str
    headers: dict[str, str]
    body: bytes


def prepare(operation: Operation, base: str, arguments: dict[str, JSON]) -> PreparedRequest:
    """Return the request of a call. `base`: the base URL.

    Raises:
        ToolValidationError: `invalid_arguments`: a URL or a header cannot hold one of the values.
    """
    given = [
        (each, arguments[each.argument]) for each in operation.parameters if arguments.get(each.argument) is not None
    ]
    url = base + _path(operation, {each.name: (each, value) for each, value in given if each.location == "path"})
    query = "&".join(pair for each, value in given if each.location == "query" for pair in _query(each, value))
    if query:
        url = f"{url}?{query}"
    if len(url) > MAX_URL:
        raise unusable_argument(f"arguments: the address they make is longer than {MAX_URL} characters")
    headers = {each.name: _header(each, value) for each, value in given if each.location == "header"}
    body = b""
    if operation.body != "none" and BODY in arguments:
        body, headers["Content-Type"] = _body(operation, arguments[BODY])
    return PreparedRequest(url, headers, body)


def _body(operation: Operation, value: JSON) -> tuple[bytes, str]:
    """Return the body and its content type."""
    if isinstance(operation, FormOperation):
        return encode_form(operation.media, operation.fields, value)
    return json_text(value).encode(), operation.media


def _path(operation: Operation, values: dict[str, tuple[Parameter, JSON]]) -> str:
    return "/".join(_segment(segment, values) for segment in operation.path.split("/"))


def _segment(template: str, values: dict[str, tuple[Parameter, JSON]]) -> str:
    """Return a segment of the path with its parameters replaced. Raises ToolValidationError."""
    names = FIELD.findall(template)
    if not names:
        return template
    missing = next((name for name in names if name not in values), None)
    if missing is not None:
        raise unusable_argument(f"{missing}: is required")
    segment = FIELD.sub(lambda match: _simple(*values[match[1]], quoted), template)
    if segment in ("", ".", ".."):
        raise unusable_argument(f"{names[0]}: must not be empty, . or ..")
    return segment


def _header(parameter: Parameter, value: JSON) -> str:
    text = _simple(parameter, value, str)
    if len(text) > MAX_HEADER or not text.isascii() or not text.isprintable():
        raise unusable_argument(
            f"{parameter.argument}: a header carries at most {MAX_HEADER} printable ASCII characters"
        )
    return text


def _simple(parameter: Parameter, value: JSON, quote_part: Quote) -> str:
    """Return a value in the style `simple`, the one of paths and headers."""
    if parameter.style == "json":
        return quote_part(json_text(value))
    if isinstance(value, list):
        return ",".join(quote_part(parameter_text(item)) for item in value)
    if isinstance(value, dict):
        joint = "=" if parameter.explode else ","
        return ",".join(f"{quote_part(key)}{joint}{quote_part(parameter_text(item))}" for key, item in value.items())
    return quote_part(parameter_text(value))


def _query(parameter: Parameter, value: JSON) -> list[str]:
    """Return the `name=value` pairs of a query parameter."""
    name = quoted(parameter.name)
    if parameter.style == "json":
        return [f"{name}={quoted(json_text(value))}"]
    if isinstance(value, list):
        items = [quoted(parameter_text(item)) for item in value]
        if parameter.explode or parameter.style == "deepObject":
            return [f"{name}={item}" for item in items]
        return [f"{name}={_SEPARATORS[parameter.style].join(items)}"] if items else []
    if isinstance(value, dict):
        pairs = [(quoted(key), quoted(parameter_text(item))) for key, item in value.items()]
        if parameter.style == "deepObject":
            return [f"{name}%5B{key}%5D={item}" for key, item in pairs]
        if parameter.explode:
            return [f"{key}={item}" for key, item in pairs]
        separator = _SEPARATORS[parameter.style]
        return [f"{name}={separator.join(part for pair in pairs for part in pair)}"] if pairs else []
    return [f"{name}={quoted(parameter_text(value))}"]
