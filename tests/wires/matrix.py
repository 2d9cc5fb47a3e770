"""Plays every server of `servers.json` through the matrix, and writes it as the table of `docs/reference/models.md`.

python -m tests.wires.matrix           # writes the table
python -m tests.wires.matrix --check   # plays all; says what is wrong, and exits with 1, at the first fault
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from journeyman.llm.gateway.opaque import OUTPUT_ONLY
from tests.harness.source_tree import ROOT
from tests.wires.player import Form, Played, play
from tests.wires.server_replies import (
    TYPED,
    USAGE,
    Round,
    Server,
    cut,
    cut_round,
    failing,
    loop,
    message,
    rounds,
    servers,
)

FORMS: tuple[Form, ...] = get_args(Form)
PAGE = ROOT / "docs/reference/models.md"
BEGIN, END = "<!-- matrix: written by tests/wires/matrix.py -->\n", "<!-- end of the matrix -->\n"
NOT_PLAYED = ("OpenAI (Responses)", "Azure OpenAI (Responses)")
ALWAYS = 19  # errors, more than any run retries
_READ = ("refusal", "function_call", "tool_calls", "role")
_RESULTS = {"lookup": "Zürich 😀 is sunny", "now": "12:00", "add": "5"}

Problems = list[str]


async def loop_problems(server: Server, form: Form) -> Problems:
    """Return what is wrong with the loop: its calls, its answer, or a field that did not come back."""
    played = await play(loop(server, form), form)
    asked = [call for round_ in rounds(server) for call in round_.calls]
    expected = {
        "the calls that ran": (played.calls, [[name, json.loads(arguments)] for name, arguments in asked]),
        "the calls that failed": (played.failures, []),
        "the answer": (played.result.response, TYPED),
        "the error": (played.result.error, None),
        "the tokens": (played.tokens, [[USAGE["prompt_tokens"], USAGE["completion_tokens"], 4]] * len(rounds(server))),
        "how the schema was sent": (typed_by(played), typed(server, form)),
    }
    return [*_differences(expected), *_not_sent_back(server, form, played), *_not_asked(server, played)]


async def cut_problems(server: Server, form: Form) -> Problems:
    """Return what is wrong with a cut reply: a call of it ran, or the answer after it is another one."""
    played = await play(cut(server, form), form)
    round_ = cut_round(server)
    expected = {
        "the calls that ran": (played.calls, []),
        "the calls that failed": (played.failures, ["reply_cut"] * len(round_.calls)),
        "the finish reason": (played.replies[0].finish_reason if played.replies else None, "length"),
        "the answer": (played.result.response, TYPED),
        "the error": (played.result.error, None),
    }
    first = [reply for reply in _replies(played.requests[-1])[:1] for reply in [{**reply, "tool_calls": None}]]
    expected["what comes back"] = (first, [{**returned(server, round_, form), "tool_calls": None}])
    return _differences(expected)


async def error_problems(server: Server, form: Form) -> Problems:
    """Return what is wrong after an error: it is retried, and if it stays, it ends the run with its code."""
    once = await play(failing(server, form, times=1), form)
    always = await play(failing(server, form, times=ALWAYS), form)
    final = form in server["error"].get("final", ())
    expected = {
        "the answer": (once.result.response, "" if final else TYPED),
        "the number of replies": (len(once.replies), 0 if final else 1),
        "the code": (always.result.error.code if always.result.error else None, error_code(server, form)),
    }
    return _differences(expected)


PLAYS: dict[str, Callable[[Server, Form], Any]] = {
    "loop": loop_problems,
    "cut": cut_problems,
    "error": error_problems,
}


def error_code(server: Server, form: Form) -> str:
    """Return the code of the server's error."""
    return str(server["error"].get(f"{form}_code", server["error"].get("code", "gateway_error")))


def typed(server: Server, form: Form) -> str:
    """Return how the schema must reach the server's model, see `typed_by`."""
    by = server.get("typed", "schema")
    return str(by[form] if isinstance(by, dict) else by)


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


