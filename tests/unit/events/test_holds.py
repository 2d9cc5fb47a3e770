"""The lack by which a run is held names the run, so that a run that waits for it is not held itself."""

from __future__ import annotations

import pytest

from journeyman.events.events import Lack
from journeyman.events.fold import AgentState
from journeyman.events.holds import CRASHED, HELD, held_run, hold_of, is_held


@pytest.mark.parametrize("code", [CRASHED, HELD])
def test_a_run_is_held_by_its_own_hold_alone(code: str) -> None:
    lack = hold_of("run_1", code)
    assert held_run(lack) == (code, "run_1")
    assert is_held(AgentState(run_id="run_1", lacks=lack))
    for other in ("run_2", "run_11", "un_1"):
        assert not is_held(AgentState(run_id=other, lacks=lack))


@pytest.mark.parametrize("lack", [None, Lack("gateway"), Lack("tool", f"{HELD} run_1"), Lack("operator")])
def test_what_is_no_hold(lack: Lack | None) -> None:
    assert not is_held(AgentState(run_id="run_1", lacks=lack))
