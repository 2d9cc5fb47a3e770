"""A run that ends the server each time is driven alone, and then held; runs beside it, and clean ends, are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from journeyman.events.events import RunFailed
from journeyman.journal.journal import RunRow
from journeyman.runtime.engine.suspect_runs import CrashPolicy, healthy_seconds
from tests.harness.stepped_child_runtime import SteppedChildRuntime
from tests.harness.stepped_runtime import SteppedRuntime

POISON = "poison"
INNOCENTS = [f"innocent {number}" for number in range(50)]


@asynccontextmanager
async def runtime_of(
    *texts: str, crashed: CrashPolicy = "hold", tools: Sequence[str] = ()
) -> AsyncIterator[SteppedRuntime]:
    """Yield a runtime whose runs, one for each text, wait for the model, with their starts durable."""
    runtime = SteppedRuntime({text: [tools] if tools else [] for text in texts}, crashed=crashed)
    await runtime.boot()
    for text in texts:
        runtime.spawn(runtime.say, text, text.replace(" ", "-"))
    await write(runtime)
    assert sorted(gates(runtime)) == sorted(texts)
    yield runtime
    await runtime.crash()


async def write(runtime: SteppedRuntime) -> None:
    """Write all that waits to be written, and let the runs go on as far as they can."""
    await runtime.settle()
    while runtime.disk.held:
        runtime.disk.write()
        await runtime.settle()


def gates(runtime: SteppedRuntime) -> list[str]:
    """Return the texts of the runs whose model is being asked."""
    texts = {run_id: runtime.state(run_id).input for run_id in runtime.run_ids}
    asked = (texts[gate.name.split()[1]] for gate in runtime.gates if gate.name.startswith("model "))
    return [message.text for message in asked if message is not None]


async def restart(runtime: SteppedRuntime) -> None:
    """Kill the process, and start the next one, until all that it can do at once is done."""
    await runtime.crash()
    await runtime.boot()
    await write(runtime)


async def row(runtime: SteppedRuntime, text: str) -> RunRow:
    found = await runtime.disk.run(runtime.run_of(text))
    assert found is not None
    return found


async def held(runtime: SteppedRuntime) -> list[str]:
    return [found.id for found in await runtime.disk.lacking() if (found.lacks or "").startswith("operator:")]


async def die_until_held(runtime: SteppedRuntime) -> int:
    """Kill the server each time that it drives the poison run, until it does so no more. Returns how often."""
    deaths = 0
    while POISON in gates(runtime):
        deaths += 1
        await restart(runtime)
        while POISON not in gates(runtime) and runtime.worker._alone is not None:
            runtime.clock.advance(5)
            await write(runtime)
    return deaths


async def test_the_third_end_holds_the_run_and_no_other() -> None:
    async with runtime_of(*INNOCENTS[:25], POISON, *INNOCENTS[25:]) as runtime:
        assert await die_until_held(runtime) == 3
        assert await held(runtime) == [runtime.run_of(POISON)]
        assert sorted(gates(runtime)) == sorted(INNOCENTS), "they go on at once, since the cause was found"
        await runtime.let_go()
        assert {runtime.state(runtime.run_of(text)).status for text in INNOCENTS} == {"finished"}
        assert (await row(runtime, POISON)).status == "paused"
        await restart(runtime)
        assert gates(runtime) == []
        assert await held(runtime) == [runtime.run_of(POISON)]


async def test_suspects_go_on_one_by_one_and_the_others_after_them() -> None:
    async with runtime_of("a", "b") as runtime:
        await restart(runtime)
        runtime.spawn(runtime.say, "c", "c")
        runtime.plans["c"] = []
        await write(runtime)
        assert sorted(gates(runtime)) == ["a", "b", "c"], "after one end, none waits"
        await restart(runtime)
        runtime.plans["d"] = []
        runtime.spawn(runtime.say, "d", "d")
        await write(runtime)
        assert gates(runtime) == ["b"], "the newest first"
        assert runtime.worker.waits_for_slot(runtime.run_of("d"))
        runtime.clock.advance(4.9)
        await write(runtime)
        assert gates(runtime) == ["b"]
        runtime.clock.advance(0.1)
        await write(runtime)
        assert gates(runtime) == ["b", "a"]
        runtime.open_gate(1)
        await write(runtime)
        assert sorted(gates(runtime)) == ["b", "c", "d"], "a suspect that has ended is waited for no longer"


async def test_a_suspect_can_be_cancelled_while_another_is_alone() -> None:
    async with runtime_of("a", "b") as runtime:
        await restart(runtime)
        await restart(runtime)
        assert gates(runtime) == ["b"]
        runtime.spawn(runtime.runs.cancel, "me", runtime.run_of("a"))
        await write(runtime)
        assert runtime.state(runtime.run_of("a")).status == "cancelled"
        assert gates(runtime) == ["b"]


async def test_twenty_deploys_in_a_row_hold_nothing() -> None:
    async with runtime_of("a", "b") as runtime:
        for _ in range(20):
            stopping = asyncio.create_task(runtime.worker.stop(0))
            await write(runtime)
            await stopping
            await restart(runtime)
            assert sorted(gates(runtime)) == ["a", "b"]
        assert runtime.disk.tables.crashes == {}


async def test_a_deploy_whose_drain_is_cut_off_is_no_crash() -> None:
    async with runtime_of("a") as runtime:
        for _ in range(5):
            stopping = asyncio.create_task(runtime.worker.stop(30))
            await runtime.settle()
            assert not stopping.done()
            await restart(runtime)
        assert runtime.disk.tables.crashes == {}


async def test_an_end_between_the_steps_of_a_run_does_not_count() -> None:
    async with runtime_of("a", tools=["pay_asked"]) as runtime:
        runtime.open_gate(0)
        await write(runtime)
        assert (await row(runtime, "a")).status == "paused"
        for _ in range(5):
            await restart(runtime)
        assert runtime.disk.tables.crashes == {}


async def test_a_run_that_the_dead_process_did_not_drive_is_not_counted() -> None:
    async with runtime_of("a") as runtime:
        await runtime.crash()
        for _ in range(5):
            await runtime.disk.open()
            await runtime.disk.take_over()  # and dies before it drives a run
        assert {each.crashes for each in runtime.disk.tables.crashes.values()} == {1}


async def test_the_first_step_after_a_restart_is_known_before_it_is_performed() -> None:
    async with runtime_of("a", tools=["look"]) as runtime:
        runtime.open_gate(0)
        await runtime.settle()
        assert runtime.disk.held, "the start of `look` is not durable, as it has no effects"
        assert [gate.name for gate in runtime.gates] == ["tool look"]
        await runtime.crash()
        await runtime.boot()
        await runtime.settle()
        assert gates(runtime) == []
        await write(runtime)
        assert gates(runtime) == ["a"]


async def test_the_run_fails_where_the_settings_say_so() -> None:
    async with runtime_of("a", POISON, crashed="fail") as runtime:
        assert await die_until_held(runtime) == 3
        assert runtime.state(runtime.run_of(POISON)).status == "failed"
        failed = runtime.events(runtime.run_of(POISON), RunFailed)[0]
        assert failed.error.code == "crashed_repeatedly"
        assert "3 times" in failed.error.message
        assert gates(runtime) == ["a"]
        assert runtime.types(runtime.run_of(POISON))[-3:] == ["run_resumed", "model_failed", "run_failed"]


async def test_a_run_that_ends_the_server_later_is_alone_for_longer() -> None:
    async with runtime_of("slow") as runtime:
        for seconds in (0, 0, 6, 7):
            runtime.clock.advance(seconds)
            await restart(runtime)
        assert await held(runtime) == [runtime.run_of("slow")]
    assert [healthy_seconds(crashes) for crashes in (2, 3, 4, 5, 6, 50)] == [5, 10, 20, 40, 40, 40]


async def test_a_parent_waits_for_a_child_that_is_held_and_goes_on_with_it() -> None:
    runtime = SteppedChildRuntime({"job": (("worker",),)})
    await runtime.boot()
    runtime.spawn(runtime.say, "job")
    await write(runtime)
    parent = runtime.run_ids[0]
    [child] = runtime.children(parent)
    for _ in range(3):
        assert [gate.name for gate in runtime.gates] == [f"model {child}"]
        await restart(runtime)
    rows = [await runtime.disk.run(run_id) for run_id in (parent, child)]
    assert [found.status for found in rows if found] == ["paused", "paused"]
    assert {found.lacks for found in rows if found} == {f"operator:crashed_repeatedly {child}"}
    runtime.spawn(runtime.holds.release, parent)
    await write(runtime)
    assert [str(error) for error in runtime.errors] == [
        f"Run {parent} is not held. Only a held run can be released."
    ], "what it waits for is its child"
    runtime.spawn(runtime.holds.release, child)
    await runtime.let_go()
    assert [runtime.state(run_id).status for run_id in (parent, child)] == ["finished", "finished"]
    await runtime.crash()