def _not_sent_back(server: Server, form: Form, played: Played) -> Problems:
    """Return what differs in the messages of the requests: each holds the replies and results before it."""
    said = [_conversation(server, round_, form) for round_ in rounds(server)[:-1]]
    wrong = []
    for number, request in enumerate(played.requests):
        found = [sent for sent in request["messages"] if sent["role"] in ("assistant", "tool")]
        whole = [sent for part in said for sent in part]
        if found != whole[: len(found)]:
            wrong.append(f"request {number} has {found} instead of {whole[: len(found)]}")
    if len(_replies(played.requests[-1])) != len(said):
        wrong.append(f"the last request has {len(_replies(played.requests[-1]))} replies instead of {len(said)}")
    return wrong


def _conversation(server: Server, round_: Round, form: Form) -> list[dict[str, Any]]:
    reply = returned(server, round_, form)
    ids = server.get("ids", {}).get(str(round_.number))
    for call, given in zip(reply.get("tool_calls", ()), ids or (), strict=False):
        call["id"] = given
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": _RESULTS[call["function"]["name"]]}
        for call in reply.get("tool_calls", ())
    ]
    return [reply, *results]


def _not_asked(server: Server, played: Played) -> Problems:
    """Return the requests that do not ask for reasoning, as the agent's `extra` says."""
    asked = server.get("reasoning", {})
    return [
        f"request {number} does not ask for reasoning"
        for number, request in enumerate(played.requests)
        if any(request.get(key) != value for key, value in asked.items())
    ]


def _replies(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [sent for sent in request["messages"] if sent["role"] == "assistant"]


def typed_by(played: Played) -> str:
    """Return how the schema of the answer reached the model: as `response_format`, or in the prompt."""
    request = played.requests[-1]
    if "response_format" in request:
        return "schema" if request["response_format"]["type"] == "json_schema" else "json"
    return "prompt" if "answer" in json.dumps(request["messages"][0]) else "none"


def _differences(expected: dict[str, tuple[Any, Any]]) -> Problems:
    return [f"{name}: {found!r} instead of {wanted!r}" for name, (found, wanted) in expected.items() if found != wanted]


async def first_problem() -> str | None:
    """Return the first thing that is wrong in the matrix; None if all is right."""
    for server in servers():
        for name, problems in PLAYS.items():
            for form in FORMS:
                for problem in await problems(server, form):
                    return f"{server['name']}, {name}, {form}: {problem}"
    return None


def table() -> str:
    """Return the matrix as the table of the page."""
    head = "| server | loop, cut reply | typed answer | error in the stream | fields that come back | sources |"
    missing = [f"| {name} | not played yet | | | | |" for name in NOT_PLAYED]
    return "\n".join([head, "|---|---|---|---|---|---|", *map(_row, servers()), *missing]) + "\n"


def _row(server: Server) -> str:
    played = "yes" if server.get("parallel", True) else "yes; one call a reply"
    code = f"`{error_code(server, 'streamed')}`"
    links = " ".join(f"[{number}]({source})" for number, source in enumerate(server["sources"], 1))
    cells = (server["name"], played, _typed_answer(server), code, ", ".join(_come_back(server)), links)
    return f"| {' | '.join(cells)} |"


def _typed_answer(server: Server) -> str:
    ways = {form: typed(server, form) for form in FORMS}
    if ways["plain"] != ways["streamed"]:
        return f"{ways['plain']}; streamed: {ways['streamed']}"
    return ways["plain"]


def _come_back(server: Server) -> Iterator[str]:
    """Yield the names of the fields that come back and that the OpenAI API does not have."""
    reply = returned(server, rounds(server)[0]) | returned(server, rounds(server)[2])
    yield from (f"`{name}`" for name in reply if name not in ("role", "content", "tool_calls"))
    if isinstance(reply["content"], list):
        yield "`content` with its parts"
    call = returned(server, rounds(server)[0])["tool_calls"][0]
    yield from (f"`{name}` of calls" for name in call if name not in ("id", "type", "function"))
    yield from (f"`{name}` of functions" for name in call["function"] if name not in ("name", "arguments"))


def page_with(matrix: str) -> str:
    """Return the page with this matrix in it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{matrix}{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str]) -> int:
    """Check or write the matrix. Returns the exit code."""
    if "--check" in arguments:
        if problem := asyncio.run(first_problem()):
            print(problem)
        return 1 if problem else 0
    PAGE.write_text(page_with(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
