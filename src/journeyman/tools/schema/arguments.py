"""Checks a call's arguments in the server: from what the model wrote to the JSON that is recorded and executed."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Protocol

import msgspec

from journeyman.errors import ToolValidationError, ValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.compiled import Arguments, invalid_arguments
from journeyman.tools.schema.defaults import defaults_of
from journeyman.tools.schema.foreign_schema import ForeignSchema, SchemaProblem
from journeyman.tools.schema.simple_schema import arguments_of

_PROBLEMS_FOUND = 100

_decode = msgspec.json.Decoder().decode


class ArgumentCheck(Protocol):
    """The port of the checks: one for each way in which a tool's schema is known."""

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        """Return the arguments to record and execute.

        Raises ToolValidationError (`invalid_arguments`, worded for the model) if they do not fit.
        """
        ...


class CodeCheck(ArgumentCheck, Protocol):
    """The check of the tool's own schema, which also tells about one argument."""

    def refuses(self, name: str, value: JSON) -> bool:
        """Return whether a value does not fit the argument, whatever the others are."""
        ...


class PlainCheck:
    """The check for arguments of JSON types. It returns the converted values: "5" for an int becomes 5."""

    def __init__(self, arguments: Arguments) -> None:
        self.check = arguments.check
        self.refuses = arguments.refuses


class ConvertedCheck:
    """The check for arguments that the tool's process converts to other Python types. It returns the JSON unchanged."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        self._arguments.convert(values)
        return values

    def refuses(self, name: str, value: JSON) -> bool:
        """Return whether a value does not fit; the only one asked about is the argument's own default, which does."""
        return False


class SchemaCheck:
    """The check by a JSON Schema, for tools whose Python types this process does not know."""

    def __init__(self, schema: dict[str, JSON], *, own: bool = False) -> None:
        """`own`: the schema is of the user's own code, whose checks may take any time."""
        self._schema = schema
        self._own = own

    @cached_property
    def _compiled(self) -> ForeignSchema:
        """The compiled schema: at the first call that needs it, since the library takes 0.1 s and 8 MB."""
        try:
            return ForeignSchema(self._schema, mask="the value")  # values may be secrets
        except ValidationError as exc:
            reason = exc.message.partition(": ")[2]
            raise ToolValidationError(f"the schema of the arguments is no JSON Schema: {reason}") from exc

    def compile(self) -> SchemaCheck:
        """Compile the schema now and not at the first call. Raises ToolValidationError if it is invalid."""
        assert self._compiled is not None
        return self

    def refuse_if_costly(self) -> None:
        """Raise ToolValidationError if the schema is invalid, or if values could be too costly to check against it."""
        compiled = self._compiled
        try:
            compiled.refuse_if_costly()
        except ValidationError as exc:
            raise ToolValidationError(f"the schema of the arguments is {exc.message}") from exc

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        if problems := self._compiled.problems(values, _PROBLEMS_FOUND, bounded=not self._own):
            raise invalid_arguments([_readable(problem) for problem in problems])
        return values

    def refuses(self, name: str, value: JSON) -> bool:
        problems = self._compiled.problems({name: value}, _PROBLEMS_FOUND, bounded=not self._own)
        return any(problem.path[:1] == (name,) for problem in problems)


class BothChecks:
    """The check of the tool's code, followed by the one of the agent file's narrower schema."""

    def __init__(self, first: ArgumentCheck, second: ArgumentCheck) -> None:
        self._first, self._second = first, second

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        return self._second.check(self._first.check(values))


class FilledCheck:
    """A check that fills in the static defaults of the schema first, so that what runs is what was checked and shown.

    A default that does not fit its own argument is left out, as it was by the caller.
    """

    def __init__(self, check: CodeCheck, schema: dict[str, JSON]) -> None:
        self.unfilled = check
        self.schema = schema

    @cached_property
    def _defaults(self) -> dict[str, JSON]:
        """The defaults that fit: found at the first call, since a schema may have to be compiled for it."""
        named = defaults_of(self.schema)
        return {name: value for name, value in named.items() if not self.unfilled.refuses(name, value)}

    def check(self, values: dict[str, JSON]) -> dict[str, JSON]:
        missing = {name: copy.deepcopy(value) for name, value in self._defaults.items() if name not in values}
        if missing:
            try:
                return self.unfilled.check(values | missing)
            except ToolValidationError:
                pass  # what is wrong with the given ones is raised below; else the defaults do not fit together
        return self.unfilled.check(values)


Check = CodeCheck | FilledCheck | BothChecks


def filling(check: Check, schema: dict[str, JSON]) -> Check:
    """Return the check with the defaults of `schema` filled in before it, in place of those that it fills in."""
    if isinstance(check, BothChecks) or (isinstance(check, FilledCheck) and check.schema == schema):
        return check
    own = check.unfilled if isinstance(check, FilledCheck) else check
    return FilledCheck(own, schema) if defaults_of(schema) else own


def check_for_schema(tool: str, schema: dict[str, JSON], *, own: bool = False) -> CodeCheck:
    """Return a check for a schema: by pydantic if the schema is simple, by jsonschema-rs otherwise."""
    arguments = arguments_of(schema)
    return SchemaCheck(schema, own=own) if arguments is None else PlainCheck(Arguments(tool, arguments))


def decode_arguments(raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
    """Return a call's arguments as a dict; an empty text and null give an empty dict.

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
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ToolValidationError("arguments: must be a JSON object", code="invalid_arguments")
    return values


def _readable(problem: SchemaProblem) -> str:
    field = ".".join(str(part) for part in problem.path) or "arguments"
    return f"{field}: {problem.message[:300]}"
