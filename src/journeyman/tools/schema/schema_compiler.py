"""Compiles a JSON Schema and parts of it, with patterns that match in linear time. Pure."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON

MOST_PATTERN_BYTES = 20_000_000  # of all patterns of a schema, compiled
_SIZES = (5_000, 20_000, 80_000, 320_000, 1_300_000, 5_200_000, 10_000_000)
# One kind of character, repeated, is read without going back, however large its compiled form is.
_ONE_REPEATED = re.compile(r"\^?(?:\[(?:[^\]\\]|\\.)+\]|\\[wdsWDS]|\.)(?:[*+?]|\{\d+(?:,\d*)?\})?\$?")
_ADDRESS = "schema://journeyman/"


class SchemaCompiler:
    """Compiles one schema and its parts. `mask` stands for values in messages; None: messages quote values."""

    def __init__(self, schema: dict[str, JSON], mask: str | None) -> None:
        # Importing this takes 0.1 s and 8 MB: only where a schema needs it.
        import jsonschema_rs  # noqa: PLC0415

        self._library: Any = jsonschema_rs
        self._schema = schema
        self._mask = mask
        self._sizes: dict[str, int] = {}

    def compile(self, schema: dict[str, JSON], registry: Any = None) -> Any:
        """Return the validator of a schema. Raises ValidationError (`invalid_schema`)."""
        linear = self._library.RegexOptions()
        try:
            return self._library.validator_for(
                schema, offline=True, pattern_options=linear, mask=self._mask, registry=registry
            )
        except ValueError as exc:
            reason = str(getattr(exc, "message", exc)).splitlines()[0]
            raise ValidationError(f"not a JSON Schema: {reason[:200]}", code="invalid_schema") from exc

    def member(self, name: str) -> Any:
        """Return the validator of the schema's property `name`."""
        pointer = name.replace("~", "~0").replace("/", "~1")
        return self.compile({"$ref": f"{self._address}#/properties/{quote(pointer, safe='~')}"}, self._registry)

    @property
    def _address(self) -> str:
        return self._schema.get("$id", _ADDRESS).partition("#")[0]  # type: ignore[no-any-return]

    @cached_property
    def _registry(self) -> Any:
        return self._library.Registry([(self._address, self._schema)])

    def pattern_size(self, pattern: str) -> int:
        """Return about how many bytes a compiled pattern has. Raises ValidationError (`invalid_schema`)."""
        if pattern not in self._sizes:
            size = _SIZES[0] if _ONE_REPEATED.fullmatch(pattern) else self._tried(pattern)
            self._sizes[pattern] = size
            if sum(self._sizes.values()) > MOST_PATTERN_BYTES:
                raise ValidationError("too costly to check: its patterns are too large", code="invalid_schema")
        return self._sizes[pattern]

    def _tried(self, pattern: str) -> int:
        """Return the smallest of the sizes that the pattern compiles in."""
        for size in _SIZES:
            if self._compiles(pattern, self._library.RegexOptions(size_limit=size)):
                return size
        if not self._compiles(pattern, self._library.FancyRegexOptions()):
            text = f"not a JSON Schema: {pattern[:80]!r} is not a regular expression"
        else:
            text = f"too costly to check: the pattern {pattern[:80]!r} cannot be matched in linear time"
        raise ValidationError(text, code="invalid_schema")

    def _compiles(self, pattern: str, options: Any) -> bool:
        try:
            self._library.validator_for({"pattern": pattern}, pattern_options=options)
        except ValueError:
            return False
        return True
