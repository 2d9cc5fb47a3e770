"""Any sequence of batches makes the same rows in memory and in SQLite, and the rows match the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.errors import StateError
from journeyman.events.codec import Codec
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Failure,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    ThreadCreated,
    ToolCallFinished,
)
from journeyman.events.messages import assistant, user
from journeyman.events.streams import ThreadRef, principal_stream, thread_stream
from journeyman.journal.journal import (
    Append,
    Batch,
    IdempotencyClaim,
    StoredDefinition,
)
from journeyman.journal.memory import MemoryTables
from journeyman.journal.sqlite.connection import apply_migrations
from journeyman.journal.sqlite.tables import SqliteTables
from journeyman.journal.sqlite.verify import damages
from journeyman.journal.transactions import Transactions

draft = Codec().draft
runs = st.sampled_from(["r1", "r1", "r2", "r3", "r4", "r5"])
threads = st.sampled_from(["ann/t", "ann/u", "ann/b/t"])
approvals = st.sampled_from(["a1", "a2", "a3"])
epochs = st.sampled_from([1, 1, 1, 2])
patches = st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(0, 3), min_size=1, max_size=2)

steps = st.one_of(
    st.builds(lambda text: ModelReplied(call="m1", model="m", message=assistant(text)), st.sampled_from("xyz")),
    st.builds(lambda no: ModelCalled(call="m1", model="m", first_no=no), st.integers(1, 3)),
    st.just(ToolCallFinished(call="m1.0", call_id="c", tool="t", result="4")),
    st.builds(lambda seq: MessageReplaced(seq=seq, message=user("new")), st.integers(1, 5)),
    st.builds(
        lambda scope, patch: ContextChanged(scope=scope, patch=patch), st.sampled_from(["thread", "global"]), patches
    ),
    st.builds(lambda id: ApprovalRequested(approval=id, kind="tool"), approvals),
    st.builds(lambda id: ApprovalGiven(approval=id, decision="deny", by="late"), approvals),
    st.sampled_from([RunPaused(), RunResumed(epoch=1)]),
)
ends = st.sampled_from([RunFinished(), RunCancelled(), RunFailed(error=Failure("c", "m", "e"))])
facts = st.one_of(
    st.builds(lambda id: ApprovalGiven(approval=id, decision="approve", by="b"), approvals),
    st.just(CancelRequested(by="b")),
)
in_thread = st.one_of(
    st.builds(lambda text: MessageAdded(message=user(text)), st.sampled_from("pq")),
    st.builds(lambda seq: MessageReplaced(seq=seq, message=user("new")), st.integers(1, 3)),
    st.builds(lambda patch: ContextChanged(scope="thread", patch=patch), patches),
    st.just(ThreadCreated(thread_id="t", principal="ann", title="T")),
)


def acceptance(run: str, thread: str, context: Any, multitask: Any, text: bool) -> Append:
    principal = ThreadRef.parse(thread).principal
    said = user(run) if text else None
    event = RunAccepted(thread=thread, principal=principal, input=said, context=context, multitask=multitask)
    return Append(stream=run, drafts=(draft(event),))


accepts = st.builds(
    acceptance, runs, threads, st.none() | patches, st.sampled_from(["queue", "queue", "reject"]), st.booleans()
)
fenced = st.builds(
    lambda run, epoch, known, events: Append(stream=run, epoch=epoch, known=known, drafts=tuple(map(draft, events))),
    runs,
    epochs,
    st.integers(0, 6),
    st.one_of(st.lists(steps, min_size=1, max_size=2), st.lists(steps, max_size=1), ends.map(lambda end: [end])),
)
outside = st.builds(lambda run, event: Append(stream=run, drafts=(draft(event),)), runs, facts)
beside = st.builds(lambda key, event: Append(stream=thread_stream(key), drafts=(draft(event),)), threads, in_thread)
global_ = st.builds(
    lambda patch: Append(stream=principal_stream("ann"), drafts=(draft(ContextChanged(scope="global", patch=patch)),)),
    patches,
)
claims = st.none() | st.builds(
    lambda run, body: IdempotencyClaim(principal="ann", route="/", key="k", body_hash=body, made=run, expires=10**6),
    runs,
    st.sampled_from("hi"),
)
batches = st.builds(
    lambda appends, claim: Batch(
        at=5, appends=tuple(appends), claim=claim, max_queued=2, definitions=(StoredDefinition("v", b"{}"),)
    ),
    st.lists(st.one_of(fenced, fenced, fenced, fenced, outside, beside, accepts, global_), min_size=1, max_size=2),
    st.one_of(st.none(), st.none(), claims),
)
operations = st.one_of(
    batches, batches, batches, batches, batches, batches, st.just("restart"), threads.map(lambda key: ("erase", key))
)


@contextmanager
def sqlite() -> Iterator[tuple[apsw.Connection, SqliteTables]]:
    db = apsw.Connection(":memory:")
    apply_migrations(db, Path(":memory:"))
    yield db, SqliteTables(db)
    db.close()


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StateError as exc:
        return type(exc), exc.code


def perform(transactions: Transactions, operation: Any, epoch: int) -> Any:
    if isinstance(operation, Batch):
        return outcome(lambda: transactions.commit(operation))
    if operation == "restart":
        return [(row.id, row.status, row.epoch) for row in transactions.take_over(epoch)]
    begun = outcome(lambda: transactions.begin_erasure(operation[1], 9, "ann"))
    if begun is not None and not isinstance(begun, tuple):
        while not transactions.erase_some(operation[1]):
            pass
    return begun


def transaction(
    db: apsw.Connection, tables: SqliteTables, transactions: Transactions, operation: Any, epoch: int
) -> Any:
    if operation == "restart":
        tables.rolled_back()
    db.execute("BEGIN IMMEDIATE")
    result = perform(transactions, operation, epoch)
    tables.flush()
    db.execute("COMMIT")
    tables.committed()
    return result


PROLOGUE = [
    Batch(at=1, appends=(acceptance(run, thread, {"a": 1}, "queue", True),))
    for run, thread in (("r1", "ann/t"), ("r2", "ann/t"), ("r3", "ann/u"), ("r4", "ann/b/t"))
]


@settings(max_examples=25, deadline=None)
@given(st.lists(operations, min_size=5, max_size=20))
def test_the_same_batches_leave_the_same_rows(history: list[Any]) -> None:
    compare(history)


@pytest.mark.long
@pytest.mark.timeout(300)
@settings(max_examples=1000, deadline=None)
@given(st.lists(operations, min_size=5, max_size=30))
def test_many_more_batches_leave_the_same_rows(history: list[Any]) -> None:
    compare(history)


def compare(history: list[Any]) -> None:
    memory = MemoryTables()
    in_memory = Transactions(memory)
    with sqlite() as (db, tables):
        transactions = Transactions(tables)
        epoch = 1
        for operation in (*PROLOGUE, *history):
            epoch += operation == "restart"
            assert transaction(db, tables, transactions, operation, epoch) == perform(in_memory, operation, epoch)
        assert {run.id: run.epoch for run in memory.runs.values()} == dict(db.execute("SELECT id, epoch FROM runs"))
        tables.rolled_back()
        for key, thread in memory.threads.items():
            assert tables.thread(key) == thread
        assert list(damages(db)) == []


def test_the_model_reaches_deep_states() -> None:
    """One history by hand, to show that the strategies above can do more than be refused."""
    memory = MemoryTables()
    transactions = Transactions(memory)
    for run in ("r1", "r2"):
        perform(transactions, Batch(at=1, appends=(acceptance(run, "ann/t", {"a": 1}, "queue", True),)), 1)
    end = Append(stream="r1", epoch=1, drafts=(draft(RunFinished()),))
    done = perform(transactions, Batch(at=1, appends=(end,)), 1)
    assert [entry.type for entry in done.entries] == ["run_finished", "run_started", "context_changed"]
