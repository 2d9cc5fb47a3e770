"""Retries: a new run on the thread of a failed run goes on from before the failure."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman import ToolContext, tool
from journeyman.errors import BaseError, NotFoundError, StateError
from journeyman.events.codec import Entry
from journeyman.events.events import Failure, RunFailed, ToolCallFinished
from journeyman.journal.journal import Append, Batch, RunFilter
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, IdempotencyKey, RetryRun, StartCall
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

PAID: list[int] = []
FAILS: dict[str, Any] = {"error": "auth"}


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


@tool(effects="once")
async def pay(amount: int) -> str:
    """Pay."""
    PAID.append(amount)
    await asyncio.Event().wait()
    return "paid"


@tool(effects="none")
async def note(ctx: ToolContext) -> str:
    """Note something in both contexts."""
    await ctx.context.patch(thread={"noted": True}, global_={"notes": 1})
    return "noted"


@tool(effects="once", approval="always")
async def sign() -> str:
    """Sign."""
    return "signed"


TOOLS = (look, pay, note, sign)


async def ended(runtime: RuntimeInMemory, text: str = "go", thread: str | None = "t") -> str:
    run = await runtime.start(text, thread)
    await runtime.runs.wait(run, 5)
    return run


async def retry(runtime: RuntimeInMemory, run: str, principal: str = "local", **rest: Any) -> str:
    return (await runtime.forks.retry(principal, RetryRun(run_id=run, **rest))).run_id


async def refusal(runtime: RuntimeInMemory, run: str) -> StateError:
    with pytest.raises(StateError) as caught:
        await retry(runtime, run)
    return caught.value


async def entries(runtime: RuntimeInMemory, run: str) -> list[Entry]:
    return list(await runtime.journal.read(run))


async def fail_as_the_server_would(runtime: RuntimeInMemory, run: str) -> None:
    """End a run whose tool call was under way, as a server does that cannot go on with it."""
    await runtime.worker.stop(0)
    events = [
        ToolCallFinished(call="m1.0", call_id="c", tool="pay", error=Failure("outcome_unknown", "It is unknown.")),
        RunFailed(error=Failure("internal_error", "It failed.")),
    ]
    known = len(await entries(runtime, run))
    drafts = tuple(map(runtime.codec.draft, events))
    append = Append(stream=run, drafts=drafts, epoch=runtime.journal.epoch, known=known)
    await runtime.journal.commit(Batch(at=runtime.clock.now(), appends=(append,)))


async def test_it_goes_on_from_before_the_failure_and_the_failed_run_is_untouched() -> None:
    model = ScriptedModel([*turns("Hello.", {"look": {"name": "A"}}), FAILS, *turns("A is there.", "Bye.")])
    async with RuntimeInMemory(model, TOOLS) as runtime:
        await ended(runtime, "Hi")
        failed = await ended(runtime, "Where is A?")
        before = await entries(runtime, failed)
        again = await retry(runtime, failed)
        result = await runtime.runs.wait(again, 5)
        assert (result.status, result.response, result.thread_id) == ("finished", "A is there.", "t")
        assert (result.retried_from, result.forked_from, result.forked_at) == (failed, None, None)
        assert await entries(runtime, failed) == before
        asked = [(message.role, message.text) for message in model.requests[-1].messages]
        assert asked == [
            ("user", "Hi"), ("assistant", "Hello."),
            ("user", "Where is A?"), ("assistant", ""), ("tool", "A is there"),
        ]  # fmt: skip
        made = await entries(runtime, again)
        (forked,) = [entry for entry in made if entry.type == "run_forked"]
        assert before[forked.seq - 1].type == "model_failed"
        assert [one.data for one in made[1 : forked.seq - 1]] == [one.data for one in before[1 : forked.seq - 1]]
        assert (await runtime.runs.wait(await ended(runtime, "Bye"), 5)).response == "Bye."
        rows = await runtime.journal.messages("local/t", 1, 100)
        assert [row.message.role for row in rows][:6] == ["user", "assistant", "user", "assistant", "tool", "user"]


async def test_a_later_run_on_the_thread_forbids_it_and_a_retry_may_be_retried() -> None:
    model = ScriptedModel([FAILS, FAILS, *turns("third", "other")])
    async with RuntimeInMemory(model, TOOLS) as runtime:
        failed = await ended(runtime)
        second = await retry(runtime, failed)
        assert (await runtime.runs.wait(second, 5)).status == "failed"
        error = await refusal(runtime, failed)
        assert error.code == "thread_moved_on"
        assert f"/runs/{failed}/fork" in error.message
        third = await retry(runtime, second)
        result = await runtime.runs.wait(third, 5)
        assert (result.response, result.retried_from) == ("third", second)
        assert (await refusal(runtime, second)).code == "thread_moved_on"
        forked = await runtime.forks.fork("local", ForkRun(run_id=third, at=2))
        result = await runtime.runs.wait(forked.run_id, 5)
        assert (result.retried_from, result.forked_from) == (None, third)
        assert result.thread_id != "t"


async def test_of_two_retries_at_once_one_wins_and_a_key_makes_one_run() -> None:
    async with RuntimeInMemory(ScriptedModel([FAILS, FAILS, *turns("done")]), TOOLS) as runtime:
        failed = await ended(runtime)
        both = await asyncio.gather(retry(runtime, failed), retry(runtime, failed), return_exceptions=True)
        (won,) = [one for one in both if isinstance(one, str)]
        (lost,) = [one for one in both if isinstance(one, BaseError)]
        assert lost.code == "thread_moved_on"
        assert (await runtime.runs.wait(won, 5)).status == "failed"
        key = IdempotencyKey("/retry", "k", "h")
        keyed = await asyncio.gather(*(retry(runtime, won, key=key) for _ in range(2)))
        assert keyed[0] == keyed[1]
        assert (await runtime.runs.wait(keyed[0], 5)).response == "done"
        assert await retry(runtime, won, key=key) == keyed[0], "repeated later, it is still the same run"
        assert len(await runtime.journal.runs(RunFilter(thread="local/t"))) == 3


async def test_what_cannot_be_retried_is_said() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("fine")), TOOLS) as runtime:
        finished = await ended(runtime)
        error = await refusal(runtime, finished)
        assert (error.code, "it is finished" in error.message) == ("not_retryable", True)
        call = (await runtime.runs.call("local", StartCall(tool="sign", arguments={}, unlisted=True))).run_id
        await runtime.runs.cancel("local", call)
        assert (await refusal(runtime, call)).code == "not_retryable"
        for run, principal in ((finished, "other"), ("run_nowhere", "local")):
            with pytest.raises(NotFoundError):
                await retry(runtime, run, principal)


async def test_a_call_of_unknown_outcome_asks() -> None:
    PAID.clear()
    runtime = RuntimeInMemory(ScriptedModel(turns({"pay": {"amount": 5}}, "paid for")), TOOLS)
    async with runtime:
        run = await runtime.start("pay", "t")
        async with asyncio.timeout(5):
            while not PAID:
                await asyncio.sleep(0)
        await fail_as_the_server_would(runtime, run)
        later = RuntimeInMemory(runtime.model, TOOLS, runtime.journal)
        later.ids = runtime.ids
        async with later:
            again = await retry(later, run)
            result = await later.runs.wait(again, 5)
            assert result.status == "paused"
            (asked,) = result.approvals
            assert (asked.kind, asked.tool, asked.arguments) == ("unknown_outcome", "pay", {"amount": 5})
            await later.runs.answer("local", again, [HumanAnswer(approval=asked.id, decision="done", result="paid")])
            assert (await later.runs.wait(again, 5)).response == "paid for"
            assert PAID == [5]


async def test_contexts_change_once_and_a_finished_call_is_not_asked_about_again(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    said = [*turns({"note": {}}, {"sign": {}}), FAILS, *turns("done")]
    async with RuntimeInMemory(ScriptedModel(said), TOOLS, journal) as runtime:
        run = await runtime.start("go", "t")
        (asked,) = (await runtime.runs.wait(run, 5)).approvals
        await runtime.runs.answer("local", run, [HumanAnswer(approval=asked.id, decision="approve")])
        assert (await runtime.runs.wait(run, 5)).status == "failed"
        await runtime.threads.patch_context("local", "t", {"noted": None, "mine": 1})
        again = await retry(runtime, run)
        assert (await runtime.runs.wait(again, 5)).response == "done"
        thread = await journal.thread("local/t")
        assert thread is not None
        assert thread.context == {"mine": 1}, "the copies do not change the thread's context again"
        await journal.close()
    assert list(differences(apsw.Connection(str(tmp_path / "j.db")))) == []
