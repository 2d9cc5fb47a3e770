"""How a server of chat completions writes the rounds of the matrix, and how a request must send them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from journeyman.llm.gateway.opaque import OUTPUT_ONLY
from tests.wires.player import Form, Shape
from tests.wires.rounds import PIECES, RESULTS, ROUNDS, USAGE, Round, Server, call_values, filled, reply_values

_READ = ("refusal", "function_call", "tool_calls", "role")


def message(server: Server, round_: Round) -> dict[str, Any]:
    """Return the message of a complete reply, as the server writes it."""
    plain, values = server["plain"], reply_values(server, round_)
    fields = {"role": "assistant", "content": values["text"] or None, **plain.get("message", {})}
    fields |= plain.get("thought", {}) | (plain.get("end", {}) if not round_.calls else {})
    made: dict[str, Any] = filled(fields, values)
    if round_.calls:
        calls = [
            filled(_call(plain["call"], plain, place), values | each) for place, each in enumerate(call_values(round_))
        ]
        made["tool_calls"] = calls
    return made


def reply(server: Server, round_: Round, form: Form, *, cut: bool = False) -> Shape:
    """Return a reply for the player; `cut`: it ended within its last call."""
    finish = server.get("call_finish", "tool_calls") if round_.calls else server.get("finish", "stop")
    finish = server.get("cut_finish", "length") if cut else finish
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
    streamed, values = server["streamed"], reply_values(server, round_)
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
        for place, each in enumerate(call_values(round_))
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


def returned(server: Server, round_: Round, form: Form = "plain") -> dict[str, Any]:
    """Return the reply of a round as a request must send it back: all that came, but what no request may hold."""
    came = message(server, round_)
    sent = {key: value for key, value in came.items() if key not in (*_READ, *OUTPUT_ONLY)}
    sent |= {"role": "assistant", "content": sent.get("content") or None}
    sent |= server.get("only_streamed", {}) if form == "streamed" else {}
    if round_.calls:
        sent["tool_calls"] = [_sent_call(call, server, form) for call in came["tool_calls"]]
    return sent


def _sent_call(call: dict[str, Any], server: Server, form: Form) -> dict[str, Any]:
    missing = server.get("only_plain", ()) if form == "streamed" else ()
    function = call.get("function") or {key: call[key] for key in ("name", "arguments")}
    function = {key: value for key, value in function.items() if key not in missing}
    if not isinstance(function["arguments"], str):  # a text in the form whose calls have texts
        separators = (",", ":") if "$object" in json.dumps(server[form]["call"]) else None
        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False, separators=separators)
    kept = {key: value for key, value in call.items() if key not in ("index", "name", "arguments")}
    return {**kept, "type": "function", "function": function}


def conversation(server: Server, round_: Round, form: Form) -> list[dict[str, Any]]:
    """Return a reply and the results of its calls as every later request must hold them."""
    reply = returned(server, round_, form)
    calls = reply.get("tool_calls", [])
    for call, given in zip(calls, server.get("ids", {}).get(str(round_.number), ()), strict=False):
        call["id"] = given
    results = [RESULTS.get(call["function"]["name"], "") for call in calls]
    return [
        reply,
        *(
            {"role": "tool", "tool_call_id": call["id"], "content": text}
            for call, text in zip(calls, results, strict=True)
        ),
    ]


def sent_back(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the replies and results that a request holds."""
    return [sent for sent in request["messages"] if sent["role"] in ("assistant", "tool")]


def without_calls(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the replies of a conversation without their calls."""
    return [{**each, "tool_calls": None} for each in said if each["role"] == "assistant"]


def typed_by(request: dict[str, Any]) -> str:
    """Return how the schema of the answer reached the model: as `response_format`, or in the prompt."""
    if "response_format" in request:
        return "schema" if request["response_format"]["type"] == "json_schema" else "json"
    return "prompt" if "answer" in json.dumps(request["messages"][0]) else "none"


def opaque_fields(server: Server, round_: Round) -> Iterator[str]:
    """Yield the names of a reply's fields that the OpenAI API does not have, for people."""
    reply = returned(server, round_)
    yield from (f"`{name}`" for name in reply if name not in ("role", "content", "tool_calls"))
    if isinstance(reply["content"], list):
        yield "`content` with its parts"
    for call in reply.get("tool_calls", ())[:1]:
        yield from (f"`{name}` of calls" for name in call if name not in ("id", "type", "function"))
        yield from (f"`{name}` of functions" for name in call["function"] if name not in ("name", "arguments"))
