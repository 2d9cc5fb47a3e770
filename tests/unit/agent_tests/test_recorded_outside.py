"""A run that starts others is replayed alone: the ends of its children come from its recording."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.normalize import event_of, normalized_events
from journeyman.agent_tests.recording import read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from journeyman.agents.spec import Limits
from journeyman.runtime.served.agents import AgentRegistry
from tests.harness.stepped_child_runtime import SteppedChildRuntime


async def played_family(
    plan: Sequence[Sequence[str]], how: str = "ok", decision: str = "approve"
) -> SteppedChildRuntime:
    runtime = SteppedChildRuntime({"job": plan}, limits=Limits(steps=9))
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await runtime.let_go(how, decision=lambda row: decision)
    return runtime


async def assert_played_equal(runtime: SteppedChildRuntime, agents: AgentRegistry) -> None:
    for run in runtime.run_ids:
        recording = await read_recording(runtime.disk, run)
        agent = agents.agents[recording.accepted.agent or ""]
        today = await ReplayEngine(recording, agent, runtime.build, runtime.direct).play()
        assert compare(recording, as_recorded(recording, today, None)).text() == "", (run, runtime.types(run))
        assert not today.exhausted
        again = [event_of(fact.type, fact.v, fact.data, 0) for fact in normalized_events(recording.events)]
        assert normalized_events(again) == normalized_events(recording.events)


@pytest.mark.parametrize(
    "plan",
    [
        [("worker",)],
        [("worker", "looker"), ("worker",)],
        [("asker", "worker"), ("payer",)],
        [("asker", "asker")],
        [("chief",)],
        [("nobody", "worker")],
        [("loop",)],
        [("looker", "looker", "looker", "looker"), ("worker",)],
    ],
    ids=str,
)
async def test_every_run_of_a_family_is_replayed_unchanged(plan: Sequence[Sequence[str]]) -> None:
    runtime = await played_family(plan)
    await assert_played_equal(runtime, runtime.catalog())


async def test_failed_denied_and_cancelled_children() -> None:
    for runtime in (
        await played_family([("worker",)], "error"),
        await played_family([("asker", "worker")], decision="deny"),
    ):
        await assert_played_equal(runtime, runtime.catalog())


@pytest.mark.parametrize("kind", ["worker", "asker", "chief"])
async def test_a_run_that_is_cancelled_with_its_children(kind: str) -> None:
    runtime = SteppedChildRuntime({"job": [(kind, "worker")]})
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    for _ in range(20):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    runtime.spawn(runtime.runs.cancel, "me", runtime.run_ids[0])
    await runtime.let_go()
    await assert_played_equal(runtime, runtime.catalog())


async def test_a_crash_while_children_work() -> None:
    runtime = SteppedChildRuntime({"job": [("looker", "asker")]})
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    for _ in range(12):
        await runtime.settle()
        if runtime.disk.held:
            runtime.disk.write()
    await runtime.crash()
    await runtime.boot()
    await runtime.let_go(decision=lambda row: "approve")
    await assert_played_equal(runtime, runtime.catalog())
