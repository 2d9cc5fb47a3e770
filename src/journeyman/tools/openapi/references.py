"""Places in an OpenAPI document, and its `$ref`s: followed within the document, a bounded number of times."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from journeyman.events.messages import JSON

DocumentPath = tuple[str | int, ...]
MAX_HOPS = 16


class DocumentFault(NamedTuple):
    """Something that cannot be used, and where it stands in the document."""

    path: DocumentPath
    message: str
    remedy: str | None = None


class UnusableError(Exception):
    """A part of the document cannot be made a tool of; `fault` says why."""

    def __init__(self, path: DocumentPath, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.fault = DocumentFault(path, message, remedy)


class Node(NamedTuple):
    """A value of the document with its place."""

    value: JSON
    path: DocumentPath

    def child(self, key: str | int) -> Node:
        return Node(self.value[key], (*self.path, key))

    def mapping(self, key: str) -> Node:
        """The mapping under `key`; an empty one if it is absent. Raises UnusableError when it is no mapping."""
        value = self.value.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise UnusableError((*self.path, key), f"`{key}` must be a mapping", "correct the document")
        return Node(value, (*self.path, key))

    def listed(self, key: str) -> list[Node]:
        """The items of the list under `key`; none if it is absent. Raises UnusableError when it is no list."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise UnusableError((*self.path, key), f"`{key}` must be a list", "correct the document")
        return [Node(item, (*self.path, key, index)) for index, item in enumerate(value)]


class References:
    """Resolves the references of one document."""

    def __init__(self, data: JSON) -> None:
        self._data = data

    def resolve(self, node: Node) -> Node:
        """The mapping that `node` is, or refers to. Raises UnusableError."""
        begun = node
        for _ in range(MAX_HOPS):
            if not isinstance(node.value, dict):
                raise UnusableError(node.path, "this must be a mapping", "correct the document")
            if "$ref" not in node.value:
                return node
            node = self.target(node)
        raise UnusableError(begun.path, "the reference leads to nothing but references", "correct the document")

    def target(self, node: Node) -> Node:
        """What the `$ref` of `node` names. Raises UnusableError: not in this document."""
        reference, place = node.value["$ref"], (*node.path, "$ref")
        if not isinstance(reference, str):
            raise UnusableError(place, "a $ref must be text", "write #/components/…")
        if not reference.startswith("#/"):
            message = f"the reference {reference[:100]!r} leads out of the document"
            raise UnusableError(place, message, "put what it names into the document: nothing is fetched")
        path: DocumentPath = ()
        value = self._data
        for token in reference[2:].split("/"):
            key: str | int = unquote(token).replace("~1", "/").replace("~0", "~")
            try:
                if isinstance(value, list):
                    key = int(key)
                value = value[key]
            except (LookupError, TypeError, ValueError) as exc:
                message = f"the reference {reference[:100]!r} names nothing in the document"
                raise UnusableError(place, message, "correct it") from exc
            path = (*path, key)
        return Node(value, path)
