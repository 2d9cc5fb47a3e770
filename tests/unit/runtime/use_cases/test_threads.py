"""A thread is erased while it is busy."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import tool
from journeyman.errors import NotFoundError, StateError
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import Answer
from tests.harness.runtime_in_memory import Rig, turns


async def test_what_runs_waits_and_queues_is_cancelled_and_then_gone() -> None:
    begun = asyncio.Event()

    @tool(effects="once")
    async def hold() -> str:
        """Wait."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    async with Rig(ScriptedModel(turns({"hold": {}})), [hold]) as rig:
        runs = [await rig.start("a", "t"), await rig.start("b", "t"), await rig.start("c", "t")]
        await begun.wait()
        waiting = asyncio.create_task(rig.runs.wait(runs[2], 5))
        await asyncio.sleep(0)
        await rig.threads.erase("local", "t")
        assert (await waiting).status == "cancelled"
        for run in runs:
            assert await rig.types(run) == []
            with pytest.raises(NotFoundError):
                await rig.runs.get("local", run)
        with pytest.raises(NotFoundError):
            await rig.threads.get("local", "t")
        assert rig.worker.running == 0


async def test_a_paused_run_is_erased_and_its_approval_with_it() -> None:
    @tool(effects="once", approval="always")
    async def pay() -> str:
        """Pay."""
        return ""

    async with Rig(ScriptedModel(turns({"pay": {}})), [pay]) as rig:
        run = await rig.start("a", "t")
        paused = await rig.runs.wait(run, 5)
        await rig.threads.erase("local", "t")
        with pytest.raises((NotFoundError, StateError)):
            await rig.runs.answer("local", run, [Answer(approval=paused.approvals[0].id, decision="approve")])
        assert await rig.runs.approvals("local", None, 10) == []
        assert await rig.threads.list("local", None, 10) == []


async def test_somebody_elses_thread_is_not_there() -> None:
    async with Rig(ScriptedModel(turns("x"))) as rig:
        await rig.runs.wait(await rig.start("a", "t"), 5)
        with pytest.raises(NotFoundError):
            await rig.threads.erase("other", "t")
        assert len(await rig.threads.messages("local", "t", 0, 10)) == 2
