"""A held run is driven by nothing but a release or a cancel."""

from __future__ import annotations

import pytest

from journeyman.errors import BaseError
from journeyman.events.events import Lack, RunPaused
from journeyman.runtime.use_cases.requests import HumanAnswer
from tests.harness.stepped_runtime import SteppedRuntime
from tests.unit.runtime.engine.test_suspect_runs import (
    POISON,
    die_until_held,
    gates,
    held,
    restart,
    row,
    runtime_of,
    write,
)


def codes(runtime: SteppedRuntime) -> list[str]:
    """Return the codes of what callers were refused with."""
    return [error.code for error in runtime.errors if isinstance(error, BaseError)]


async def test_a_released_run_goes_on() -> None:
    async with runtime_of(POISON) as runtime:
        await die_until_held(runtime)
        run_id = runtime.run_of(POISON)
        runtime.spawn(runtime.holds.release, run_id)
        await write(runtime)
        assert gates(runtime) == [POISON]
        runtime.spawn(runtime.holds.release, run_id)
        await write(runtime)
        assert codes(runtime) == ["not_held"]
        await runtime.let_go()
        assert runtime.state(run_id).status == "finished"
        assert await held(runtime) == []


async def test_a_held_run_ends_by_a_cancel() -> None:
    async with runtime_of(POISON) as runtime:
        await die_until_held(runtime)
        runtime.spawn(runtime.runs.cancel, "me", runtime.run_of(POISON))
        await write(runtime)
        assert runtime.state(runtime.run_of(POISON)).status == "cancelled"


async def test_an_answer_does_not_release_a_held_run() -> None:
    async with runtime_of("a", tools=["pay_asked"]) as runtime:
        runtime.open_gate(0)
        await write(runtime)
        run_id = runtime.run_of("a")
        runtime.spawn(runtime.holds.hold, run_id)
        await write(runtime)
        approval = (await runtime.disk.approvals(None))[0].id
        answer = HumanAnswer(approval=approval, decision="approve")
        for _ in range(2):
            runtime.spawn(runtime.runs.answer, "me", run_id, [answer])
            await write(runtime)
            assert [gate.name for gate in runtime.gates] == []
            assert (await row(runtime, "a")).status == "paused"
            await restart(runtime)
        runtime.spawn(runtime.holds.release, run_id)
        await runtime.let_go()
        assert runtime.state(run_id).status == "finished"
        assert runtime.executed == {(run_id, "m1.0"): 1}


@pytest.mark.parametrize("status", ["queued", "ended", "absent"])
async def test_what_cannot_be_held(status: str) -> None:
    async with runtime_of("a") as runtime:
        run_id = runtime.run_of("a")
        if status == "queued":
            runtime.plans["b"] = []
            runtime.spawn(runtime.say, "b", "a")
            await write(runtime)
            run_id = runtime.run_of("b")
        elif status == "ended":
            await runtime.let_go()
        else:
            run_id = "run_0"
        runtime.spawn(runtime.holds.hold, run_id)
        await write(runtime)
        code = {"queued": "run_queued", "ended": "run_ended", "absent": "not_found"}[status]
        assert codes(runtime) == [code]


async def test_a_run_that_only_waits_is_held_too_and_goes_on_after_it() -> None:
    async with runtime_of("a") as runtime:
        run_id = runtime.run_of("a")
        await runtime.crash()
        await runtime.disk.open()
        runtime.spawn(runtime.holds.hold, run_id)  # by the command line, which takes nothing over
        await write(runtime)
        assert runtime.types(run_id)[-2:] == ["run_resumed", "run_paused"]
        runtime.spawn(runtime.holds.hold, run_id)
        await write(runtime)
        assert runtime.events(run_id, RunPaused) == [RunPaused(lacks=Lack("operator", f"held {run_id}"))]
        await restart(runtime)
        assert (gates(runtime), codes(runtime)) == ([], [])
        runtime.spawn(runtime.holds.release, run_id)
        await write(runtime)
        assert gates(runtime) == ["a"]
