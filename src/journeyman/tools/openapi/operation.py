"""Reads an operation of an API: its method, path, parameters and body, and the schema of a call's arguments."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.address import has_dot_segment
from journeyman.tools.openapi.body import TakenBody, taken_body
from journeyman.tools.openapi.forms import FieldEncoding
from journeyman.tools.openapi.parameters import BODY, ArgumentSchema, Parameter, merged_parameters, read_parameter
from journeyman.tools.openapi.references import DocumentFault, Node, References, UnusableError
from journeyman.tools.openapi.schemas import DESCRIPTION_CAP, Schemas, short_text

METHODS = ("get", "head", "post", "put", "patch", "delete")
SCHEMA_CAP = 64 * 1024  # bytes of a tool's schema, which is sent with every model call
TOOL_DESCRIPTION_CAP = 1000  # characters

FIELD = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}|\{\})*")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """How a call becomes a request. `path` starts with a slash and has the names of its parameters in braces."""

    id: str
    method: str  # in capitals
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Literal["none", "optional", "required"] = "none"
    media: str = "application/json"  # of the body


class FormOperation(Operation, frozen=True, kw_only=True):
    """An operation whose body is a form. This is another class, since the tool's code hash covers the fields above."""

    fields: dict[str, FieldEncoding]  # those that are not written as their values say


class ReadOperation(msgspec.Struct, frozen=True):
    """An operation, and the description and schema that a model gets of it."""

    operation: Operation
    description: str
    schema: dict[str, JSON]


class OperationReader:
    """Reads one operation, and collects in `faults` what is wrong with it.

    `supplied`: query parameters that are no arguments.
    """

    def __init__(self, references: References, dialect: tuple[int, int], supplied: frozenset[str]) -> None:
        self._references = references
        self._supplied = supplied
        self._schemas = Schemas(references, dialect)
        self._arguments = ArgumentSchema()
        self.faults: list[DocumentFault] = []

    def read(self, identifier: str, path: str, method: str, item: Node, node: Node) -> ReadOperation | None:
        """Return the operation; None if there are faults. `item`: the path item; `node`: the operation in it."""
        body = self._body(node)
        parameters = self._parameters(item, node, with_body=body is not None)
        self._check_path(path, item, parameters)
        self._read_body(body)
        schema = self._schema(node)
        if self.faults:
            return None
        operation = self._operation(identifier, method.upper(), path, tuple(parameters), body)
        return ReadOperation(operation, self._description(operation, node), schema)

    def _operation(
        self, identifier: str, method: str, path: str, parameters: tuple[Parameter, ...], body: TakenBody | None
    ) -> Operation:
        if body is None:
            return Operation(id=identifier, method=method, path=path, parameters=parameters)
        common: dict[str, Any] = {
            **{"id": identifier, "method": method, "path": path, "parameters": parameters},
            **{"body": "required" if body.is_required else "optional", "media": body.media},
        }
        return FormOperation(**common, fields=body.fields) if body.is_form else Operation(**common)

    def _parameters(self, item: Node, node: Node, with_body: bool) -> list[Parameter]:
        found: list[Parameter] = []
        try:
            given = merged_parameters(self._references, [item, node])
        except UnusableError as exc:
            self.faults.append(exc.fault)
            return found
        for each in given:
            if each.value.get("in") == "query" and str(each.value.get("name")) in self._supplied:
                continue
            try:
                parameter = read_parameter(each, self._schemas, self._arguments, with_body)
            except UnusableError as exc:
                self.faults.append(exc.fault)
            else:
                found += [parameter] if parameter else []
        return found

    def _check_path(self, path: str, item: Node, parameters: list[Parameter]) -> None:
        declared = {parameter.name for parameter in parameters if parameter.location == "path"}
        named = set(FIELD.findall(path))
        literal = FIELD.sub("{}", path)
        if not path.startswith("/") or not _LITERAL.fullmatch(literal) or has_dot_segment(literal):
            self._fault(item, f"the path {path[:100]!r} has characters that a path may not have", "quote them")
        elif not self.faults and declared != named:
            name = min(declared ^ named)
            self._fault(item, f"the path parameter {name[:60]!r} is not both in the path and declared", "correct it")

    def _body(self, node: Node) -> TakenBody | None:
        try:
            return taken_body(self._references, node)
        except UnusableError as exc:
            self.faults.append(exc.fault)
            return None

    def _read_body(self, body: TakenBody | None) -> None:
        """Add the body to the arguments."""
        if body is None:
            return
        default: JSON = {"type": "object"} if body.is_form else {}
        try:
            has_schema = "schema" in body.content.value
            schema = self._schemas.convert(body.content.child("schema")) if has_schema else default
        except UnusableError as exc:
            self.faults.append(exc.fault)
            return
        if body.is_form and isinstance(schema, dict) and "object" not in schema.get("type", ["object"]):
            self._fault(body.content, "the schema of a form must be an object", "correct the document")
        description = short_text(body.request.value.get("description"), DESCRIPTION_CAP)
        self._arguments.add(BODY, schema, body.is_required, description)

    def _schema(self, node: Node) -> dict[str, JSON]:
        schema: dict[str, JSON] = {"type": "object", "properties": self._arguments.properties}
        if self._arguments.required:
            schema["required"] = self._arguments.required
        schema["additionalProperties"] = False
        if self._schemas.definitions:
            schema["$defs"] = self._schemas.definitions
        size = len(msgspec.json.encode(schema))
        if size > SCHEMA_CAP:
            message = (
                f"the schema of its arguments has {size // 1024} KiB; at most {SCHEMA_CAP // 1024} are sent to a model"
            )
            self._fault(node, message, "choose a smaller operation, or cut the document")
        return schema

    @staticmethod
    def _description(operation: Operation, node: Node) -> str:
        parts = [short_text(node.value.get(key), TOOL_DESCRIPTION_CAP) for key in ("summary", "description")]
        text = ": ".join(dict.fromkeys(part for part in parts if part))
        return short_text(text or f"{operation.method} {operation.path}", TOOL_DESCRIPTION_CAP)

    def _fault(self, node: Node, message: str, remedy: str) -> None:
        self.faults.append(DocumentFault(node.path, message, remedy))
