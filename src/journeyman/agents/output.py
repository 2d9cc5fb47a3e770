"""Typed answers: the JSON in a reply, and whether it fits the JSON Schema of the agent's `output`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON

MAX_LISTED = 10  # problems that the model is shown at once
_BLANK = "\ufeff \t\r\n"
_THINKING_END = re.compile(r"</(?:think|thinking|reasoning|thought)>", re.I)
_FENCE = re.compile(r"```[A-Za-z0-9_+-]*[ \t]*\r?\n(.*?)```|```(?:json)?(.*?)```", re.S | re.I)


class OutputSchema:
    """A compiled JSON Schema. Patterns match in linear time, and references cannot leave the schema."""

    def __init__(self, schema: Mapping[str, JSON], *, unique_keys: bool = False) -> None:
        """Compile `schema`. Raises ValidationError if it is not a JSON Schema.

        With `unique_keys` an object that gives a key twice does not fit.
        """
        self._unique_keys = unique_keys
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
        if self._unique_keys and (key := _repeated_key(text)) is not None:
            return f"the key {key!r} is given twice in one object"
        errors = islice(self._validator.iter_errors(value), MAX_LISTED)
        lines = [f"{_pointer(error.instance_path)}: {error.message}" for error in errors]
        return "\n".join(lines) or None


def json_of(text: str) -> str:
    """Return the JSON of a reply alone: after its thinking, or in its only code fence with JSON. Else the whole text.

    A byte order mark and white space around it are left out.
    """
    text = text.strip(_BLANK)
    if _is_json(text):
        return text
    answer = _THINKING_END.split(text)[-1].strip(_BLANK)
    if answer and _is_json(answer):
        return answer
    # a text in it may have another fence, and some models do not close theirs
    whole = re.fullmatch(r"```[A-Za-z0-9_+-]*\s(.*?)(?:```)?", answer, re.S)
    blocks = [whole[1]] if whole else [found[1] or found[2] or "" for found in _FENCE.finditer(answer)]
    found = [block for block in (block.strip(_BLANK) for block in blocks) if block and _is_json(block)]
    return found[0] if len(found) == 1 else text


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _repeated_key(text: str) -> str | None:
    """Return the first key that an object of this JSON gives twice, or None."""
    repeated: list[str] = []

    def remember(pairs: list[tuple[str, JSON]]) -> None:
        seen: set[str] = set()
        repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]

    try:
        json.loads(text, object_pairs_hook=remember)
    except RecursionError:
        return None
    return repeated[0] if repeated else None


def _pointer(path: list[str | int]) -> str:
    return "/" + "/".join(str(part) for part in path)
