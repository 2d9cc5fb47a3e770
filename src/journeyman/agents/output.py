"""Checks typed answers: whether a reply fits the JSON Schema of the agent's `output`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON

MAX_LISTED = 10  # problems that the model is shown at once


class OutputSchema:
    """A compiled JSON Schema. Patterns match in linear time, and references cannot leave the schema."""

    def __init__(self, schema: Mapping[str, JSON]) -> None:
        """Compile `schema`. Raises ValidationError if it is not a JSON Schema."""
        import jsonschema_rs  # noqa: PLC0415  it takes 3 MB: only for typed answers

        try:
            self._validator: Any = jsonschema_rs.validator_for(
                dict(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except ValueError as exc:
            reason = str(getattr(exc, "message", exc)).splitlines()[0]
            raise ValidationError(f"not a JSON Schema: {reason}", code="invalid_schema") from exc

    def check(self, text: str) -> str | None:
        """Return one line for each problem of `text`, for the model to read. None: it is JSON that fits."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            return f"the reply is not JSON: {exc}"
        errors = islice(self._validator.iter_errors(value), MAX_LISTED)
        lines = [f"{_pointer(error.instance_path)}: {error.message}" for error in errors]
        return "\n".join(lines) or None


def _pointer(path: list[str | int]) -> str:
    return "/" + "/".join(str(part) for part in path)
