"""Writes the replies of one server of `servers.json` to the three rounds of the matrix, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from tests.wires.player import Form, Shape

Server = dict[str, Any]
SERVERS = Path(__file__).parent / "servers.json"
TYPED = '{"answer": "Grüße 😀: 5, sunny."}'
OUTPUT = {
    "schema": {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}},
    "mode": "auto",
}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "prompt_tokens_details": {"cached_tokens": 4}}
PIECES = 61  # bytes of a stream that arrive together: lines and letters are cut
CUT_ARGUMENTS = '{"folder": "ever'


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


def servers() -> list[Server]:
    """Return every server of `servers.json`."""
    loaded: list[Server] = json.loads(SERVERS.read_text())
    return loaded


def loop(server: Server, form: Form) -> Shape:
    """Return the shape of the loop: two rounds of calls, a typed answer, and a second question on the thread."""
    return _shape(server, form, [reply(server, round_, form) for round_ in rounds(server)], ["go", "again"])


def cut(server: Server, form: Form) -> Shape:
    """Return the shape of a reply that is cut within its last call, and of a typed answer after it."""
    first = reply(server, cut_round(server), form, finish=server.get("cut_finish", "length"))
    return _shape(server, form, [first, reply(server, ROUNDS[2], form)])


def failing(server: Server, form: Form, *, times: int) -> Shape:
    """Return the shape of an error, which comes so many times, and of a typed answer after it."""
    return _shape(server, form, [*[failure(server, form)] * times, reply(server, ROUNDS[2], form)])


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


def _shape(server: Server, form: Form, replies: list[Shape], questions: list[str] | None = None) -> Shape:
    refuses = [refusal for refusal in server.get("refuses", ()) if refusal.get("form", form) == form]
    extra = server.get("reasoning", {})
    shape = {"name": server["name"], form: replies, "refuses": refuses, "model": {"extra": extra}, "output": OUTPUT}
    return {**shape, "questions": questions or ["go"]}


def message(server: Server, round_: Round) -> dict[str, Any]:
    """Return the message of a complete reply, as the server writes it."""
    plain, values = server["plain"], _values(server, round_)
    fields = {"role": "assistant", "content": values["text"] or None, **plain.get("message", {})}
    fields |= plain.get("thought", {}) | (plain.get("end", {}) if not round_.calls else {})
    made: dict[str, Any] = filled(fields, values)
    if round_.calls:
        calls = [filled(_call(plain["call"], plain, place), values | each) for place, each in enumerate(_each(round_))]
        made["tool_calls"] = calls
    return made


def reply(server: Server, round_: Round, form: Form, finish: str = "") -> Shape:
    """Return a reply for the player."""
    finish = finish or (server.get("call_finish", "tool_calls") if round_.calls else server.get("finish", "stop"))
    if form == "streamed":
        chunks = [*server["streamed"].get("before", ()), *_chunks(server, round_, finish)]
        return {"chunks": chunks, "pieces": PIECES}
    plain = server["plain"]
    choices = [
        {"index": index, "message": said, "finish_reason": finish, **plain.get("choice", {})}
        for index, said in enumerate(_apart(server, message(server, round_)))
    ]
    body = {"id": "r", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": USAGE}
    return {"json": filled(body | plain.get("body", {}), {"usage": USAGE})}


def _apart(server: Server, whole: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of the choices: one, or at some servers one for the text and one for each call."""
    calls = whole.get("tool_calls") if server.get("apart") else None
    if not calls:
        return [whole]
    text = {key: value for key, value in whole.items() if key != "tool_calls"}
    return [text, *({"role": "assistant", "tool_calls": [call]} for call in calls)]


def failure(server: Server, form: Form) -> Shape:
    """Return the error in a stream after its first words, or the error of a plain request."""
    error = server["error"]
    if form == "plain":
        return dict(error["plain"])
    began = _chunks(server, ROUNDS[2], "stop")[: error.get("after", 2)]
    return {"chunks": [*began, *error["streamed"]], "done": error.get("done", False), "pieces": PIECES}


def _chunks(server: Server, round_: Round, finish: str) -> list[Any]:
    streamed, values = server["streamed"], _values(server, round_)
    deltas = [streamed["first"]] if "first" in streamed else []
    deltas += streamed.get("thought", [])
    deltas += streamed.get("text", [{"content": "$text_1"}, {"content": "$text_2"}]) if values["text"] else []
    chunks = [_chunk(streamed, filled(delta, values)) for delta in deltas]
    apart = bool(server.get("apart"))
    chunks += [_chunk(streamed, delta, place + 1 if apart else 0) for place, delta in _calls(streamed, round_, values)]
    chunks += [_chunk(streamed, filled(delta, values)) for delta in ([] if round_.calls else streamed.get("end", []))]
    ended = range(len(round_.calls) + 1 if apart else 1)
    if not streamed.get("finish_with_last", False):
        chunks += [_chunk(streamed, streamed.get("last", {}), index) for index in ended]
    ends = {"finish_reason": finish, **filled(streamed.get("last_choice", {}), {"usage": USAGE})}
    for chunk in chunks[-len(ended) :]:
        chunk["choices"][0] |= ends
    chunks[-1] |= filled(streamed.get("last_chunk", {}), {"usage": USAGE})
    tail = filled(streamed.get("tail", [{"choices": [], "usage": "$usage"}]), {"usage": USAGE})
    return [*chunks, *(_chunk(streamed, {}) | chunk for chunk in tail)]


def _chunk(streamed: dict[str, Any], delta: dict[str, Any], index: int = 0) -> dict[str, Any]:
    delta = streamed.get("delta", {}) | delta
    choice = {"index": index, "delta": delta, "finish_reason": None, **streamed.get("choice", {})}
    chunk = {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return chunk | dict(filled(streamed.get("chunk", {}), {"usage": USAGE}))


def _calls(streamed: dict[str, Any], round_: Round, values: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the deltas with the pieces of the calls: each piece alone, or those of all calls together."""
    pieces = [
        [filled(_call(piece, streamed if first else {}, place), values | each) for first, piece in _marked(streamed)]
        for place, each in enumerate(_each(round_))
    ]
    if streamed.get("together"):
        yield from ((0, {"tool_calls": list(group)}) for group in zip(*pieces, strict=True))
    else:
        yield from ((place, {"tool_calls": [piece]}) for place, call in enumerate(pieces) for piece in call)


def _marked(streamed: dict[str, Any]) -> list[tuple[bool, dict[str, Any]]]:
    return [(place == 0, piece) for place, piece in enumerate(streamed["call"])]


def _call(template: dict[str, Any], owner: dict[str, Any], place: int) -> dict[str, Any]:
    """Return the template of a call; the first of a reply has further fields at some servers."""
    return template | (owner.get("first_call", {}) if place == 0 else {})


def _values(server: Server, round_: Round) -> dict[str, Any]:
    says = server.get("says", False) or not round_.calls
    text = Template(server.get("answer", "$text")).substitute(text=round_.text) if not round_.calls else round_.text
    halves = {"text": text if says else "", "thought": round_.thought}
    split = {f"{name}_{half + 1}": _half(value, half) for name, value in halves.items() for half in (0, 1)}
    return {**halves, **split, "round": round_.number}


def _each(round_: Round) -> list[dict[str, Any]]:
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
