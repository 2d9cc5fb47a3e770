"""Nodes of an OpenAPI document, and its `$ref`s, which are followed only within the document."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from journeyman.events.messages import JSON

DocumentPath = tuple[str | int, ...]
MAX_HOPS = 16  # references that may lead to one another


class DocumentFault(NamedTuple):
    """A part of the document that cannot be used: its path, and why."""

    path: DocumentPath
    message: str
    remedy: str | None = None


class UnusableError(Exception):
    """A part of the document cannot be used; `fault` says why."""

    def __init__(self, path: DocumentPath, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.fault = DocumentFault(path, message, remedy)


class Node(NamedTuple):
    """A value of the document, and its path."""

    value: JSON
    path: DocumentPath

    def child(self, key: str | int) -> Node:
        """Return the node under `key`, which must exist."""
        return Node(self.value[key], (*self.path, key))

    def mapping(self, key: str) -> Node:
        """Return the mapping under `key`; an empty one if it is absent. Raises UnusableError if it is not a mapping."""
        value = self.value.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise UnusableError((*self.path, key), f"`{key}` must be a mapping", "correct the document")
        return Node(value, (*self.path, key))

    def listed(self, key: str) -> list[Node]:
        """Return the items of the list under `key`; none if it is absent. Raises UnusableError if it is not a list."""
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
        """Return the mapping that `node` is or refers to. Raises UnusableError."""
        start = node
        for _ in range(MAX_HOPS):
            if not isinstance(node.value, dict):
                raise UnusableError(node.path, "this must be a mapping", "correct the document")
            if "$ref" not in node.value:
                return node
            node = self.target(node)
        raise UnusableError(start.path, "the reference leads to nothing but references", "correct the document")

    def target(self, node: Node) -> Node:
        """Return the node that the `$ref` of `node` names. Raises UnusableError if it is not in this document."""
        reference, location = node.value["$ref"], (*node.path, "$ref")
        if not isinstance(reference, str):
            raise UnusableError(location, "a $ref must be text", "write #/components/…")
        if reference.startswith("#") and not reference.startswith("#/"):
            message = f"the reference {reference[:100]!r} is no path in the document"
            raise UnusableError(location, message, "write #/components/…")
        if not reference.startswith("#/"):
            message = f"the reference {reference[:100]!r} leads out of the document"
            raise UnusableError(location, message, "put what it names into the document: nothing is fetched")
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
                raise UnusableError(location, message, "correct it") from exc
            path = (*path, key)
        return Node(value, path)
