"""A thread is erased while it is busy."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import tool
from journeyman.errors import NotFoundError, StateError
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer
from journeyman.runtime.use_cases.threads import SEARCHED
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def test_what_runs_waits_and_queues_is_cancelled_and_then_gone() -> None:
    begun = asyncio.Event()

    @tool(effects="once")
    async def hold() -> str:
        """Wait."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    async with RuntimeInMemory(ScriptedModel(turns({"hold": {}})), [hold]) as runtime:
        runs = [await runtime.start("a", "t"), await runtime.start("b", "t"), await runtime.start("c", "t")]
        await begun.wait()
        waiting = asyncio.create_task(runtime.runs.wait(runs[2], 5))
        await asyncio.sleep(0)
        await runtime.threads.erase("local", "t")
        assert (await waiting).status == "cancelled"
        for run in runs:
            assert await runtime.types(run) == []
            with pytest.raises(NotFoundError):
                await runtime.runs.get("local", run)
        with pytest.raises(NotFoundError):
            await runtime.threads.get("local", "t")
        assert runtime.worker.running == 0


async def test_a_paused_run_is_erased_and_its_approval_with_it() -> None:
    @tool(effects="once", approval="always")
    async def pay() -> str:
        """Pay."""
        return ""

    async with RuntimeInMemory(ScriptedModel(turns({"pay": {}})), [pay]) as runtime:
        run = await runtime.start("a", "t")
        paused = await runtime.runs.wait(run, 5)
        await runtime.threads.erase("local", "t")
        with pytest.raises((NotFoundError, StateError)):
            await runtime.runs.answer("local", run, [HumanAnswer(approval=paused.approvals[0].id, decision="approve")])
        assert await runtime.runs.approvals("local", None, 10) == []
        assert await runtime.threads.list("local", None, 10) == []


async def test_the_thread_of_another_principal_is_not_found() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("x"))) as runtime:
        await runtime.runs.wait(await runtime.start("a", "t"), 5)
        with pytest.raises(NotFoundError):
            await runtime.threads.erase("other", "t")
        assert len(await runtime.threads.messages("local", "t", 0, 10)) == 2


async def test_threads_are_found_by_id_title_and_first_message() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("x", "y", "z"))) as runtime:
        for text, thread in (("Where is the LAMP?", "one"), ("Nothing", "lamp-2"), ("And then", "one")):
            await runtime.runs.wait(await runtime.start(text, thread), 5)
        await runtime.threads.create("local", "titled", "Lamps of the house")
        await runtime.threads.create("local", "other", "Chairs")
        rows, stopped_at = await runtime.threads.search("local", "lamp", None, 10)
        assert ({row.thread_id for row in rows}, stopped_at) == ({"one", "lamp-2", "titled"}, None)
        assert (await runtime.threads.previews(rows))["local/one"] == "Where is the LAMP?"
        assert len((await runtime.threads.search("local", "lamp", None, 2))[0]) == 2
        assert (await runtime.threads.search("another", "lamp", None, 10))[0] == []


async def test_a_search_is_broken_off_and_goes_on_behind_what_it_saw() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("x"))) as runtime:
        for number in range(SEARCHED + 5):
            await runtime.threads.create("local", f"t{number}", "wanted" if number == 0 else "")
        rows, stopped_at = await runtime.threads.search("local", "wanted", None, 10)
        assert rows == []
        assert stopped_at is not None
        rows, stopped_at = await runtime.threads.search("local", "wanted", stopped_at, 10)
        assert ([row.thread_id for row in rows], stopped_at) == (["t0"], None)


async def test_a_thread_gets_another_title_from_its_principal_alone() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("x"))) as runtime:
        await runtime.threads.create("local", "t", "Old")
        assert (await runtime.threads.rename("local", "t", "New")).title == "New"
        assert (await runtime.threads.rename("local", "t", "New")).title == "New"
        assert (await runtime.threads.get("local", "t")).title == "New"
        assert await runtime.types("thread:local/t") == ["thread_created", "thread_renamed"]
        with pytest.raises(NotFoundError):
            await runtime.threads.rename("other", "t", "Theirs")
