"""An OpenAPI document (3.0 or 3.1) as the operations it holds. Pure."""

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
        """Raises UnusableError when this is no OpenAPI 3.0 or 3.1 document."""
        version = data.get("openapi") if isinstance(data, dict) else None
        found = _VERSION.fullmatch(str(version))
        if found is None:
            given = "Swagger 2.0" if isinstance(data, dict) and "swagger" in data else "not OpenAPI 3.0 or 3.1"
            raise UnusableError(("openapi",), f"the document is {given}", "convert it to OpenAPI 3.0 or 3.1")
        self._root = Node(data, ())
        self._dialect = (3, int(found[1]))
        self._references = References(data)
        self._places: dict[str, list[tuple[str, str, Node]]] = {}
        self._find(self._root.mapping("paths"))

    @property
    def operation_ids(self) -> list[str]:
        return list(self._places)

    def place(self, identifier: str) -> DocumentPath:
        """Where the operation stands."""
        _, method, item = self._places[identifier][0]
        return (*item.path, method)

    def read(self, identifier: str) -> tuple[ReadOperation | None, list[DocumentFault]]:
        """The operation, which there must be, or everything wrong with it."""
        path, method, item = self._places[identifier][0]
        place = (*item.path, method)
        if len(self._places[identifier]) > 1:
            return None, [DocumentFault(place, f"the operationId {identifier!r} is given twice", "make it unique")]
        if method in _UNSUPPORTED:
            return None, [
                DocumentFault(place, f"the method {method.upper()} is not supported", "choose another operation")
            ]
        reader = OperationReader(self._references, self._dialect)
        return reader.read(identifier, path, method, item, item.child(method)), reader.faults

    def server(self, identifier: str) -> str:
        """The base address of the operation by the document. Raises UnusableError."""
        _, method, item = self._places[identifier][0]
        return first_server(item.child(method), item, self._root)

    def _find(self, paths: Node) -> None:
        for path in paths.value:
            try:
                item = self._references.resolve(paths.child(path))
            except UnusableError:
                continue  # an operation behind it is an unknown one
            for method in (*METHODS, *_UNSUPPORTED):
                operation = item.value.get(method)
                identifier = operation.get("operationId") if isinstance(operation, dict) else None
                if isinstance(identifier, str) and identifier:
                    self._places.setdefault(identifier, []).append((path, method, item))
