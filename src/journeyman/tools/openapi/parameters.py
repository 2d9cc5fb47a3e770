"""An operation's parameters: where each goes, and how it is written there."""

from __future__ import annotations

import re
from typing import Literal, cast

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.references import Node, References, UnusableError
from journeyman.tools.openapi.schemas import DESCRIPTION_CAP, Schemas, short_text

Place = Literal["path", "query", "header"]
Style = Literal["simple", "form", "spaceDelimited", "pipeDelimited", "deepObject", "json"]

MAX_PARAMETERS = 100
BODY = "body"  # the argument that is a request's body

_STYLES: dict[str, tuple[Style, ...]] = {
    "path": ("simple",),
    "header": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
}
_OURS = frozenset({"accept", "content-type", "authorization", "idempotency-key"})  # headers that a call sends by itself
_TRANSPORTS = "connection content-length cookie expect host keep-alive proxy-authorization te trailer transfer-encoding"
_REFUSED = frozenset({*_TRANSPORTS.split(), "upgrade"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the API's, `argument` the tool's. The style `json` is the value as JSON text."""

    name: str
    argument: str
    place: Place
    style: Style
    explode: bool
    required: bool


class ArgumentSchema:
    """Gathers the JSON Schema of a tool's arguments."""

    def __init__(self) -> None:
        self.properties: dict[str, JSON] = {}
        self.required: list[str] = []

    def add(self, argument: str, schema: JSON, required: bool, description: str) -> None:
        if description:
            schema = (
                {**schema, "description": description} if isinstance(schema, dict) else {"description": description}
            )
        self.properties[argument] = schema
        if required:
            self.required.append(argument)

    def free_name(self, name: str, place: str, reserved: bool) -> str:
        """The parameter's name as an argument's; with its place where two have one name."""
        wanted = _UNSAFE.sub("_", name)[:60] or "_"
        if wanted in self.properties or (reserved and wanted == BODY):
            wanted = f"{wanted}_in_{place}"
        return next(free for free in (wanted, *(f"{wanted}_{n}" for n in range(2, 200))) if free not in self.properties)


def gather(references: References, holders: list[Node]) -> list[Node]:
    """The parameters of a path and its operation: the operation's come in place of the path's. Raises UnusableError."""
    found: dict[tuple[JSON, JSON], Node] = {}
    for holder in holders:
        for item in holder.listed("parameters"):
            node = references.resolve(item)
            found[str(node.value.get("in")), str(node.value.get("name"))] = node
    if len(found) > MAX_PARAMETERS:
        raise UnusableError(holders[-1].path, f"the operation has more than {MAX_PARAMETERS} parameters")
    return list(found.values())


def read_parameter(node: Node, schemas: Schemas, arguments: ArgumentSchema, with_body: bool) -> Parameter | None:
    """One parameter, its schema added to `arguments`; None for one that a call sends by itself.

    Raises UnusableError.
    """
    name, place = node.value.get("name"), node.value.get("in")
    if not isinstance(name, str) or not name or len(name) > 200:
        raise UnusableError(node.path, "the parameter has no `name`", "correct the document")
    if place == "cookie":
        raise UnusableError(node.path, f"the parameter {name!r} is a cookie, which is not supported", "remove it")
    if place not in _STYLES:
        raise UnusableError(node.path, f"the parameter {name!r} is in no known place", "use path, query or header")
    if place == "header" and _is_ours(name, node):
        return None
    required = node.value.get("required") is True or place == "path"
    style, explode, schema = _written(node, name, place)
    argument = arguments.free_name(name, place, with_body)
    description = short_text(node.value.get("description"), DESCRIPTION_CAP)
    arguments.add(argument, schemas.convert(schema) if schema else {}, required, description)
    return Parameter(
        name=name, argument=argument, place=cast(Place, place), style=style, explode=explode, required=required
    )


def _is_ours(name: str, node: Node) -> bool:
    if name.lower() in _REFUSED or not _TOKEN.fullmatch(name):
        raise UnusableError(node.path, f"the header {name!r} cannot be a parameter", "remove it from the document")
    return name.lower() in _OURS


def _written(node: Node, name: str, place: str) -> tuple[Style, bool, Node | None]:
    """Style, explode, and the schema's node, if there is one."""
    content = node.mapping("content")
    if content.value:
        media = next(iter(content.value))
        if "json" not in media:
            message = f"the parameter {name!r} is written as {media[:60]}, which is not supported"
            raise UnusableError(content.path, message, "use a schema, or application/json")
        holder = content.mapping(media)
        return "json", False, holder.child("schema") if "schema" in holder.value else None
    style = node.value.get("style", _STYLES[place][0])
    if style not in _STYLES[place]:
        message = f"the parameter {name!r} has the style {str(style)[:40]!r}, which is not supported in a {place}"
        raise UnusableError(node.path, message, f"use {' or '.join(_STYLES[place])}")
    explode = node.value.get("explode", style in ("form", "deepObject"))
    return style, explode is True, node.child("schema") if "schema" in node.value else None
