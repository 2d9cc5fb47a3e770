"""Reads the body that an operation takes: which of its media types is sent, and how a form's fields are written."""

from __future__ import annotations

import re
from typing import NamedTuple, cast

from journeyman.tools.openapi.forms import MULTIPART, URLENCODED, FieldEncoding, FormStyle
from journeyman.tools.openapi.references import DocumentPath, Node, References, UnusableError

MAX_FIELD_SCHEMAS = 1_000  # that are searched for the fields of a form

_STYLES = ("form", "spaceDelimited", "pipeDelimited", "deepObject")
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+*-]+/[A-Za-z0-9!#$&^_.+*-]+(?:;[ A-Za-z0-9!#$&^_.+=\"/-]*)?")
_BRANCHES = ("allOf", "anyOf", "oneOf")


class TakenBody(NamedTuple):
    """The body of an operation: `request` is its `requestBody`, `content` the media type that is sent."""

    request: Node
    content: Node
    media: str
    fields: dict[str, FieldEncoding]  # of a form: the fields that are not written as their values say

    @property
    def is_form(self) -> bool:
        """Whether the body is a form."""
        return self.media in (URLENCODED, MULTIPART)

    @property
    def is_required(self) -> bool:
        """Whether every call must have a body."""
        return self.request.value.get("required") is True


def taken_body(references: References, operation: Node) -> TakenBody | None:
    """Return the body of an operation: JSON if it takes that, else a form. None: it takes no body.

    Raises UnusableError if none of its media types is supported, also if the body is optional.
    """
    if "requestBody" not in operation.value:
        return None
    request = references.resolve(operation.child("requestBody"))
    content = request.mapping("content")
    for matches in (_is_json, _is_urlencoded, _is_multipart):
        name = next((name for name in content.value if matches(name)), None)
        if name is not None:
            chosen = content.mapping(name)
            media = name if matches is _is_json else _kind(name)
            return TakenBody(request, chosen, media, {} if matches is _is_json else _fields(references, chosen, media))
    if content.value or request.value.get("required") is True:
        kinds = ", ".join(content.value)[:100] or "nothing"
        message = f"the request's body is {kinds}, and only JSON and forms are supported"
        raise UnusableError(content.path, message, "choose another operation")
    return None


def _fields(references: References, content: Node, media: str) -> dict[str, FieldEncoding]:
    """Return how the fields of a form are written, but not those that are written as their values say."""
    encodings = content.mapping("encoding")
    files = _files(references, content.child("schema")) if media == MULTIPART and "schema" in content.value else set()
    given = {name: _encoding(encodings.mapping(name), name in files) for name in encodings.value}
    of_files = {name: FieldEncoding(is_file=True) for name in sorted(files) if name not in given}
    return {name: each for name, each in {**given, **of_files}.items() if each != FieldEncoding()}


def _encoding(node: Node, is_file: bool) -> FieldEncoding:
    value = node.value
    if not {"style", "explode", "allowReserved"} & value.keys():
        return FieldEncoding(content_type=_content_type(node), is_file=is_file)
    style = value.get("style", "form")
    if style not in _STYLES:
        message = f"the field {str(node.path[-1])[:60]!r} has the style {str(style)[:40]!r}, which is not supported"
        raise UnusableError(node.path, message, f"use {' or '.join(_STYLES)}")
    explode = value.get("explode", style in ("form", "deepObject")) is True
    return FieldEncoding(style=cast(FormStyle, style), explode=explode)


def _content_type(node: Node) -> str:
    """Return the first content type of a field that is no pattern; empty if it has none. Raises UnusableError."""
    given = node.value.get("contentType", "")
    kinds = [kind.strip() for kind in given.split(",")] if isinstance(given, str) and given else []
    if not isinstance(given, str) or not all(_CONTENT_TYPE.fullmatch(kind) for kind in kinds):
        raise UnusableError(node.path, "the `contentType` of a field must be a media type", "correct the document")
    return next((kind for kind in kinds if "*" not in kind), "")


def _files(references: References, schema: Node) -> set[str]:
    """Return the fields whose values, or the items of them, are files."""
    found: set[str] = set()
    seen: set[DocumentPath] = set()
    waiting = [schema]
    while waiting and len(seen) < MAX_FIELD_SCHEMAS:
        node = _resolved(references, waiting.pop())
        if node is None or node.path in seen:
            continue
        seen.add(node.path)
        waiting += [branch for key in _BRANCHES for branch in node.listed(key)]
        properties = node.mapping("properties")
        found |= {name for name in properties.value if _is_file(references, properties.child(name))}
    return found


def _is_file(references: References, schema: Node) -> bool:
    node = _resolved(references, schema)
    if node is not None and "items" in node.value:
        node = _resolved(references, node.child("items"))
    if node is None or "contentEncoding" in node.value:
        return False
    return node.value.get("format") == "binary" or "contentMediaType" in node.value


def _resolved(references: References, node: Node) -> Node | None:
    """Return the mapping that `node` is or refers to; None for a schema that is true or false, or is not usable."""
    try:
        return references.resolve(node)
    except UnusableError:
        return None  # it is reported where the schema is converted


def _kind(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    kind = _kind(media)
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _is_urlencoded(media: str) -> bool:
    return _kind(media) == URLENCODED


def _is_multipart(media: str) -> bool:
    return _kind(media) == MULTIPART
