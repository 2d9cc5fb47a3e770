"""A run that starts others is played by itself: their ends come from its record."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.normalize import event_of, facts_of
from journeyman.agent_tests.recording import read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import Stage
from journeyman.agents.spec import Limits
from journeyman.runtime.served.agents import Catalog
from tests.harness.stepped_child_runtime import Family


async def told(plan: Sequence[Sequence[str]], how: str = "ok", decision: str = "approve") -> Family:
    world = Family({"job": plan}, limits=Limits(steps=9))
    await world.boot()
    world.spawn(world.say, "job")
    await world.let_go(how, decision=lambda row: decision)
    return world


async def assert_played_equal(world: Family, catalog: Catalog) -> None:
    for run in world.run_ids:
        recording = await read_recording(world.disk, run)
        agent = catalog.agents[recording.accepted.agent or ""]
        today = await Stage(recording, agent, world.build, world.direct).play()
        assert compare(recording, as_recorded(recording, today, None)).text() == "", (run, world.types(run))
        assert not today.exhausted
        again = [event_of(fact.type, fact.v, fact.data, 0) for fact in facts_of(recording.events)]
        assert facts_of(again) == facts_of(recording.events)


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
async def test_every_run_of_a_family_is_played_as_it_was(plan: Sequence[Sequence[str]]) -> None:
    world = await told(plan)
    await assert_played_equal(world, world.catalog())


async def test_failed_denied_and_cancelled_children() -> None:
    for world in (await told([("worker",)], "error"), await told([("asker", "worker")], decision="deny")):
        await assert_played_equal(world, world.catalog())


@pytest.mark.parametrize("kind", ["worker", "asker", "chief"])
async def test_a_run_that_is_cancelled_with_its_children(kind: str) -> None:
    world = Family({"job": [(kind, "worker")]})
    await world.boot()
    world.spawn(world.say, "job")
    for _ in range(20):
        await world.settle()
        if world.disk.held:
            world.disk.write()
    world.spawn(world.runs.cancel, "me", world.run_ids[0])
    await world.let_go()
    await assert_played_equal(world, world.catalog())


async def test_a_crash_while_children_work() -> None:
    world = Family({"job": [("looker", "asker")]})
    await world.boot()
    world.spawn(world.say, "job")
    for _ in range(12):
        await world.settle()
        if world.disk.held:
            world.disk.write()
    await world.crash()
    await world.boot()
    await world.let_go(decision=lambda row: "approve")
    await assert_played_equal(world, world.catalog())
