"""The shapes of the matrix: what a server of `servers.json` says in the loop, in a cut reply and in an error."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

from tests.wires import chat_rounds, response_rounds
from tests.wires.player import Form, Shape
from tests.wires.rounds import OUTPUT, ROUNDS, Server, cut_round, rounds

SERVERS = Path(__file__).parent / "servers.json"


def servers() -> list[Server]:
    """Return every server of `servers.json`."""
    loaded: list[Server] = json.loads(SERVERS.read_text())
    return loaded


def wire_of(server: Server) -> ModuleType:
    """Return the module that writes what the server sends."""
    return response_rounds if "items" in server else chat_rounds


def loop(server: Server, form: Form) -> Shape:
    """Return the shape of the loop: two rounds of calls, a typed answer, and a second question on the thread."""
    replies = [wire_of(server).reply(server, round_, form) for round_ in rounds(server)]
    return _shape(server, form, replies, ["go", "again"])


def cut(server: Server, form: Form) -> Shape:
    """Return the shape of a reply that is cut within its last call, and of a typed answer after it."""
    wire = wire_of(server)
    return _shape(
        server, form, [wire.reply(server, cut_round(server), form, cut=True), wire.reply(server, ROUNDS[2], form)]
    )


def failing(server: Server, form: Form, *, times: int) -> Shape:
    """Return the shape of an error, which comes so many times, and of a typed answer after it."""
    wire = wire_of(server)
    return _shape(server, form, [*[wire.failure(server, form)] * times, wire.reply(server, ROUNDS[2], form)])


def _shape(server: Server, form: Form, replies: list[Shape], questions: list[str] | None = None) -> Shape:
    refuses = [refusal for refusal in server.get("refuses", ()) if refusal.get("form", form) == form]
    model = {"extra": server.get("reasoning", {}), **server.get("model", {})}
    shape = {"name": server["name"], form: replies, "refuses": refuses, "model": model, "output": OUTPUT}
    return {**shape, "questions": questions or ["go"]}
