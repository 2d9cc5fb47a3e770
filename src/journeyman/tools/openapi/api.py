"""The operations of an OpenAPI document (3.0 or 3.1). Pure."""

from __future__ import annotations

import re

from journeyman.events.messages import JSON
from journeyman.tools.openapi.address import first_server
from journeyman.tools.openapi.operation import METHODS, OperationReader, ReadOperation
from journeyman.tools.openapi.references import DocumentFault, DocumentPath, Node, References, UnusableError

_VERSION = re.compile(r"3\.(0|1)\.\d+")
_UNSUPPORTED = ("options", "trace")


class Api:
    """The operations of one document by their `operationId`."""

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
        self._operations: dict[str, list[tuple[str, str, Node]]] = {}  # id -> path, method, path item
        self._find(self._root.mapping("paths"))

    @property
    def operation_ids(self) -> list[str]:
        """The `operationId` of every operation that has one."""
        return list(self._operations)

    def location(self, identifier: str) -> DocumentPath:
        """Return where the operation is in the document."""
        _, method, item = self._operations[identifier][0]
        return (*item.path, method)

    def read(self, identifier: str) -> tuple[ReadOperation | None, list[DocumentFault]]:
        """Read an operation of the document. Returns it, or None and everything that is wrong with it."""
        path, method, item = self._operations[identifier][0]
        location = (*item.path, method)
        if len(self._operations[identifier]) > 1:
            return None, [DocumentFault(location, f"the operationId {identifier!r} is given twice", "make it unique")]
        if method in _UNSUPPORTED:
            return None, [
                DocumentFault(location, f"the method {method.upper()} is not supported", "choose another operation")
            ]
        reader = OperationReader(self._references, self._dialect)
        return reader.read(identifier, path, method, item, item.child(method)), reader.faults

    def server(self, identifier: str) -> str:
        """Return the base URL that the document gives for an operation. Raises UnusableError."""
        _, method, item = self._operations[identifier][0]
        return first_server(item.child(method), item, self._root)

    def _find(self, paths: Node) -> None:
        for path in paths.value:
            try:
                item = self._references.resolve(paths.child(path))
            except UnusableError:
                continue  # operations behind a reference that cannot be resolved count as unknown
            for method in (*METHODS, *_UNSUPPORTED):
                operation = item.value.get(method)
                identifier = operation.get("operationId") if isinstance(operation, dict) else None
                if isinstance(identifier, str) and identifier:
                    self._operations.setdefault(identifier, []).append((path, method, item))
