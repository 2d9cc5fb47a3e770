"""Typed answers: the JSON in a reply, and whether it fits the JSON Schema of the agent's `output`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.schema.foreign_schema import ForeignSchema

MAX_LISTED = 10  # problems that the model is shown at once
_BLANK = "\ufeff \t\r\n\u00a0\u200b"
_TAG = r"(?:\w{1,20}:)?(?:think|thinking|reasoning|thought)"
_THINKING_END = re.compile(rf"</{_TAG}>|\[/THINK\]", re.I)
_THINKING = re.compile(rf"(?:<({_TAG})>.*?</\1>\s*)+", re.S | re.I)
_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\r?\n(.*?)(?:^[ \t]*\1[ \t]*\r?$|\Z)", re.S | re.M)
_FENCED_WHOLE = re.compile(r"```[\w+-]*\s(.*?)(?:```)?", re.S)
_FENCED_IN_LINE = re.compile(r"```(?:[\w+-]*[ \t]*\r?\n|(?:json)?)(.*?)```", re.S | re.I)


class OutputSchema:
    """A compiled JSON Schema. Patterns match in linear time, and references cannot leave the schema."""

    def __init__(self, schema: Mapping[str, JSON], *, unique_keys: bool = False) -> None:
        """Compile `schema`. Raises ValidationError if it is not a JSON Schema.

        With `unique_keys` an object that gives a key twice does not fit.
        """
        self._unique_keys = unique_keys
        self._schema = ForeignSchema(schema)

    def refuse_if_costly(self) -> None:
        """Raise ValidationError (`invalid_schema`) if replies could be too costly to check against the schema."""
        self._schema.refuse_if_costly()

    def check(self, text: str) -> str | None:
        """Return one line for each problem of `text`, for the model to read. None: it is JSON that fits."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            return f"the reply is not JSON: {exc}"
        if self._unique_keys and (key := _repeated_key(text)) is not None:
            return f"the key {key!r} is given twice in one object"
        lines = [f"{_pointer(path)}: {message}" for path, message in self._schema.problems(value, MAX_LISTED)]
        return "\n".join(lines) or None


def json_of(text: str) -> str:
    """Return the JSON of a reply alone: after its thinking, or in its only code fence with JSON. Else the whole text.

    A byte order mark and white space around it are left out.
    """
    text = text.strip(_BLANK)
    if _is_json(text):
        return text
    answers = [_THINKING_END.split(text)[-1]]
    if thinking := _THINKING.match(text):  # the JSON may have such a tag in a text
        answers.append(text[thinking.end() :])
    return next(filter(None, map(_json_in, answers)), text)


def _json_in(answer: str) -> str:
    """Return the JSON that an answer is, or that its only code fence with JSON has. Empty: there is none."""
    answer = answer.strip(_BLANK)
    if _is_json(answer):
        return answer
    whole = _FENCED_WHOLE.fullmatch(answer)
    # fences on lines of their own, then one around the whole answer, then any: a text in the JSON may have fences
    for blocks in (
        [found[2] for found in _FENCED.finditer(answer)],
        [whole[1]] if whole else [],
        [found[1] for found in _FENCED_IN_LINE.finditer(answer)],
    ):
        if found := list(filter(_is_json, (block.strip(_BLANK) for block in blocks))):
            return found[0] if len(found) == 1 else ""
    return ""


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


def _pointer(path: Sequence[str | int]) -> str:
    return "/" + "/".join(str(part) for part in path)
