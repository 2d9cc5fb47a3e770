"""Conversations: found by what was said, until their thread has gone on."""

from __future__ import annotations

from journeyman.clock import ManualClock
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.conversations import KEEP_US, ConversationPlace
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def test_a_conversation_is_found_until_its_thread_has_had_another_run() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("a", "b"))) as runtime:
        find, remember = runtime.conversations.find, runtime.conversations.remember
        first = await runtime.start("hi", hidden=True)
        thread = (await runtime.runs.wait(first, 5)).thread_id
        await remember("local", "said", first)
        assert await find("local", "said") == ConversationPlace(thread_id=thread, known=True)
        assert await find("other", "said") == ConversationPlace()
        await runtime.runs.wait(await runtime.start("more", thread, hidden=True), 5)
        assert await find("local", "said") == ConversationPlace()


async def test_a_conversation_on_a_thread_with_a_name_goes_on_there() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("a"))) as runtime:
        assert await runtime.conversations.find("local", "", "t") == ConversationPlace(thread_id="t", hidden=False)
        run_id = await runtime.start("hi", "t")
        await runtime.runs.wait(run_id, 5)
        await runtime.conversations.remember("local", "said", run_id)
        assert await runtime.conversations.find("local", "said") == ConversationPlace(
            thread_id="t", hidden=False, known=True
        )
        assert await runtime.conversations.find("local", "", "t") == ConversationPlace()  # taken


async def test_a_conversation_is_forgotten_after_a_day_and_with_its_thread() -> None:
    clock = ManualClock()
    async with RuntimeInMemory(ScriptedModel(turns("a")), clock=clock) as runtime:
        run_id = await runtime.start("hi", hidden=True)
        thread = (await runtime.runs.wait(run_id, 5)).thread_id
        await runtime.conversations.remember("local", "said", run_id)
        clock.advance(KEEP_US / 1_000_000)
        assert await runtime.conversations.find("local", "said") == ConversationPlace()
        await runtime.conversations.remember("local", "said", run_id)
        await runtime.threads.erase("local", thread)
        assert await runtime.conversations.find("local", "said") == ConversationPlace()
