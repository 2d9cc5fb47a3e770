"""What a run lacks here: the agent, tool, code or gateway that it needs and this process does not have.

A run that lacks something does not fail: it pauses (`run_paused` with `lacks`), and goes on once that is here. Whether
it is here is decided by `VersionResolver` (agent, node, tool) and by the model client (gateway).
"""

from __future__ import annotations

from journeyman.errors import BaseError
from journeyman.events.events import Lack
from journeyman.events.holds import CRASHED, HELD, held_run

_SENTENCES = {
    "agent": "The agent {name!r} is not here: start the server with its folder and variables.",
    "tool": (
        "The tool {name!r} is not here: start the server with the folder of its code, or the MCP server that has it."
    ),
    "node": "The code of the node {name!r} is not here: start the server with the folder of its agent.",
    "gateway": "The gateway{named} cannot be used now: the run goes on when it answers.",
    "release": "A later release of Journeyman wrote what this run needs: start that release.",
    "operator": "An operator holds this run.",
}
_GOES_ON = "Release it with `POST /runs/{run_id}/release`, or cancel it."
_HOLDS = {
    CRASHED: f"Run {{run_id}} is held (`{CRASHED}`): the server ended uncleanly each time it drove the run. {_GOES_ON}",
    HELD: f"An operator holds run {{run_id}}. {_GOES_ON}",
}


class LackingError(BaseError):
    """Raised when a run cannot go on here, since the process lacks something. `lack` says what."""

    default_code = "lacking"

    def __init__(self, lack: Lack) -> None:
        super().__init__(sentence_of(lack))
        self.lack = lack


def sentence_of(lack: Lack) -> str:
    """Return what a run lacks, and what to do about it, as a sentence for people."""
    if lack.kind == "operator" and lack.name:
        code, run_id = held_run(lack)
        return _HOLDS.get(code, _HOLDS[HELD]).format(run_id=run_id)
    named = f" {lack.name!r}" if lack.name else ""
    return _SENTENCES[lack.kind].format(name=lack.name, named=named)


def lack_of_row(lacks: str) -> Lack:
    """Return what a run lacks, from its row's `kind:name`."""
    kind, _, name = lacks.partition(":")
    return Lack(kind, name)  # type: ignore[arg-type]
