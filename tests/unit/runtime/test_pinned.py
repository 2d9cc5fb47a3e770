"""Pinned messages of a thread: every run's model calls see them, however far the window has moved."""

from __future__ import annotations

import msgspec

from journeyman.agents.spec import AgentSpec, History
from journeyman.events.messages import user
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


class Short(RuntimeInMemory):
    """A window of eight messages."""

    def spec(self) -> AgentSpec:
        return msgspec.structs.replace(super().spec(), history=History(max_messages=8))


async def test_a_pinned_message_stays_while_the_window_moves_and_goes_with_a_fork() -> None:
    model = ScriptedModel(turns(*(f"answer {number}" for number in range(14))))
    async with Short(model) as runtime:
        await runtime.threads.create("local", "t")
        await runtime.threads.add_message("local", "t", msgspec.structs.replace(user("Be French."), pinned=True))
        for number in range(12):
            run = await runtime.start(f"question {number}", "t")
            await runtime.runs.wait(run, 5)
            seen = [message.text for message in model.requests[-1].messages]
            assert seen[0] == "Be French."
            assert seen.count("Be French.") == 1
            assert len(seen) <= 8
            assert seen[-1] == f"question {number}"
        state = await runtime.runs.state("local", run)
        assert state.first_no > 1
        forked = await runtime.forks.fork("local", ForkRun(run_id=run, at=2))
        await runtime.runs.wait(forked.run_id, 5)
        assert [message.text for message in model.requests[-1].messages] == seen
        again = await runtime.start("and now?", forked.thread_id)
        await runtime.runs.wait(again, 5)
        assert model.requests[-1].messages[0].text == "Be French."


async def test_the_requests_of_a_thread_with_pinned_messages_continue_each_other_until_its_window_is_full() -> None:
    model = ScriptedModel(turns(*(f"answer {number}" for number in range(14))))
    async with Short(model) as runtime:
        await runtime.threads.create("local", "t")
        whole = 0
        for number in range(12):
            if number in (1, 4):
                rule = msgspec.structs.replace(user(f"Rule {number}."), pinned=True)
                await runtime.threads.add_message("local", "t", rule)
            await runtime.runs.wait(await runtime.start(f"question {number}", "t"), 5)
            before, after = ([None] * 2 + [request.messages for request in model.requests])[-2:]
            if before is not None and after[: len(before)] != before:
                assert len(before) + 2 + (number in (1, 4)) > 8
                whole += 1
        assert 3 <= whole <= 6
        assert [message.text for message in model.requests[-1].messages][:2] == ["Rule 1.", "Rule 4."]
