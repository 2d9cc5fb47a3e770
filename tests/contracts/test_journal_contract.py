"""The contract of the journal's port, tested with every backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Any

import msgspec
import pytest

from journeyman.errors import (
    IdempotencyError,
    NotFoundError,
    QueueFullError,
    StaleEpochError,
    StateError,
    ThreadBusyError,
)
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    DirectCall,
    Event,
    Failure,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Parent,
    Path,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ThreadCreated,
    ThreadRenamed,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import assistant, user
from journeyman.events.quota import Quota
from journeyman.events.streams import ThreadRef, principal_stream, thread_stream
from journeyman.journal.journal import (
    ApiKeyRow,
    Append,
    Batch,
    Committed,
    IdempotencyClaim,
    Idle,
    Journal,
    RunFilter,
    StoredDefinition,
    ToolOutputRow,
)
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.reads import api_key_of
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.runs import Runs
from tests.harness.runtime_in_memory import RuntimeInMemory

draft = Codec().draft
T = "ann/t1"


@pytest.fixture(params=["memory", "sqlite"])
def closed(request: pytest.FixtureRequest, tmp_path: File) -> Journal:
    return MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")


@pytest.fixture
async def journal(closed: Journal) -> AsyncIterator[Journal]:
    await closed.open()
    yield closed
    await closed.close()


@pytest.fixture
async def runs(closed: Journal) -> AsyncIterator[Runs]:
    """Return the use cases of runs over each journal, to test what a client that watches a run gets."""
    async with RuntimeInMemory(ScriptedModel([]), journal=closed) as runtime:
        yield runtime.runs
    await closed.close()


async def watched(runs: Runs, after: int = 0) -> list[int]:
    frames = [frame async for frame in runs.watch("ann", "r1", after)]
    assert all(isinstance(frame, Entry) for frame in frames)
    return [frame.seq for frame in frames if isinstance(frame, Entry)]


def accepted(run: str, thread: str = T, text: str | None = "hi", **more: Any) -> Append:
    more.setdefault("agent", "support")
    said = user(text) if text is not None else None
    event = RunAccepted(
        thread=thread,
        principal=ThreadRef.parse(thread).principal,
        input=said,
        **more,
    )
    return Append(stream=run, drafts=(draft(event),))


def step(run: str, *events: Event, epoch: int = 1, known: int = 0) -> Append:
    return Append(stream=run, drafts=tuple(map(draft, events)), epoch=epoch, known=known)


def outside(stream: str, *events: Event) -> Append:
    return Append(stream=stream, drafts=tuple(map(draft, events)))


def batch(*appends: Append, at: int = 10, **more: Any) -> Batch:
    return Batch(at=at, appends=appends, **more)


async def commit(journal: Journal, *appends: Append, **more: Any) -> Committed:
    return await journal.commit(batch(*appends, **more))


async def types(journal: Journal, stream: str) -> list[str]:
    entries = await journal.read(stream)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    return [entry.type for entry in entries]


def said(text: str, call: str = "m1") -> ModelReplied:
    return ModelReplied(call=call, model="m", message=assistant(text))


def asks(approval: str, **more: Any) -> ApprovalRequested:
    return ApprovalRequested(approval=approval, kind="tool", tool="pay", decisions=("approve", "deny"), **more)


async def texts(journal: Journal, thread: str = T) -> list[str]:
    rows = await journal.messages(thread, 1, 1000)
    assert [row.no for row in rows] == list(range(1, len(rows) + 1))
    return [row.message.text for row in rows]


# --- accept, slot and queue


async def test_a_run_is_accepted_and_takes_the_free_slot(journal: Journal) -> None:
    done = await commit(journal, accepted("r1", context={"lang": "de"}, request_id="q"), at=7)
    assert [(entry.type, entry.seq, entry.at) for entry in done.entries] == [
        ("run_accepted", 1, 7),
        ("run_started", 2, 7),
        ("context_changed", 3, 7),
    ]
    assert done.entries[1].event == RunStarted(epoch=1)
    run, thread = await journal.run("r1"), await journal.thread(T)
    assert run is not None
    assert (run.status, run.epoch, run.last_seq, run.started_at, run.request_id) == ("running", 1, 3, 7, "q")
    assert thread is not None
    assert (thread.principal, thread.thread_id, thread.active_run, thread.next_no) == ("ann", "t1", "r1", 2)
    assert thread.context == {"lang": "de"}
    assert await texts(journal) == ["hi"]
    assert list(await journal.read("r1")) == list(done.entries)


async def test_the_slot_is_handed_over_in_the_order_of_acceptance(journal: Journal) -> None:
    for run in ("r1", "r2", "r3"):
        await commit(journal, accepted(run, text=run))
    assert [row.id for row in await journal.runs(RunFilter(thread=T, status="queued"))] == ["r3", "r2"]
    done = await commit(journal, step("r1", said("one"), RunFinished(output="one"), known=2))
    assert [(entry.stream, entry.type) for entry in done.entries] == [
        ("r1", "model_replied"),
        ("r1", "run_finished"),
        ("r2", "run_started"),
    ]
    assert done.entries[-1].event == RunStarted(epoch=1, last_no=2)
    assert await texts(journal) == ["r1", "one", "r2"]
    statuses = {row.id: row.status for row in await journal.runs(RunFilter(thread=T))}
    assert statuses == {"r3": "queued", "r2": "running", "r1": "finished"}


async def test_a_queued_run_starts_with_the_contexts_of_that_moment_and_its_own_patch(journal: Journal) -> None:
    await commit(journal, accepted("r1", context={"a": 1}))
    await commit(journal, accepted("r2", context={"a": None, "b": 2}))
    await commit(
        journal,
        step("r1", ContextChanged(scope="global", patch={"g": 1}), ModelCalled(call="m1", model="m", first_no=1)),
    )
    done = await commit(journal, step("r1", RunFailed(error=Failure("boom", "it broke", "e1"))))
    started = done.entries[1].event
    assert started == RunStarted(epoch=1, last_no=1, thread_context={"a": 1}, global_context={"g": 1})
    assert done.entries[2].event == ContextChanged(scope="thread", patch={"a": None, "b": 2})
    thread, run = await journal.thread(T), await journal.run("r1")
    assert thread is not None
    assert thread.context == {"b": 2}
    assert run is not None
    assert (run.status, run.error_code, run.error_id) == ("failed", "boom", "e1")
    assert await journal.global_context("ann") == {"g": 1}


async def test_reject_and_a_full_queue_refuse_and_leave_no_trace(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    with pytest.raises(ThreadBusyError, match=r"^Thread 't1' already has a run in progress"):
        await commit(journal, accepted("r2", multitask="reject"))
    for run in ("r2", "r3"):
        await commit(journal, accepted(run), max_queued=2)
    with pytest.raises(QueueFullError):
        await commit(journal, accepted("r4"), max_queued=2)
    assert await journal.run("r4") is None
    assert await journal.read("r4") == []
    with pytest.raises(StateError):
        await commit(journal, accepted("r1", thread="ann/other"))
    assert await journal.thread("ann/other") is None


async def test_a_run_cancelled_in_the_queue_leaves_without_touching_the_slot(journal: Journal) -> None:
    for run in ("r1", "r2", "r3"):
        await commit(journal, accepted(run, text=run))
    await commit(journal, outside("r2", CancelRequested(by="ann")))
    done = await commit(journal, step("r2", RunCancelled(by="ann"), known=1))
    assert [entry.type for entry in done.external] == ["cancel_requested"]
    assert [entry.type for entry in done.entries] == ["run_cancelled"]
    thread = await journal.thread(T)
    assert thread is not None
    assert thread.active_run == "r1"
    done = await commit(journal, step("r1", RunFinished(), known=2))
    assert done.entries[-1].stream == "r3"
    assert await texts(journal) == ["r1", "r3"]


async def test_a_queued_run_takes_no_step(journal: Journal) -> None:
    await commit(journal, accepted("r1"), accepted("r2"))
    with pytest.raises(StateError) as queued:
        await commit(journal, step("r2", said("early")))
    assert queued.value.code == "run_queued"


async def test_one_batch_writes_several_streams_and_all_rows(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    child = accepted("c1", thread="ann/hidden", parent=Parent("r1", "m1.0"))
    done = await commit(
        journal,
        step("r1", ToolCallStarted(call="m1.0", call_id="x", tool="agent", arguments={}, idempotency_key="k")),
        child,
        outside(principal_stream("ann"), ContextChanged(scope="global", patch={"n": 1})),
        definitions=(StoredDefinition("v1", b"{}"),),
    )
    assert [entry.stream for entry in done.entries] == ["r1", "c1", "c1", "principal:ann"]
    run = await journal.run("c1")
    assert run is not None
    assert (run.parent, run.status) == ("r1", "running")
    assert await journal.global_context("ann") == {"n": 1}
    assert await journal.definition("v1") == StoredDefinition("v1", b"{}")
    assert await journal.definition("v2") is None


async def test_a_batch_refused_at_its_last_append_writes_nothing(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    before = await journal.read("r1")
    with pytest.raises(StaleEpochError):
        await commit(
            journal,
            outside(principal_stream("ann"), ContextChanged(scope="global", patch={"n": 1})),
            accepted("r2", thread="ann/new"),
            step("r1", RunFinished(), epoch=9),
        )
    assert await journal.read("r1") == before
    assert await journal.run("r2") is None
    assert await journal.thread("ann/new") is None
    assert await journal.global_context("ann") == {}


# --- fence and outside facts


async def test_the_fence(journal: Journal) -> None:
    await commit(journal, accepted("r1"), epoch=3)
    with pytest.raises(StaleEpochError):
        await commit(journal, step("r1", RunFinished(), epoch=2))
    with pytest.raises(NotFoundError):
        await commit(journal, step("r9", RunFinished(), epoch=3))
    with pytest.raises(StateError, match="under the run's epoch"):
        await commit(journal, outside("r1", RunFinished()))
    with pytest.raises(StateError, match="last event of its run"):
        await commit(journal, step("r1", RunFinished(), said("more"), epoch=3))
    await commit(journal, step("r1", RunFinished(), epoch=3))
    with pytest.raises(StateError) as ended:
        await commit(journal, step("r1", RunFinished(), epoch=3))
    assert ended.value.code == "run_ended"
    assert await types(journal, "r1") == ["run_accepted", "run_started", "run_finished"]


async def test_outside_facts_come_back_and_are_never_refused_under_a_valid_epoch(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("a1"), RunPaused(waiting_for=("a1",)), known=2))
    await commit(journal, outside("r1", ApprovalGiven(approval="a1", decision="deny", by="bob")))
    await commit(journal, outside("r1", CancelRequested(by="bob")))
    done = await commit(journal, step("r1", RunResumed(epoch=1), known=4))
    assert [entry.seq for entry in done.external] == [5, 6]
    assert [entry.seq for entry in done.entries] == [7]
    assert (await commit(journal, step("r1", known=4))).external[2:] == done.entries
    assert (await commit(journal, step("r1", said("x"), known=7))).external == ()


@pytest.mark.parametrize("end", [RunFinished(output="done"), RunFailed(error=Failure("tool_failed", "no"))])
async def test_no_end_but_the_cancellation_is_taken_behind_a_cancel(journal: Journal, end: Event) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, outside("r1", CancelRequested(by="bob")))
    with pytest.raises(StateError) as refused:
        await commit(journal, step("r1", said("x"), end, known=2))
    assert refused.value.code == "cancel_requested"
    assert await types(journal, "r1") == ["run_accepted", "run_started", "cancel_requested"], "it left no trace"
    await commit(journal, step("r1", said("x"), known=2))
    await commit(journal, step("r1", RunCancelled(by="bob"), known=2))
    assert (await types(journal, "r1"))[-1] == "run_cancelled"


async def test_another_outside_fact_does_not_refuse_an_end(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("a1"), known=2))
    await commit(journal, outside("r1", ApprovalGiven(approval="a1", decision="deny", by="bob")))
    done = await commit(journal, step("r1", RunFinished(), known=3))
    assert [entry.type for entry in done.entries] == ["run_finished"]


async def test_an_approval_is_answered_once_and_closed_by_the_end(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("a1", arguments={"x": 1}), asks("a2"), RunPaused(waiting_for=("a1", "a2"))))
    run = await journal.run("r1")
    assert run is not None
    assert run.status == "paused"
    assert [row.id for row in await journal.approvals("ann")] == ["a1", "a2"]
    assert [row.id for row in await journal.approvals(None, cursor="a1")] == ["a2"]
    assert await journal.approvals("bob") == []
    assert [row.id for row in await journal.approvals("ann", run="r1", limit=1)] == ["a1"]
    assert await journal.answered_approvals(None) == []
    give = ApprovalGiven(approval="a1", decision="approve", by="bob")
    await commit(journal, outside("r1", give))
    with pytest.raises(StateError) as closed:
        await commit(journal, outside("r1", give))
    assert closed.value.code == "approval_closed"
    with pytest.raises(NotFoundError):
        await commit(journal, outside("r1", ApprovalGiven(approval="a9", decision="deny", by="bob")))
    with pytest.raises(NotFoundError):
        await commit(journal, outside("r9", give))
    await commit(journal, step("r1", RunResumed(epoch=1), RunCancelled()))
    first, second = await journal.approval("a1"), await journal.approval("a2")
    assert first is not None
    assert (first.answer, first.answered_by, first.arguments) == ("approve", "bob", {"x": 1})
    assert second is not None
    assert second.answer == "closed"
    assert [row.id for row in await journal.answered_approvals("ann")] == ["a2", "a1"]
    assert [row.id for row in await journal.answered_approvals(None, limit=1)] == ["a2"]
    assert [row.id for row in await journal.answered_approvals("ann", before="a2")] == ["a1"]
    assert await journal.answered_approvals("bob") == []
    with pytest.raises(StateError) as closed:
        await commit(journal, outside("r1", ApprovalGiven(approval="a2", decision="approve", by="bob")))
    assert closed.value.code == "approval_closed"
    with pytest.raises(StateError) as ended:
        await commit(journal, outside("r1", CancelRequested(by="bob")))
    assert ended.value.code == "run_ended"


async def test_take_over_raises_every_open_run_and_lists_those_at_work(journal: Journal) -> None:
    await commit(journal, accepted("r1"), accepted("r2"))
    await commit(journal, accepted("r3", thread="ann/t2"))
    await commit(journal, accepted("r4", thread="ann/t3"))
    await commit(journal, step("r3", asks("a1"), RunPaused(waiting_for=("a1",))), step("r4", RunFinished()))
    await journal.close()
    await journal.open()
    assert journal.epoch == 2
    rows = await journal.take_over()
    assert [(row.id, row.epoch, row.status) for row in rows] == [("r1", 2, "running"), ("r3", 2, "paused")]
    epochs = {row.id: row.epoch for row in await journal.runs(RunFilter())}
    assert epochs == {"r1": 2, "r2": 2, "r3": 2, "r4": 1}
    with pytest.raises(StaleEpochError):
        await commit(journal, step("r1", said("late"), epoch=1))
    done = await commit(journal, step("r1", RunResumed(epoch=2, reason="taken_over"), RunFinished(), epoch=2), epoch=2)
    assert done.entries[-1].event == RunStarted(epoch=2, last_no=1)
    row = await journal.run("r4")
    assert row is not None
    assert row.epoch == 1


async def in_progress(journal: Journal, *runs: str) -> None:
    """Accept runs on one thread each, and begin a model call of each."""
    for run in runs:
        await commit(journal, accepted(run, thread=f"ann/{run}"), epoch=journal.epoch)
        await commit(journal, step(run, ModelCalled(call="m1", model="m"), epoch=journal.epoch))


async def taken_over(journal: Journal, *driven: str) -> list[tuple[str, int, bool]]:
    """Open the journal again, take over, and drive these runs. Returns the suspects before that."""
    await journal.close()
    await journal.open()
    await journal.take_over()
    found = [tuple(each) for each in await journal.suspects()]
    for run in driven:
        resumed = RunResumed(epoch=journal.epoch, reason="taken_over")
        await commit(journal, step(run, resumed, ModelCalled(call="m1", model="m"), epoch=journal.epoch))
    return found  # type: ignore[return-value]


async def test_unclean_ends_are_counted_against_runs_with_a_step_in_progress(journal: Journal) -> None:
    await in_progress(journal, "r1", "r2", "r3")
    await commit(journal, step("r3", said("done")))
    assert await taken_over(journal, "r1") == [("r2", 1, False), ("r1", 1, False)]
    assert await taken_over(journal, "r1") == [("r1", 2, False), ("r2", 1, False)], "r2 was not driven"
    await journal.note_alone("r1")
    await journal.note_alone("r2")
    assert await taken_over(journal, "r1", "r2") == [("r1", 3, False), ("r2", 1, False)]
    await journal.note_alone("r2")
    await journal.note_alone("r1")
    assert await taken_over(journal, "r1") == [("r1", 4, True), ("r2", 2, False)]
    await commit(journal, step("r1", RunPaused(), epoch=journal.epoch, known=99))
    assert await taken_over(journal) == [("r2", 2, False)], "it is not running"
    await journal.drop_crash_counts()
    assert await journal.suspects() == []


async def test_a_run_that_is_alone_no_more_is_not_blamed(journal: Journal) -> None:
    await in_progress(journal, "r1")
    await taken_over(journal, "r1")
    await journal.note_alone("r1")
    await journal.note_alone(None)
    assert await taken_over(journal, "r1") == [("r1", 2, False)]


async def test_a_clean_end_is_not_counted(journal: Journal) -> None:
    await in_progress(journal, "r1")
    await journal.note_clean_end()
    assert await taken_over(journal, "r1") == []
    assert await taken_over(journal, "r1") == [("r1", 1, False)]


async def test_counts_go_with_their_runs(journal: Journal) -> None:
    await in_progress(journal, "r1", "r2")
    await taken_over(journal, "r1", "r2")
    await commit(journal, step("r1", RunFinished(), epoch=2, known=99))
    assert await journal.erase_thread("ann/r1", 1, "ann")
    assert await taken_over(journal, "r2") == [("r2", 2, False)]


# --- messages


async def test_messages_are_numbered_in_the_order_of_the_conversation(journal: Journal) -> None:
    await commit(journal, accepted("r1", text="what is 2+2?"))
    await commit(
        journal,
        step("r1", said("let me see"), ToolCallFinished(call="m1.0", call_id="c1", tool="calc", result="4")),
        step("r1", ToolCallFinished(call="m1.1", call_id="c2", tool="t", error=Failure("tool_failed", 'no "x"', "e"))),
        step("r1", said("four", "m2"), MessageReplaced(seq=3, message=assistant("hm")), RunFinished(output="four")),
    )
    rows = await journal.messages(T, 1, 10)
    assert [row.message.text for row in rows] == [
        "what is 2+2?",
        "hm",
        "4",
        '{"error":{"code":"tool_failed","message":"no \\"x\\""}}',
        "four",
    ]
    assert [(row.stream, row.seq) for row in rows] == [("r1", seq) for seq in (1, 7, 4, 5, 6)]
    assert rows[2].message.tool_call_id == "c1"
    assert [row.no for row in await journal.messages(T, 2, 3)] == [2, 3]
    assert await journal.messages(T, 6, 9) == []
    assert await journal.messages("ann/none", 1, 9) == []


async def test_a_message_added_during_a_run_is_numbered_at_its_end_before_the_next_start(journal: Journal) -> None:
    await commit(journal, accepted("r1", text="r1"))
    await commit(journal, accepted("r2", text="r2"))
    note = outside(thread_stream(T), MessageAdded(message=user("note"), by="ann"))
    done = await commit(journal, note)
    assert [entry.seq for entry in done.entries] == [1]
    await commit(journal, outside(thread_stream(T), MessageReplaced(seq=1, message=user("better note"))))
    assert await texts(journal) == ["r1"]
    done = await commit(journal, step("r1", said("one"), RunFinished()))
    assert done.entries[-1].event == RunStarted(epoch=1, last_no=3)
    assert await texts(journal) == ["r1", "one", "better note", "r2"]
    await commit(journal, step("r2", RunFinished()))
    await commit(journal, note)
    assert (await texts(journal))[-1] == "note"


async def test_a_direct_run_makes_no_messages(journal: Journal) -> None:
    await commit(journal, accepted("r1", text=None, agent=None, direct=DirectCall("clock", {})))
    await commit(journal, step("r1", ToolCallFinished(call="m1.0", call_id="c", tool="clock", result="now")))
    assert await texts(journal) == []


async def test_the_window_follows_the_model_calls(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", said("a"), ModelCalled(call="m2", model="m", first_no=2), RunFinished()))
    done = await commit(journal, accepted("r2"))
    assert done.entries[1].event == RunStarted(epoch=1, first_no=2, last_no=2)


# --- threads and principals


async def test_a_thread_can_be_made_first_and_once(journal: Journal) -> None:
    create = outside(thread_stream(T), ThreadCreated(thread_id="t1", principal="ann", title="Hello", meta={"k": 1}))
    hello = MessageAdded(message=user("before any run"))
    await commit(journal, create, outside(thread_stream(T), hello), at=5)
    with pytest.raises(StateError) as exists:
        await commit(journal, create)
    assert exists.value.code == "thread_exists"
    with pytest.raises(NotFoundError):
        await commit(journal, outside(thread_stream("ann/none"), hello))
    await commit(journal, outside(thread_stream(T), ContextChanged(scope="thread", patch={"a": {"b": 1}})), at=6)
    await commit(journal, outside(thread_stream(T), ContextChanged(scope="thread", patch={"a": {"c": 2}})), at=7)
    await commit(journal, outside(thread_stream(T), ThreadRenamed(title="Bye")), at=8)
    thread = await journal.thread(T)
    assert thread is not None
    assert (thread.title, thread.meta, thread.context) == ("Bye", {"k": 1}, {"a": {"b": 1, "c": 2}})
    assert (thread.created_at, thread.updated_at, thread.next_no) == (5, 7, 2)
    assert await types(journal, thread_stream(T)) == [
        "thread_created",
        "message_added",
        "context_changed",
        "context_changed",
        "thread_renamed",
    ]


async def test_listings_go_by_cursor_and_never_cross_principals(journal: Journal) -> None:
    for number in range(7):
        principal = "ann" if number % 2 == 0 else "ann/x"
        await commit(journal, accepted(f"r{number}", thread=f"{principal}/t{number}", agent=f"a{number}"), at=number)
    await commit(
        journal,
        step("r4", ToolCallStarted(call="m1.0", call_id="x", tool="pay", arguments={}, idempotency_key="k")),
    )
    first = await journal.runs(RunFilter(principal="ann"), limit=3)
    rest = await journal.runs(RunFilter(principal="ann"), cursor=first[-1].accepted_no, limit=3)
    assert [row.id for row in (*first, *rest)] == ["r6", "r4", "r2", "r0"]
    assert [row.id for row in await journal.runs(RunFilter(tool="pay"))] == ["r4"]
    assert [row.id for row in await journal.runs(RunFilter(agent="a3"))] == ["r3"]
    assert [row.id for row in await journal.runs(RunFilter(since=2, until=3))] == ["r3", "r2"]
    assert await journal.runs(RunFilter(status="failed")) == []
    keys = [row.key for row in await journal.threads("ann", limit=3)]
    keys += [row.key for row in await journal.threads("ann", cursor=keys[-1], limit=3)]
    assert keys == ["ann/t0", "ann/t2", "ann/t4", "ann/t6"]
    assert [row.key for row in await journal.threads("ann/x")] == ["ann/x/t1", "ann/x/t3", "ann/x/t5"]


async def test_runs_are_found_by_the_beginning_of_their_ids(journal: Journal) -> None:
    for number, run in enumerate(("run_ab1%", "run_ab2", "run_ab23456", "run_ab23457", "run_b")):
        await commit(journal, accepted(run, thread=f"ann/t{number}"), at=number)
    await commit(journal, accepted("run_ab23458", thread="bob/t"), at=9)

    async def found(prefix: str, principal: str | None = "ann", cursor: int | None = None) -> list[str]:
        return [row.id for row in await journal.runs(RunFilter(id=prefix, principal=principal), cursor, 10)]

    assert await found("run_ab2") == ["run_ab23457", "run_ab23456", "run_ab2"]
    assert await found("run_ab2345") == ["run_ab23457", "run_ab23456"]
    assert await found("run_ab2345", None) == ["run_ab23458", "run_ab23457", "run_ab23456"]
    assert await found("run_ab1%") == ["run_ab1%"]
    assert await found("run_ab%") == await found("RUN_AB") == await found("run_ab234567") == []
    newest = (await journal.runs(RunFilter(id="run_ab2345", principal="ann")))[0]
    assert await found("run_ab2345", cursor=newest.accepted_no) == ["run_ab23456"]


async def test_threads_are_listed_newest_first_without_hidden_ones(journal: Journal) -> None:
    for number, thread in enumerate(("ann/b", "ann/a", "ann/!call", "ann/x/c", "ann/ab", "bob/a")):
        await commit(journal, accepted(f"r{number}", thread=thread), at=number)
    await commit(journal, step("r0", RunFinished()), at=7)  # its end is a later use of the thread

    rows = await journal.newest_threads("ann", limit=2)
    rest = await journal.newest_threads("ann", (rows[-1].updated_at, rows[-1].key))
    assert [row.key for row in (*rows, *rest)] == ["ann/b", "ann/ab", "ann/a"]
    assert [row.key for row in await journal.newest_threads("ann", prefix="a")] == ["ann/ab", "ann/a"]
    assert [row.key for row in await journal.newest_threads("ann", prefix="!")] == []
    assert [row.key for row in await journal.newest_threads("ann/x")] == ["ann/x/c"]


async def test_failures_are_grouped_by_agent_and_code(journal: Journal) -> None:
    failed = [("a", "boom"), ("b", "boom"), ("a", "boom"), ("a", "late"), (None, "boom")]
    for number, (agent, code) in enumerate(failed):
        run = f"r{number}"
        await commit(journal, accepted(run, thread=f"ann/t{number}", agent=agent), at=number)
        end = RunFailed(error=Failure(code, f"sentence {number}", f"e{number}"))
        await commit(journal, step(run, end, known=2), at=10 + number)
    await commit(journal, accepted("fine", thread="ann/fine"))
    await commit(journal, step("fine", RunFinished(), known=2))
    await commit(journal, accepted("other", thread="bob/t", agent="a"))
    await commit(journal, step("other", RunFailed(error=Failure("boom", "no", "e")), known=2))

    rows = await journal.failures("ann")
    assert [(row.agent, row.code, row.count, row.latest_run, row.error_id) for row in rows] == [
        (None, "boom", 1, "r4", "e4"),
        ("a", "late", 1, "r3", "e3"),
        ("a", "boom", 2, "r2", "e2"),
        ("b", "boom", 1, "r1", "e1"),
    ]
    assert (rows[2].first_at, rows[2].last_at, rows[2].last_seq) == (10, 12, 3)
    assert [row.latest_run for row in await journal.failures("ann", limit=2)] == ["r4", "r3"]
    assert len(await journal.failures(None)) == 4
    assert await journal.failures("eve") == []


# --- claims


def claim(run: str, body: str = "h", expires: int = 1000) -> IdempotencyClaim:
    return IdempotencyClaim(principal="ann", route="/process", key="k", body_hash=body, made=run, expires=expires)


async def test_fifty_equal_claims_at_once_make_one_run(journal: Journal) -> None:
    made = await asyncio.gather(
        *(commit(journal, accepted(f"r{n}", thread=f"ann/t{n}"), claim=claim(f"r{n}"), accept=True) for n in range(50))
    )
    winners = [done.entries[0].stream for done in made if done.replay is None]
    assert len(winners) == 1
    assert {done.replay for done in made} == {None, winners[0]}
    assert [row.id for row in await journal.runs(RunFilter())] == winners
    with pytest.raises(IdempotencyError):
        await commit(journal, accepted("other"), claim=claim("other", body="x"))
    again = await commit(journal, accepted("later", thread="ann/l"), claim=claim("later", body="x"), at=1000)
    assert again.replay is None
    assert (await commit(journal, accepted("z"), claim=claim("z", body="x"), at=999)).replay == "later"


async def test_a_claim_that_replaces_is_no_repetition(journal: Journal) -> None:
    await commit(journal, accepted("r1"), claim=claim("r1"), accept=True)
    for made, body in (("r2", "h"), ("r3", "other")):
        record = msgspec.structs.replace(claim(made, body), replaces=True)
        assert (await journal.commit(Batch(at=1, appends=(), claim=record))).replay is None
        held = await journal.claim("ann", "/process", "k")
        assert held is not None
        assert (held.made, held.body_hash) == (made, body)


async def test_a_claim_without_a_name_points_to_its_first_event(journal: Journal) -> None:
    create = outside(thread_stream(T), ThreadCreated(thread_id="t1", principal="ann"))
    await commit(journal, create, claim=claim(""))
    again = await commit(journal, create, claim=claim(""))
    assert (again.replay, again.entries) == (f"{thread_stream(T)}#1", ())
    held = await journal.claim("ann", "/process", "k")
    assert held is not None
    assert (held.made, held.body_hash, held.expires) == (f"{thread_stream(T)}#1", "h", 1000)
    for other in (("bob", "/process", "k"), ("ann", "/other", "k"), ("ann", "/process", "l")):
        assert await journal.claim(*other) is None


async def test_a_refused_batch_leaves_its_claim_free(journal: Journal) -> None:
    with pytest.raises(NotFoundError):
        await commit(journal, outside(thread_stream(T), MessageAdded(message=user("x"), by="ann")), claim=claim(""))
    assert await journal.claim("ann", "/process", "k") is None


async def test_claims_of_a_thread_are_erased_with_it_and_no_others(journal: Journal) -> None:
    for thread in ("ann/t", "ann/t1", "ann/t10"):
        create = outside(thread_stream(thread), ThreadCreated(thread_id=thread[4:], principal="ann"))
        await commit(
            journal, create, claim=IdempotencyClaim(principal="ann", route=thread, key="k", body_hash="h", expires=99)
        )
    await commit(journal, accepted("r1", thread="ann/t1"), claim=claim("r1"))
    await commit(journal, step("r1", RunFinished(output="")))
    await journal.erase_thread("ann/t1", 5, "ann")
    left = [thread for thread in ("ann/t", "ann/t1", "ann/t10") if await journal.claim("ann", thread, "k")]
    assert left == ["ann/t", "ann/t10"]
    assert await journal.claim("ann", "/process", "k") is None


async def test_the_number_of_a_message_by_its_event(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    added = await commit(journal, outside(thread_stream(T), MessageAdded(message=user("later"), by="ann")))
    seq = added.entries[0].seq
    assert await journal.message_no(T, "r1", 1) == 1
    assert await journal.message_no(T, thread_stream(T), seq) is None
    await commit(journal, step("r1", RunFinished(output="")))
    assert await journal.message_no(T, thread_stream(T), seq) == 2
    assert await journal.message_no("ann/none", "r1", 1) is None


# --- groups, reading and following


async def test_a_refused_batch_fails_alone_inside_a_group(journal: Journal) -> None:
    await commit(journal, accepted("r0"))
    pending = [
        journal.submit(batch(accepted("r1", thread="ann/a"))),
        journal.submit(batch(step("r0", said("stale"), epoch=7))),
        journal.submit(batch(step("r0", said("fine"), known=2))),
        journal.submit(batch(accepted("r2", thread="ann/b"))),
    ]
    with pytest.raises(StaleEpochError):
        await pending[1]
    for ticket in (pending[0], pending[2], pending[3]):
        assert (await ticket).entries
        assert (await ticket).entries
        assert ticket.done()
    assert [row.id for row in await journal.runs(RunFilter())] == ["r2", "r1", "r0"]
    assert await texts(journal) == ["hi", "fine"]


async def test_what_is_acknowledged_can_be_read(journal: Journal) -> None:
    async def life(number: int) -> None:
        run = f"r{number}"
        await commit(journal, accepted(run, thread=f"ann/t{number % 5}"), max_queued=99, accept=True)
        assert await journal.run(run) is not None
        assert (await journal.read(run))[0].type == "run_accepted"

    await asyncio.gather(*(life(number) for number in range(60)))
    numbers = [row.accepted_no for row in await journal.runs(RunFilter(), limit=100)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 60


async def test_follow_has_no_gap_and_no_repeat_while_others_write(closed: Journal, runs: Runs) -> None:
    await commit(closed, accepted("r1"))

    async def write() -> None:
        for number in range(40):
            await commit(closed, step("r1", said(str(number)), said("x")))
            closed.notifier.wake("r1")
            await asyncio.sleep(0)
        await commit(closed, step("r1", RunFinished()))

    async def noise() -> None:
        for number in range(40):
            await commit(closed, accepted(f"n{number}", thread=f"ann/n{number}"))

    seen = await asyncio.gather(*(watched(runs, after) for after in (0, 0, 1, 2)), write(), noise())
    for after, numbers in zip((0, 0, 1, 2), seen[:4], strict=True):
        assert numbers == list(range(after + 1, 84))
    assert await watched(runs, 50) == list(range(51, 84))
    assert await watched(runs, 80) == [81, 82, 83]
    assert await watched(runs, 83) == []


async def test_a_long_stream_is_followed_in_pages(closed: Journal, runs: Runs) -> None:
    await commit(closed, accepted("r1"))
    await commit(closed, step("r1", *(said(str(number)) for number in range(600)), RunFinished()))
    assert await watched(runs) == list(range(1, 604))
    assert [entry.seq for entry in await closed.read("r1", 10, 2)] == [11, 12]
    assert len(await closed.read("r1", 0, 1000)) == 603
    assert len(await closed.messages(T, 1, 10_000)) == 601


async def test_a_subscription_is_notified_at_once_of_what_came_before(journal: Journal) -> None:
    subscription = journal.notifier.subscribe("r1")
    await commit(journal, accepted("r1"))
    await asyncio.wait_for(subscription.wait(), 5)
    assert subscription.head == 2
    waiting = asyncio.ensure_future(subscription.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.notifier.wake("r1")
    await asyncio.wait_for(waiting, 5)
    assert subscription.head == 2
    subscription.close()
    subscription.close()


async def test_a_waiter_that_goes_away_takes_nothing_from_the_others(journal: Journal) -> None:
    ticket = journal.submit(batch(accepted("r1")))

    async def wait() -> Committed:
        return await ticket

    first, second = asyncio.ensure_future(wait()), asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    first.cancel()
    assert len((await second).entries) == 2


# --- erasure


async def test_what_tools_printed_is_kept_with_the_run_and_erased_with_it(journal: Journal) -> None:
    def printed(run: str, call: str, at: int, text: str) -> ToolOutputRow:
        return ToolOutputRow(run=run, call=call, tool="pay", at=at, text=text)

    await commit(journal, accepted("r1"), accepted("r2", thread="ann/other"))
    await commit(journal, outputs=(printed("r1", "m1.1", 12, "b"), printed("r1", "m1.0", 11, "a")))
    await commit(journal, outputs=(printed("r2", "m1.0", 13, "kept"), printed("r9", "m1.0", 13, "of no run")))
    await commit(journal, outputs=(printed("r1", "m1.1", 14, "b again"),))
    assert [(row.call, row.text) for row in await journal.tool_outputs("r1")] == [("m1.0", "a"), ("m1.1", "b again")]
    assert await journal.tool_outputs("r9") == []

    await commit(journal, step("r1", RunFinished()), step("r2", RunFinished()))
    await journal.erase_thread(T, 20, "ann")
    assert await journal.tool_outputs("r1") == []
    assert list(await journal.tool_outputs("r2")) == [printed("r2", "m1.0", 13, "kept")]


async def test_an_erased_thread_leaves_only_its_tombstone(journal: Journal) -> None:
    await commit(journal, accepted("r1"), claim=claim("r1"))
    await commit(journal, accepted("keep", thread="ann/t2"))
    with pytest.raises(StateError) as active:
        await journal.erase_thread(T, 30, "ann")
    assert active.value.code == "run_active"
    await commit(journal, step("r1", asks("a1"), *(said("s") for _ in range(1200)), RunFinished()))
    await commit(journal, outside(thread_stream(T), MessageAdded(message=user("n"))))
    assert await journal.erase_thread(T, 30, "ann") is True
    assert await journal.erase_thread(T, 30, "ann") is False
    for stream in ("r1", thread_stream(T)):
        assert await journal.read(stream) == []
    assert await journal.run("r1") is None
    assert await journal.thread(T) is None
    assert await journal.messages(T, 1, 2000) == []
    assert await journal.approval("a1") is None
    assert await types(journal, principal_stream("ann")) == ["thread_erased"]
    assert [row.key for row in await journal.threads("ann")] == ["ann/t2"]
    again = await commit(journal, accepted("r9"), claim=claim("r9", body="new"))
    assert again.replay is None
    assert again.entries[1].event == RunStarted(epoch=1)
    assert await texts(journal) == ["hi"]


async def test_the_journal_can_be_closed_twice_and_opened_again(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await journal.close()
    await journal.close()
    await journal.open()
    assert await types(journal, "r1") == ["run_accepted", "run_started"]
    assert journal.healthy
    assert journal.stats()["queue_depth"] == 0


# --- a pause that news overtook


@pytest.mark.parametrize(
    ("news", "status"),
    [
        ((), "paused"),
        ((ApprovalGiven(approval="ap2", decision="deny", by="ann"),), "running"),
        ((CancelRequested(by="ann"),), "running"),
    ],
)
async def test_a_pause_overtaken_by_news_does_not_rest(journal: Journal, news: tuple[Event, ...], status: str) -> None:
    """The writer did not know of it yet. If the process ends now, recovery must find the run by its status."""
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("ap1"), asks("ap2")))
    for event in news:
        await commit(journal, outside("r1", event))
    await commit(journal, step("r1", RunPaused(waiting_for=("ap1", "ap2"))))
    run = await journal.run("r1")
    assert run is not None
    assert run.status == status


# --- forks


SEEN = ContextChanged(scope="global", patch={"seen": 1})


def forked(run: str, thread: str, past: tuple[Event, ...], *more: Event, copied: int | None = None) -> Append:
    """Return the append of a fork that copies `past` and continues with `more`."""
    at = 2 + len(past) if copied is None else copied
    events = (
        RunAccepted(thread=thread, principal="ann", input=user("hi"), copied=at),
        RunStarted(epoch=1, last_no=1),
        *past,
        RunForked(parent="r1", at=at, epoch=2),
        *more,
    )
    return Append(stream=run, drafts=tuple(map(draft, events)), times=tuple(range(1, 3 + len(past))))


async def test_a_fork_brings_its_thread_and_its_past_and_does_nothing_outside_again(journal: Journal) -> None:
    thread = ThreadRef("ann", "fork").key
    past = (ThreadCreated(thread_id="fork", principal="ann"), MessageAdded(message=user("before")))
    begun = Append(stream=thread_stream(thread), drafts=tuple(map(draft, past)), times=(10, 4))
    edit = MessageReplaced(seq=1, place=0, message=user("ho"))
    committed = await commit(journal, begun, forked("f1", thread, (SEEN,), edit), epoch=journal.epoch)
    assert [(entry.seq, entry.at) for entry in committed.entries] == [
        (1, 10), (2, 4), (1, 1), (2, 2), (3, 3), (4, 10), (5, 10),
    ]  # fmt: skip
    run, row = await journal.run("f1"), await journal.thread(thread)
    assert run is not None
    assert row is not None
    assert (run.status, run.epoch, run.accepted_at, run.last_seq) == ("running", journal.epoch, 10, 5)
    assert (row.active_run, row.updated_at, row.created_at) == ("f1", 10, 10)
    assert await texts(journal, thread) == ["before", "ho"]
    assert await journal.global_context("ann") == {}
    await commit(journal, step("f1", ContextChanged(scope="global", patch={"seen": 2}), epoch=journal.epoch))
    assert await journal.global_context("ann") == {"seen": 2}


async def test_a_fork_needs_a_new_thread_and_only_a_fork_brings_its_start(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    with pytest.raises(StateError, match="already exists"):
        await commit(journal, forked("f1", T, ()))
    with pytest.raises(StateError, match="appends it itself"):
        await commit(journal, forked("f1", ThreadRef("ann", "fork").key, (), copied=0))
    assert await journal.run("f1") is None


def retried(run: str, of: str, *past: Event) -> Append:
    append = forked(run, T, past)
    accepted = append.drafts[0].event
    assert isinstance(accepted, RunAccepted)
    drafts = (draft(msgspec.structs.replace(accepted, retries=of)), *append.drafts[1:])
    return msgspec.structs.replace(append, drafts=drafts)


async def test_a_retry_is_on_the_thread_of_its_run_as_long_as_that_is_the_last_that_started(journal: Journal) -> None:
    changed = ContextChanged(scope="thread", patch={"noted": True})
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", changed, RunFailed(error=Failure("x", "no"))))
    await commit(
        journal, Append(stream=thread_stream(T), drafts=(draft(ContextChanged(scope="thread", patch={"noted": 0})),))
    )
    committed = await commit(journal, retried("r2", "r1", changed))
    assert [entry.seq for entry in committed.entries] == [1, 2, 3, 4]
    thread, run = await journal.thread(T), await journal.run("r2")
    assert thread is not None
    assert run is not None
    assert (thread.active_run, thread.context, run.status) == ("r2", {"noted": 0}, "running")
    for later in ("r1", "r2"):
        with pytest.raises(StateError) as caught:
            await commit(journal, retried("r3", "r1"))
        assert caught.value.code == "thread_moved_on"
        if later == "r1":
            await commit(journal, step("r2", RunFailed(error=Failure("x", "no")), epoch=run.epoch))
    await commit(journal, retried("r3", "r2"))
    await commit(
        journal, step("r3", ContextChanged(scope="thread", patch={"noted": 2}), RunFinished(), epoch=run.epoch)
    )
    after = await journal.thread(T)
    assert after is not None
    assert after.context == {"noted": 2}, "what the retry does itself counts"
    with pytest.raises(StateError, match="has gone on"):
        await commit(journal, retried("r9", "r1"))


async def test_a_run_that_was_cancelled_in_the_queue_has_not_started(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, accepted("r2"))
    await commit(journal, step("r2", RunCancelled()))
    await commit(journal, step("r1", RunFailed(error=Failure("x", "no"))))
    await commit(journal, retried("r3", "r1"))
    with pytest.raises(StateError):
        await commit(journal, retried("r4", "r1"))


async def test_a_fork_of_a_fork_is_a_run_of_now(journal: Journal) -> None:
    thread = ThreadRef("ann", "fork").key
    past = (RunForked(parent="r0", at=2, epoch=1), MessageReplaced(seq=1, place=0, message=user("ho")), SEEN)
    begun = Append(stream=thread_stream(thread), drafts=(draft(ThreadCreated(thread_id="fork", principal="ann")),))
    await commit(journal, begun, forked("f2", thread, past), epoch=journal.epoch)
    run = await journal.run("f2")
    assert run is not None
    assert (run.accepted_at, run.started_at, await texts(journal, thread)) == (10, 10, ["ho"])
    assert await journal.global_context("ann") == {}


# --- what may be erased, and how much there is


async def test_idle_threads_come_longest_untouched_first(journal: Journal) -> None:
    assert await journal.idle_threads(10) == []
    for number, thread in enumerate(("ann/t3", "bob/t1", "ann/t2")):
        await commit(journal, accepted(f"r{number}", thread=thread), at=10 + number)
    await commit(journal, step("r2", RunPaused()), at=20)
    assert await journal.idle_threads(10) == [], "an open run keeps its thread"
    await commit(journal, step("r1", RunFinished()), at=30)
    await commit(journal, step("r0", RunFinished()), at=40)
    assert await journal.idle_threads(10) == [Idle("bob/t1", 30), Idle("ann/t3", 40)]
    assert await journal.idle_threads(1) == [Idle("bob/t1", 30)]
    assert await journal.idle_threads(10, "t3") == [Idle("ann/t3", 40)]
    await journal.erase_thread("bob/t1", 50, "retention")
    assert [idle.key for idle in await journal.idle_threads(10)] == ["ann/t3"]


async def test_the_size_counts_threads_and_shrinks_with_them(journal: Journal) -> None:
    await commit(journal, accepted("r1", text="x" * 200_000), accepted("r2", thread="ann/t2"))
    await commit(journal, step("r1", RunFinished()))
    full = await journal.size()
    await journal.erase_thread(T, 50, "retention")
    left = await journal.size()
    assert (full.threads, left.threads) == (2, 1)
    assert full.bytes - left.bytes > 150_000


# --- API keys


def key_row(id: str, **more: Any) -> ApiKeyRow:
    return ApiKeyRow(id=id, name="n", principal="key:n", hash="ab", scopes=("run", "read"), created_at=5, **more)


async def test_api_keys_are_kept_replaced_by_id_and_listed_in_order(journal: Journal) -> None:
    await commit(journal, api_keys=(key_row("b"), key_row("a", expires_at=9)))
    assert await journal.api_key("a") == key_row("a", expires_at=9)
    await commit(journal, api_keys=(key_row("a", revoked_at=7),))
    assert list(await journal.api_keys()) == [key_row("a", revoked_at=7), key_row("b")]
    assert await journal.api_key("c") is None


async def test_limits_of_an_api_key_are_kept(journal: Journal) -> None:
    row = key_row("a", rate="100/60s", quota=Quota(tokens_per_day=10**12, usd_per_day=0.5, concurrent_runs=4))
    await commit(journal, api_keys=(row,))
    assert await journal.api_key("a") == row


def test_an_api_key_of_before_there_were_limits_has_none() -> None:
    stored = (
        b'{"id":"a","name":"n","principal":"key:n","hash":"ab","scopes":["run","read"],"created_at":5,'
        b'"expires_at":null,"revoked_at":null}'
    )
    assert api_key_of(stored) == key_row("a")


async def test_messages_of_parallel_branches_stand_in_the_thread_when_they_are_joined(journal: Journal) -> None:
    """They come in the order of the join. Messages of a branch that joins nothing, or of code, are left out."""

    def told(text: str, branch: str, call: str = "m1") -> ModelReplied:
        return ModelReplied(call=call, model="m", message=assistant(text), path=Path(branch, "n"))

    first, second, third = "n#1.0", "n#1.1", "n#1.2"
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", NodeEntered(path=Path("", "n")), told("plan", ""), told("thought", "", "n#1.m1")))
    branches = (told("b", second), told("lost", third), told("a", first), told("thought", first, "n#1.m1"))
    await commit(journal, step("r1", *branches))
    assert await texts(journal) == ["hi", "plan"]
    joined = NodeEntered(path=Path("", "sum"), joins=(first, second))
    await commit(journal, step("r1", told("b2", second), joined, told("sum", "")))
    assert await texts(journal) == ["hi", "plan", "a", "b", "b2", "sum"]


async def test_an_interrupting_run_cancels_all_that_runs_or_waits_and_is_next(journal: Journal) -> None:
    for run in ("r1", "r2", "r3"):
        await commit(journal, accepted(run, text=run), max_queued=2)
    done = await commit(journal, accepted("r4", text="r4", multitask="interrupt"), max_queued=2)
    told = [(entry.stream, entry.type) for entry in done.entries]
    assert told == [(run, "cancel_requested") for run in ("r1", "r2", "r3")] + [("r4", "run_accepted")]
    cancel = done.entries[0].event
    assert isinstance(cancel, CancelRequested)
    assert (cancel.by, cancel.reason) == ("ann", "interrupted")
    await commit(journal, accepted("r5", multitask="interrupt"), max_queued=2)
    with pytest.raises(QueueFullError):  # twice the bound, until those before have ended
        await commit(journal, accepted("r6", multitask="interrupt"), max_queued=2)
    await commit(journal, step("r5", RunCancelled(by="ann"), known=1))
    for run in ("r2", "r3"):
        await commit(journal, step(run, RunCancelled(by="ann"), known=2))
    done = await commit(journal, step("r1", RunCancelled(by="ann"), known=3))
    assert done.entries[-1].stream == "r4"
    assert await texts(journal) == ["r1", "r4"]


async def test_an_interrupt_wakes_a_paused_run_and_needs_none(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("a1"), RunPaused(waiting_for=("a1",)), known=2))
    await commit(journal, accepted("r2", multitask="interrupt"))
    run = await journal.run("r1")
    assert run is not None
    assert run.status == "running", "recovery must find it"
    done = await commit(journal, accepted("r9", thread="ann/free", multitask="interrupt"))
    assert [entry.type for entry in done.entries] == ["run_accepted", "run_started"]


async def test_an_interrupt_is_claimed_once(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, accepted("r2", multitask="interrupt"), claim=claim("r2"))
    again = await commit(journal, accepted("r3", multitask="interrupt"), claim=claim("r3"))
    assert (again.replay, again.entries) == ("r2", ())
    assert (await types(journal, "r1")).count("cancel_requested") == 1
    assert "cancel_requested" not in await types(journal, "r2")


async def test_open_approvals_with_a_deadline_come_the_next_first(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    asked = (asks("a1", deadline=30), asks("a2", deadline=10), asks("a3"), asks("a4", deadline=20, default="deny"))
    await commit(journal, step("r1", *asked, known=2))
    assert [row.id for row in await journal.due_approvals()] == ["a2", "a4", "a1"]
    assert [row.default for row in await journal.due_approvals(2)] == [None, "deny"]
    await commit(journal, outside("r1", ApprovalGiven(approval="a2", decision="deny", by="deadline")))
    assert [row.id for row in await journal.due_approvals()] == ["a4", "a1"]
    await commit(journal, step("r1", RunCancelled(), known=7))
    assert await journal.due_approvals() == []


async def test_of_two_answers_at_once_exactly_one_wins(journal: Journal) -> None:
    await commit(journal, accepted("r1"))
    await commit(journal, step("r1", asks("a1"), known=2))
    given = [ApprovalGiven(approval="a1", decision="approve", by=f"p{number}") for number in range(20)]
    outcomes = await asyncio.gather(*(commit(journal, outside("r1", one)) for one in given), return_exceptions=True)
    lost = [outcome for outcome in outcomes if isinstance(outcome, StateError)]
    assert [error.code for error in lost] == ["approval_closed"] * 19
    row = await journal.approval("a1")
    assert row is not None
    won = next(one.by for one, outcome in zip(given, outcomes, strict=True) if isinstance(outcome, Committed))
    assert row.answered_by == won


HIDDEN = "ann/!child_1"


def child(run: str, parent: str, thread: str = HIDDEN, depth: int = 1) -> Append:
    return accepted(run, thread, "do it", parent=Parent(parent, "n1", depth))


async def family(journal: Journal) -> None:
    """Make three paused runs: `top` waits for `mid`, `mid` for `low`, and `low` for a human."""
    await commit(journal, accepted("top"))
    await commit(journal, step("top", NodeEntered(call="n1", agent="a", child="mid")), child("mid", "top"))
    low = child("low", "mid", "ann/!child_2", 2)
    await commit(journal, step("mid", NodeEntered(call="n1", agent="a", child="low")), low)
    for run, *first in (("low", asks("appr_1")), ("mid",), ("top",)):
        await commit(journal, step(run, *first, RunPaused(waiting_for=("appr_1",)), known=9))
    assert await statuses(journal) == ["paused"] * 3


async def statuses(journal: Journal) -> list[str | None]:
    rows = [await journal.run(run) for run in ("top", "mid", "low")]
    return [row.status if row else None for row in rows]


async def test_a_child_begins_in_one_transaction_with_the_step_that_waits_for_it(journal: Journal) -> None:
    await commit(journal, accepted("top"))
    enters = step("top", NodeEntered(call="n1", agent="a", child="mid"))
    committed = await commit(journal, enters, child("mid", "top"), definitions=(StoredDefinition("v", b"{}"),))
    assert [(entry.stream, entry.type) for entry in committed.entries] == [
        ("top", "node_entered"),
        ("mid", "run_accepted"),
        ("mid", "run_started"),
    ]
    row = await journal.run("mid")
    assert row is not None
    assert (row.parent, row.status, row.thread) == ("top", "running", HIDDEN)
    assert [run.id for run in await journal.runs(RunFilter(parent="top"))] == ["mid"]
    assert await journal.runs(RunFilter(parent="mid")) == []
    assert await journal.definition("v") is not None


async def test_no_child_begins_without_a_step_of_its_parent(journal: Journal) -> None:
    await commit(journal, accepted("top"))
    with pytest.raises(StateError) as caught:
        await commit(journal, child("mid", "top"))
    assert caught.value.code == "unfenced"
    with pytest.raises(StaleEpochError):
        await commit(journal, step("top", NodeEntered(call="n1", child="mid"), epoch=7), child("mid", "top"))
    assert await journal.run("mid") is None
    assert await types(journal, "top") == ["run_accepted", "run_started"]


async def test_an_answer_to_a_child_lets_all_above_it_go_on(journal: Journal) -> None:
    await family(journal)
    await commit(journal, outside("low", ApprovalGiven(approval="appr_1", decision="approve", by="ann")))
    assert await statuses(journal) == ["running"] * 3


async def test_a_cancel_of_a_child_lets_all_above_it_go_on(journal: Journal) -> None:
    await family(journal)
    await commit(journal, outside("mid", CancelRequested(by="ann")))
    assert await statuses(journal) == ["running", "running", "paused"]


async def test_the_end_of_a_child_wakes_its_parent(journal: Journal) -> None:
    await family(journal)
    await commit(journal, step("low", RunFailed(error=Failure("x", "x")), known=9))
    assert await statuses(journal) == ["running", "running", "failed"]
    rows = await journal.take_over()
    assert [row.id for row in rows if row.status == "running"] == ["top", "mid"], "a crash now loses no wake"


async def test_a_pause_that_an_answer_below_overtook_does_not_rest(journal: Journal) -> None:
    await family(journal)
    await commit(journal, outside("low", ApprovalGiven(approval="appr_1", decision="approve", by="ann")))
    await commit(journal, step("top", RunPaused(waiting_for=("appr_1",)), known=9))
    assert await statuses(journal) == ["running"] * 3


async def test_the_end_of_a_child_of_an_ended_parent_is_only_an_end(journal: Journal) -> None:
    await family(journal)
    await commit(journal, step("mid", NodeLeft(call="n1"), RunFailed(error=Failure("x", "x")), known=9))
    await commit(journal, step("low", RunCancelled(), known=9))
    assert await statuses(journal) == ["running", "failed", "cancelled"]


def pin(text: str) -> MessageAdded:
    return MessageAdded(message=msgspec.structs.replace(user(text), pinned=True), by="ann")


async def pins(journal: Journal, run: str) -> tuple[int, ...]:
    started = (await journal.read(run))[1].event
    assert isinstance(started, RunStarted)
    return started.pinned


async def test_a_run_knows_the_pinned_messages_of_its_thread(journal: Journal) -> None:
    stream = thread_stream(T)
    await commit(journal, outside(stream, ThreadCreated(thread_id="t1", principal="ann"), pin("one")))
    await commit(journal, outside(stream, MessageAdded(message=user("two"), by="ann"), pin("three")))
    await commit(journal, accepted("r1"))
    assert await pins(journal, "r1") == (1, 3)
    await commit(journal, outside(stream, pin("while it runs")))
    await commit(journal, accepted("r2"))
    await commit(journal, step("r1", RunFinished(), known=2))
    assert await pins(journal, "r2") == (1, 3, 5)


async def test_a_thread_takes_so_many_pinned_messages(journal: Journal) -> None:
    stream = thread_stream(T)
    await commit(journal, outside(stream, ThreadCreated(thread_id="t1", principal="ann")))
    for number in range(8):
        await commit(journal, outside(stream, pin(f"{number}")))
    await commit(journal, accepted("r1"))
    for number in range(8):
        await commit(journal, outside(stream, pin(f"later {number}")))
    with pytest.raises(StateError) as full:
        await commit(journal, outside(stream, pin("one too many")))
    assert full.value.code == "too_many_pinned"
    await commit(journal, outside(stream, MessageAdded(message=user("not pinned"), by="ann")))


async def view(journal: Journal, run: str) -> tuple[int, int | None, str]:
    started = (await journal.read(run))[1].event
    assert isinstance(started, RunStarted)
    return started.first_no, started.summary, started.summary_stream


async def test_a_run_knows_the_last_summary_of_its_thread(journal: Journal) -> None:
    failed = HistorySummarized(first_no=1, last_no=3, text="", error=Failure("x", "x"))
    made = HistorySummarized(first_no=1, last_no=2, text="They met.")
    await commit(journal, accepted("r1"))
    assert await view(journal, "r1") == (1, None, "")
    await commit(journal, step("r1", failed, RunFinished(), known=2))
    await commit(journal, accepted("r2"))
    assert await view(journal, "r2") == (1, None, "")
    await commit(journal, step("r2", made, RunFailed(error=Failure("x", "x")), known=2))
    await commit(journal, accepted("r3"))
    assert await view(journal, "r3") == (3, 3, "r2"), "though no model call followed it"
    await commit(journal, step("r3", RunFinished(), known=2))
    await journal.close()
    await journal.open()
    await commit(journal, accepted("r4"), epoch=journal.epoch)
    assert await view(journal, "r4") == (3, 3, "r2")


async def test_a_thread_can_begin_with_a_summary(journal: Journal) -> None:
    stream, event = thread_stream(T), HistorySummarized(first_no=1, last_no=0, text="They met.")
    await commit(journal, outside(stream, ThreadCreated(thread_id="t1", principal="ann"), event))
    await commit(journal, accepted("r1"))
    assert await view(journal, "r1") == (1, 2, stream)
    await commit(journal, step("r1", RunFinished(), known=2))
    assert await journal.erase_thread(T, 11, "ann")
    await commit(journal, accepted("r2"))
    assert await view(journal, "r2") == (1, None, "")
