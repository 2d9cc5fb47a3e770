"""Runs that an operator holds: `run_paused` with a lack of the kind `operator`, whose name is a code and the run's id.

The id tells a held run from a run that waits for a held child run, which has the same lack.
"""

from __future__ import annotations

from journeyman.events.events import Lack
from journeyman.events.fold import AgentState

CRASHED = "crashed_repeatedly"  # the server ended uncleanly each time that it drove the run
HELD = "held"  # by a command of the operator


def hold_of(run_id: str, code: str) -> Lack:
    """Return the lack with which a run is held."""
    return Lack("operator", f"{code} {run_id}")


def is_hold_of(lack: Lack | None, run_id: str) -> bool:
    """Return whether a run with this lack is held itself."""
    return lack is not None and lack.kind == "operator" and lack.name.endswith(f" {run_id}")


def is_held(state: AgentState) -> bool:
    """Return whether an operator holds this run: it is driven by nothing but a release or a cancel."""
    return is_hold_of(state.lacks, state.run_id)


def held_run(lack: Lack) -> tuple[str, str]:
    """Return the code of a hold, and the run that is held."""
    code, _, run_id = lack.name.partition(" ")
    return code, run_id
