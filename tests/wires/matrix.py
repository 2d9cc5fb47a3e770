"""Plays every server of `servers.json` through the matrix, and writes it as the table of `docs/reference/models.md`.

python -m tests.wires.matrix           # writes the table
python -m tests.wires.matrix --check   # plays all; says what is wrong, and exits with 1, at the first fault
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, get_args

from tests.harness.source_tree import ROOT
from tests.wires.player import Form, Played, play
from tests.wires.rounds import TYPED, USAGE, Server, cut_round, rounds
from tests.wires.server_shapes import cut, failing, loop, servers, wire_of

FORMS: tuple[Form, ...] = get_args(Form)
PAGE = ROOT / "docs/reference/models.md"
BEGIN, END = "<!-- matrix: written by tests/wires/matrix.py -->\n", "<!-- end of the matrix -->\n"
ALWAYS = 19  # errors, more than any run retries

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
        "how the schema was sent": (wire_of(server).typed_by(played.requests[-1]), typed(server, form)),
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
    wire = wire_of(server)
    said = wire.without_calls(wire.conversation(server, round_, form))
    expected["what comes back"] = (wire.without_calls(wire.sent_back(played.requests[-1])), said)
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
    """Return how the schema must reach the server's model, by the names of `typed_by`."""
    by = server.get("typed", "schema")
    return str(by[form] if isinstance(by, dict) else by)


def _not_sent_back(server: Server, form: Form, played: Played) -> Problems:
    """Return what differs in the requests: each holds the replies and results before it, and the last holds all."""
    wire = wire_of(server)
    said = [sent for round_ in rounds(server)[:-1] for sent in wire.conversation(server, round_, form)]
    held = [wire.sent_back(request) for request in played.requests]
    wrong = [
        f"request {number} has {found} instead of {said[: len(found)]}"
        for number, found in enumerate(held)
        if found != said[: len(found)]
    ]
    return wrong if held[-1] == said else [*wrong, f"the last request has {len(held[-1])} messages, not {len(said)}"]


def _not_asked(server: Server, played: Played) -> Problems:
    """Return the requests that do not ask for reasoning, as the agent's `extra` says and the server needs it."""
    asked = {**server.get("reasoning", {}), **server.get("needs", {})}
    return [
        f"request {number} does not ask for reasoning"
        for number, request in enumerate(played.requests)
        if any(request.get(key) != value for key, value in asked.items())
    ]


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
    return "\n".join([head, "|---|---|---|---|---|---|", *map(_row, servers())]) + "\n"


def _row(server: Server) -> str:
    played = "yes" if server.get("parallel", True) else "yes; one call a reply"
    code = f"`{error_code(server, 'streamed')}`"
    links = " ".join(f"[{number}]({source})" for number, source in enumerate(server["sources"], 1))
    cells = (server["name"], played, _typed_answer(server), code, ", ".join(_fields(server)), links)
    return f"| {' | '.join(cells)} |"


def _typed_answer(server: Server) -> str:
    ways = {form: typed(server, form) for form in FORMS}
    if ways["plain"] != ways["streamed"]:
        return f"{ways['plain']}; streamed: {ways['streamed']}"
    return ways["plain"]


def _fields(server: Server) -> list[str]:
    """Return the fields that come back, each once."""
    made = (name for round_ in rounds(server)[:3:2] for name in wire_of(server).opaque_fields(server, round_))
    return list(dict.fromkeys(made))


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
