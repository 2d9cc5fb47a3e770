"""The operations of an OpenAPI document (3.0 or 3.1). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from journeyman.events.messages import JSON
from journeyman.tools.openapi.address import first_server
from journeyman.tools.openapi.operation import METHODS, OperationReader, ReadOperation
from journeyman.tools.openapi.references import DocumentFault, DocumentPath, Node, References, UnusableError

_VERSION = re.compile(r"3\.(0|1)\.\d+")
_UNSUPPORTED = ("options", "trace")


class FoundOperation(NamedTuple):
    """An operation of a document: its path, its method in small letters, and the path item that holds it."""

    path: str
    method: str
    item: Node

    @property
    def location(self) -> DocumentPath:
        """Where it is in the document."""
        return (*self.item.path, self.method)


class Api:
    """The operations of one document, each named by its `operationId` or by `METHOD /path`."""

    def __init__(self, data: JSON) -> None:
        """Find the operations in a document. Raises UnusableError if it is not OpenAPI 3.0 or 3.1."""
        version = data.get("openapi") if isinstance(data, dict) else None
        found = _VERSION.fullmatch(str(version))
        if found is None:
            given = "Swagger 2.0" if isinstance(data, dict) and "swagger" in data else "not OpenAPI 3.0 or 3.1"
            raise UnusableError(("openapi",), f"the document is {given}", "convert it to OpenAPI 3.0 or 3.1")
        self._root = Node(data, ())
        self._dialect = (3, int(found[1]))
        self._references = References(data)
        self._by_id: dict[str, list[FoundOperation]] = {}
        self._by_path: dict[str, FoundOperation] = {}  # METHOD /path
        self._unnamed: list[str] = []  # keys of `_by_path` that have no operationId
        self._elsewhere: dict[str, DocumentFault] = {}  # paths behind a reference that cannot be resolved
        self._find(self._root.mapping("paths"))

    @property
    def names(self) -> list[str]:
        """The `operationId` of every operation, or `METHOD /path` where there is none."""
        return [*self._by_id, *self._unnamed]

    def operation(self, name: str) -> FoundOperation | None:
        """Return the operation of this name; None if there is none."""
        return self._by_id[name][0] if name in self._by_id else self._by_path.get(name)

    def unresolved_paths(self, name: str) -> list[DocumentFault]:
        """Return why paths cannot be read that may hold the operation of this name, which is not in the document."""
        _, _, path = name.partition(" ")
        if path.startswith("/"):
            return [fault for each, fault in self._elsewhere.items() if each == path]
        return list(self._elsewhere.values())

    def read(
        self, name: str, supplied: frozenset[str] = frozenset()
    ) -> tuple[ReadOperation | None, list[DocumentFault]]:
        """Read an operation of the document. Returns it, or None and everything that is wrong with it.

        `supplied`: query parameters that are credentials, and so no arguments.
        """
        found = self.operation(name)
        assert found is not None
        fault = None
        if len(self._by_id.get(name, ())) > 1:
            fault = (
                f"the operationId {name[:100]!r} is given twice",
                "make it unique, or name the operation `METHOD /path`",
            )
        elif found.method in _UNSUPPORTED:
            fault = f"the method {found.method.upper()} is not supported", "choose another operation"
        if fault is not None:
            return None, [DocumentFault(found.location, *fault)]
        reader = OperationReader(self._references, self._dialect, supplied)
        node = found.item.child(found.method)
        return reader.read(name, found.path, found.method, found.item, node), reader.faults

    def server(self, name: str) -> str:
        """Return the base URL that the document gives for an operation. Raises UnusableError."""
        found = self.operation(name)
        assert found is not None
        return first_server(found.item.child(found.method), found.item, self._root)

    def _find(self, paths: Node) -> None:
        for path in paths.value:
            try:
                item = self._references.resolve(paths.child(path))
            except UnusableError as exc:
                self._elsewhere[path] = exc.fault
                continue
            for method in (*METHODS, *_UNSUPPORTED):
                operation = item.value.get(method)
                if isinstance(operation, dict):
                    self._add(FoundOperation(path, method, item), operation.get("operationId"))

    def _add(self, found: FoundOperation, identifier: JSON) -> None:
        name = f"{found.method.upper()} {found.path}"
        self._by_path[name] = found
        if isinstance(identifier, str) and identifier:
            self._by_id.setdefault(identifier, []).append(found)
        else:
            self._unnamed.append(name)
