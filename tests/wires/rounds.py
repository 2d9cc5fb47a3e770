"""The rounds of the matrix: what a model says in each of them, whatever its server writes around it."""

from __future__ import annotations

import json
from string import Template
from typing import Any, NamedTuple

Server = dict[str, Any]
TYPED = '{"answer": "Grüße 😀: 5, sunny."}'
OUTPUT = {
    "schema": {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}},
    "mode": "auto",
}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "prompt_tokens_details": {"cached_tokens": 4}}
PIECES = 61  # bytes of a stream that arrive together: lines and letters are cut
CUT_ARGUMENTS = '{"folder": "ever'


RESULTS = {"lookup": "Zürich 😀 is sunny", "now": "12:00", "add": "5"}


class Round(NamedTuple):
    """What the model says in one round. `text` is beside the calls, where the server allows it, or the answer."""

    number: int
    thought: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()


ROUNDS = (
    Round(1, "Zürich first 🌦,\nand the time.", "I look it up.", (("lookup", '{"city": "Zürich 😀"}'), ("now", "{}"))),
    Round(2, "Now the sum.", "I add.", (("add", '{"a": 2, "b": 3}'),)),
    Round(3, "All is known.", TYPED),
    Round(4, "Once more.", TYPED),  # to a second question on the thread
)
CUT_ROUND = Round(1, "I tidy up.", "I tidy up.", (("now", "{}"), ("purge", CUT_ARGUMENTS)))


def rounds(server: Server) -> list[Round]:
    """Return the rounds that the server plays: some never ask for two calls at once, some think nothing in between."""
    thinks_in = server.get("thinks_in", [round_.number for round_ in ROUNDS])
    return [
        round_._replace(
            calls=_possible(server, round_.calls), thought=round_.thought if round_.number in thinks_in else ""
        )
        for round_ in ROUNDS
    ]


def cut_round(server: Server) -> Round:
    """Return the round whose reply is cut."""
    return CUT_ROUND._replace(calls=_possible(server, CUT_ROUND.calls[::-1])[::-1])


def _possible(server: Server, calls: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return calls if server.get("parallel", True) else calls[:1]


def reply_values(server: Server, round_: Round) -> dict[str, Any]:
    """Return the values of the placeholders that are not of a call."""
    says = server.get("says", False) or not round_.calls
    text = Template(server.get("answer", "$text")).substitute(text=round_.text) if not round_.calls else round_.text
    halves = {"text": text if says else "", "thought": round_.thought}
    split = {f"{name}_{half + 1}": _half(value, half) for name, value in halves.items() for half in (0, 1)}
    return {**halves, **split, "round": round_.number}


def call_values(round_: Round) -> list[dict[str, Any]]:
    """Return the values of each call's placeholders."""
    return [
        {
            "number": f"{round_.number}{place}",
            "place": place,
            "name": name,
            "arguments": arguments,
            "object": _object(arguments),
            "head": _half(arguments, 0),
            "tail": _half(arguments, 1),
        }
        for place, (name, arguments) in enumerate(round_.calls)
    ]


def _object(arguments: str) -> dict[str, Any]:
    loaded: dict[str, Any] = {} if arguments == CUT_ARGUMENTS else json.loads(arguments)
    return loaded


def _half(text: str, half: int) -> str:
    middle = (len(text) + 1) // 2
    return text[middle:] if half else text[:middle]


def filled(template: Any, values: dict[str, Any]) -> Any:
    """Return the template with its placeholders replaced: a whole text by any value, else within the text."""
    if isinstance(template, str):
        whole = values.get(template.removeprefix("$")) if template.startswith("$") else None
        return Template(template).safe_substitute(values) if whole is None else whole
    if isinstance(template, dict):
        return {key: filled(value, values) for key, value in template.items()}
    return [filled(item, values) for item in template] if isinstance(template, list) else template
