"""Compiles a tool's type hints by pydantic: to the JSON Schema of its arguments, and to the check of a call's."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NotRequired

import msgspec
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic_core import PydanticSerializationError, to_jsonable_python
from typing_extensions import TypedDict

from journeyman.errors import ToolValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.defaults import defaults_of
from journeyman.tools.schema.signature import Argument, Signature

_typed_dict: Any = TypedDict  # untyped, since it is called with fields that are known at run time only
_PROBLEMS_SHOWN = 8
_REMEDY = "use str, int, float, bool, list, dict, an Enum, a dataclass or a pydantic model"


class Arguments:
    """The compiled arguments of a tool: their JSON Schema, and the check of a call's arguments."""

    def __init__(self, tool: str, arguments: tuple[Argument, ...]) -> None:
        self._adapter = _compile(tool, list(arguments))
        self.schema = _schema(tool, self._adapter, arguments)

    @classmethod
    def of(cls, tool: str, signature: Signature) -> Arguments:
        """Compile the arguments of a signature. Raises ToolValidationError if one has no JSON Schema."""
        return cls(tool, signature.arguments)

    def check(self, values: dict[str, JSON]) -> dict[str, Any]:
        """Check `values` and return them as Python values by keyword. Arguments that are not given are left out.

        Raises:
            ToolValidationError: `invalid_arguments`, with one `field: problem` for each field that does not fit.
        """
        try:
            return self._adapter.validate_python(values)  # type: ignore[no-any-return]
        except ValidationError as exc:
            raise invalid_arguments([_readable(error) for error in exc.errors(include_url=False)]) from None
        except Exception as exc:  # from a validator of the user, or nested too deep for pydantic
            raise invalid_arguments([f"arguments: {type(exc).__name__}: {exc}"[:300]]) from exc

    def convert(self, values: dict[str, JSON]) -> dict[str, Any]:
        """Check `values` and return what the tool's function is called with. Raises as `check`.

        A value that is the default in JSON is left out: the function's own default need not have a JSON form that can
        be converted back.
        """
        own = self._encoded_defaults
        return self.check({name: value for name, value in values.items() if not _is_default(own.get(name), value)})

    def refuses(self, name: str, value: JSON) -> bool:
        """Return whether a value is not one of the argument's type as it is, without a conversion."""
        try:
            self._adapter.validate_python({name: value}, strict=True)
        except ValidationError as exc:
            return any(error["loc"][:1] == (name,) for error in exc.errors(include_url=False))
        except Exception:  # noqa: BLE001 - from a validator of the user
            return True
        return False

    @cached_property
    def _encoded_defaults(self) -> dict[str, bytes]:
        return {name: msgspec.json.encode(value) for name, value in defaults_of(self.schema).items()}


def _is_default(default: bytes | None, value: JSON) -> bool:
    return default is not None and default == msgspec.json.encode(value)


def invalid_arguments(problems: list[str]) -> ToolValidationError:
    """Return one error for the model that lists the problems; it does not repeat the values."""
    shown = problems[:_PROBLEMS_SHOWN]
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more")
    fields = [_field_of(problem) for problem in problems[:_PROBLEMS_SHOWN]]
    return ToolValidationError("; ".join(shown), code="invalid_arguments", fields=fields)


def _field_of(problem: str) -> tuple[str, str]:
    """Return the argument of a problem, and what is wrong with it."""
    field, _, text = problem.partition(": ")
    return field, text


def _readable(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "arguments"
    if error["type"] == "extra_forbidden":
        return f"{field}: there is no such argument"
    if error["type"] == "missing":
        return f"{field}: is required"
    return f"{field}: {error['msg'][:300]}"


def _compile(tool: str, arguments: list[Argument]) -> TypeAdapter[Any]:
    """Return the pydantic adapter of the arguments. Raises ToolValidationError that names the one at fault."""
    try:
        fields = {a.name: a.hint if a.required else NotRequired[a.hint] for a in arguments}
        shape = with_config(ConfigDict(extra="forbid"))(_typed_dict("Arguments", fields))
        if any(_is_bytes(argument.hint) for argument in arguments):
            raise TypeError("JSON cannot carry bytes")
        return TypeAdapter(shape)
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError) as exc:
        if len(arguments) > 1 and (faults := [fault for each in arguments if (fault := _fault(tool, each))]):
            raise ToolValidationError("; ".join(faults)) from exc
        reason = str(exc).splitlines()[0][:200]
        raise ToolValidationError(f"tool {tool!r}: argument {arguments[0].name!r}: {reason}: {_REMEDY}") from exc


def _fault(tool: str, argument: Argument) -> str | None:
    """Return why an argument has no JSON Schema; None if it has one."""
    try:
        _compile(tool, [argument])
    except ToolValidationError as exc:
        return exc.message
    return None


def _is_bytes(hint: Any) -> bool:
    return hint in (bytes, bytearray, memoryview) or (
        hasattr(hint, "__metadata__") and getattr(hint, "__origin__", None) in (bytes, bytearray)
    )


def _schema(tool: str, adapter: TypeAdapter[Any], arguments: tuple[Argument, ...]) -> dict[str, JSON]:
    try:
        schema = adapter.json_schema()
    except (PydanticInvalidForJsonSchema, PydanticUserError) as exc:
        culprit = next((a.name for a in arguments if not _has_schema(a)), "?")
        reason = str(exc).splitlines()[0][:200]
        raise ToolValidationError(f"tool {tool!r}: argument {culprit!r}: {reason}: {_REMEDY}") from exc
    _drop_titles(schema)
    schema.pop("description", None)
    schema.setdefault("properties", {})
    for argument in arguments:
        _complete(tool, argument, schema["properties"][argument.name])
    return schema


def _has_schema(argument: Argument) -> bool:
    """Check that pydantic can make a JSON Schema of the argument's type."""
    try:
        TypeAdapter(argument.hint).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticUserError):
        return False
    return True


def _complete(tool: str, argument: Argument, node: dict[str, JSON]) -> None:
    """Add the argument's description and default to its schema."""
    if argument.description:
        node.setdefault("description", argument.description)
    if argument.required:
        return
    try:
        node["default"] = to_jsonable_python(argument.default, inf_nan_mode="strings")
    except (PydanticSerializationError, ValueError) as exc:
        raise ToolValidationError(
            f"tool {tool!r}: argument {argument.name!r}: its default is not JSON: use None, or a value that is"
        ) from exc


def _drop_titles(node: JSON) -> None:
    """Remove the titles that pydantic derives from names; a property called `title` stays."""
    if isinstance(node, list):
        for item in node:
            _drop_titles(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    for key, value in node.items():
        if key in ("properties", "$defs"):
            for child in value.values():
                _drop_titles(child)
        elif key not in ("default", "const", "enum", "examples"):
            _drop_titles(value)
