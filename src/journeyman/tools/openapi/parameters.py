"""Reads the parameters of an operation: where each is in the request, and how it is written there."""

from __future__ import annotations

import re
from typing import Literal, cast

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.references import Node, References, UnusableError
from journeyman.tools.openapi.schemas import DESCRIPTION_CAP, Schemas, short_text

Location = Literal["path", "query", "header"]
Style = Literal["simple", "form", "spaceDelimited", "pipeDelimited", "deepObject", "json"]

MAX_PARAMETERS = 100
BODY = "body"  # the argument that becomes the request's body

_STYLES: dict[str, tuple[Style, ...]] = {
    "path": ("simple",),
    "header": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
}
_INVOKER_HEADERS = frozenset({"accept", "content-type", "authorization", "idempotency-key"})  # set by the invoker
_CONNECTION_HEADERS = (
    "connection content-length cookie expect host keep-alive proxy-authorization te trailer transfer-encoding"
)
_REFUSED_HEADERS = frozenset({*_CONNECTION_HEADERS.split(), "upgrade"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of an operation. The style `json` means that its value is written as JSON."""

    name: str  # in the API
    argument: str  # in the tool's schema
    location: Location = msgspec.field(name="place")  # encoded as in 0.1, since the tool's code hash covers it
    style: Style
    explode: bool
    required: bool


class ArgumentSchema:
    """The JSON Schema of a tool's arguments while it is built."""

    def __init__(self) -> None:
        self.properties: dict[str, JSON] = {}
        self.required: list[str] = []

    def add(self, argument: str, schema: JSON, required: bool, description: str) -> None:
        """Add an argument."""
        if description:
            schema = (
                {**schema, "description": description} if isinstance(schema, dict) else {"description": description}
            )
        self.properties[argument] = schema
        if required:
            self.required.append(argument)

    def unique_name(self, name: str, location: str, with_body: bool) -> str:
        """Return a name for a parameter's argument: the parameter's own, with its location if that is taken."""
        wanted = _UNSAFE.sub("_", name)[:60] or "_"
        if wanted in self.properties or (with_body and wanted == BODY):
            wanted = f"{wanted}_in_{location}"
        return next(free for free in (wanted, *(f"{wanted}_{n}" for n in range(2, 200))) if free not in self.properties)


def merged_parameters(references: References, holders: list[Node]) -> list[Node]:
    """Return the parameters of a path item and its operation; the operation's override. Raises UnusableError."""
    found: dict[tuple[JSON, JSON], Node] = {}
    for holder in holders:
        for item in holder.listed("parameters"):
            node = references.resolve(item)
            found[str(node.value.get("in")), str(node.value.get("name"))] = node
    if len(found) > MAX_PARAMETERS:
        raise UnusableError(holders[-1].path, f"the operation has more than {MAX_PARAMETERS} parameters")
    return list(found.values())


def read_parameter(node: Node, schemas: Schemas, arguments: ArgumentSchema, with_body: bool) -> Parameter | None:
    """Read a parameter and add its schema to `arguments`. Returns None for a header that the invoker sets.

    Raises UnusableError.
    """
    name, location = node.value.get("name"), node.value.get("in")
    if not isinstance(name, str) or not name or len(name) > 200:
        raise UnusableError(node.path, "the parameter has no `name`", "correct the document")
    if location == "cookie":
        raise UnusableError(node.path, f"the parameter {name!r} is a cookie, which is not supported", "remove it")
    if location not in _STYLES:
        raise UnusableError(node.path, f"the parameter {name!r} is in no known place", "use path, query or header")
    if location == "header" and _is_set_by_invoker(name, node):
        return None
    required = node.value.get("required") is True or location == "path"
    style, explode, schema = _style_and_schema(node, name, location)
    argument = arguments.unique_name(name, location, with_body)
    description = short_text(node.value.get("description"), DESCRIPTION_CAP)
    arguments.add(argument, schemas.convert(schema) if schema else {}, required, description)
    return Parameter(
        name=name, argument=argument, location=cast(Location, location), style=style, explode=explode, required=required
    )


def _is_set_by_invoker(name: str, node: Node) -> bool:
    """Check whether the invoker sets this header. Raises UnusableError if no parameter may set it."""
    if name.lower() in _REFUSED_HEADERS or not _TOKEN.fullmatch(name):
        raise UnusableError(node.path, f"the header {name!r} cannot be a parameter", "remove it from the document")
    return name.lower() in _INVOKER_HEADERS


def _style_and_schema(node: Node, name: str, location: str) -> tuple[Style, bool, Node | None]:
    """Return the style, `explode`, and the schema's node, None if there is no schema. Raises UnusableError."""
    content = node.mapping("content")
    if content.value:
        media = next(iter(content.value))
        if "json" not in media:
            message = f"the parameter {name!r} is written as {media[:60]}, which is not supported"
            raise UnusableError(content.path, message, "use a schema, or application/json")
        holder = content.mapping(media)
        return "json", False, holder.child("schema") if "schema" in holder.value else None
    style = node.value.get("style", _STYLES[location][0])
    if style not in _STYLES[location]:
        message = f"the parameter {name!r} has the style {str(style)[:40]!r}, which is not supported in a {location}"
        raise UnusableError(node.path, message, f"use {' or '.join(_STYLES[location])}")
    explode = node.value.get("explode", style in ("form", "deepObject"))
    return style, explode is True, node.child("schema") if "schema" in node.value else None
