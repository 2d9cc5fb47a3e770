"""Runs of a graph are replayed unchanged: nodes, branches, approvals, other agents, code."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.recording import read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from tests.harness.stepped_graph_runtime import REACT, SteppedGraphRuntime, edge, graph, node

DICE = itertools.count()


async def score(ctx: Any) -> dict[str, Any]:
    value = await ctx.remember("dice", lambda: next(DICE))
    await ctx.call_tool("look", {"q": 1})
    return {"score": value}


PARALLEL = (node("b", prompt="B"), node("d", prompt="D"), edge("a", "x b"), edge("x b", "d"), edge("d", "end"))
CASES: dict[str, dict[str, Any]] = {
    "react": {"graph": REACT, "plans": {"Be brief.": [("look", "put"), ("pay_asked",)]}},
    "branches": {"graph": graph(node("a"), node("x", prompt="X"), *PARALLEL)},
    "approval": {"graph": graph(node("a"), node("x", "approval", message="Send?"), *PARALLEL)},
    "agent": {"graph": graph(node("a"), node("x", "agent", agent="expert"), *PARALLEL)},
    "code": {"graph": graph(node("a"), node("x", "function", call="n:x"), *PARALLEL), "code": {"x": score}},
}


@pytest.mark.parametrize("name", CASES)
async def test_a_run_of_a_graph_is_replayed_unchanged(name: str) -> None:
    runtime = SteppedGraphRuntime(**{"plans": {}, **CASES[name]})
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await runtime.let_go(decision=lambda row: "approve")
    assert runtime.state(runtime.run_ids[0]).status == "finished"
    for run in runtime.run_ids:
        recording = await read_recording(runtime.disk, run)
        agent = runtime.catalog().agents[recording.accepted.agent or ""]
        today = await ReplayEngine(recording, agent, runtime.build, runtime.direct).play()
        assert compare(recording, as_recorded(recording, today, None)).text() == ""
