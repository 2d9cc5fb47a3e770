"""Typed answers: does a reply fit the agent's JSON Schema?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON

MAX_LISTED = 10  # problems told to the model at once


class OutputSchema:
    """A JSON Schema, compiled once. Patterns match in linear time; references never leave the schema."""

    def __init__(self, schema: Mapping[str, JSON]) -> None:
        """Raises ValidationError when `schema` is not a JSON Schema."""
        import jsonschema_rs  # noqa: PLC0415  only agents with a typed answer pay its 3 MB

        try:
            self._validator: Any = jsonschema_rs.validator_for(
                dict(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except ValueError as exc:
            reason = str(getattr(exc, "message", exc)).splitlines()[0]
            raise ValidationError(f"not a JSON Schema: {reason}", code="invalid_schema") from exc

    def check(self, text: str) -> str | None:
        """None when `text` is JSON that fits, else one line for each problem, written for the model."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            return f"the reply is not JSON: {exc}"
        errors = islice(self._validator.iter_errors(value), MAX_LISTED)
        lines = [f"{_pointer(error.instance_path)}: {error.message}" for error in errors]
        return "\n".join(lines) or None


def _pointer(path: list[str | int]) -> str:
    return "/" + "/".join(str(part) for part in path)
