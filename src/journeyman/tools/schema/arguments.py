"""The check of a call's arguments in the server: from what the model wrote to arguments that may be executed."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import msgspec

from journeyman.errors import ToolValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.compiled import Arguments, invalid_arguments
from journeyman.tools.schema.simple_schema import arguments_of

_decode = msgspec.json.Decoder().decode


class ArgumentCheck(Protocol):
    """Refuses arguments that do not fit, and gives back the JSON to be recorded and executed."""

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        """Raises ToolValidationError `invalid_arguments`, readable by a model."""
        ...


class PlainCheck:
    """For arguments that stay JSON: the checked values themselves ("5" for an int is 5)."""

    def __init__(self, arguments: Arguments) -> None:
        self.check = arguments.check


class ConvertedCheck:
    """For arguments that become other Python types when the tool runs: the JSON stays as it came."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        self._arguments.check(values)
        return values


class SchemaCheck:
    """For a JSON Schema whose Python types this process does not know."""

    def __init__(self, schema: dict[str, JSON]) -> None:
        self._schema = schema

    @cached_property
    def _validator(self) -> Any:
        # 0.1 s and 8 MB at import: paid at the first call that needs it.
        import jsonschema_rs  # noqa: PLC0415

        try:
            # Masked: messages name the fault and not the value, which may be a secret.
            return jsonschema_rs.validator_for(self._schema, mask="the value", retriever=_no_network)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
            raise ToolValidationError(f"the schema of the arguments is no JSON Schema: {str(exc)[:200]}") from exc

    def compile(self) -> SchemaCheck:
        """Raises ToolValidationError now, and not at the first call, when the schema is none."""
        assert self._validator is not None
        return self

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        if self._validator.is_valid(values):
            return values
        raise invalid_arguments([_readable(error) for error in self._validator.iter_errors(values)])


class BothChecks:
    """The code's check, then the agent file's narrower schema."""

    def __init__(self, first: ArgumentCheck, second: ArgumentCheck) -> None:
        self._first, self._second = first, second

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        return self._second.check(self._first.check(values))


def check_for_schema(tool: str, schema: dict[str, JSON]) -> ArgumentCheck:
    """A check made from the schema alone: by pydantic where the schema is simple, by jsonschema-rs otherwise."""
    arguments = arguments_of(schema)
    return SchemaCheck(schema) if arguments is None else PlainCheck(Arguments(tool, arguments))


def decode_arguments(raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
    """Arguments as a dict; an empty text is no arguments.

    Raises:
        ToolValidationError: `invalid_arguments`: not JSON, or not an object.
    """
    if isinstance(raw, dict):
        return raw
    if not raw.strip():
        return {}
    try:
        values = _decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        raise ToolValidationError(f"arguments: not JSON: {exc}", code="invalid_arguments") from exc
    if not isinstance(values, dict):
        raise ToolValidationError("arguments: must be a JSON object", code="invalid_arguments")
    return values


def _no_network(uri: str) -> JSON:
    raise ValueError(f"a schema must not refer to {uri[:100]}: write it out")


def _readable(error: Any) -> str:
    field = ".".join(str(part) for part in error.instance_path) or "arguments"
    return f"{field}: {error.message[:300]}"
