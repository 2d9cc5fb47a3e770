"""Shared budgets in every journal backend: charges, reservations, and the number of runs at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.errors import QueueFullError
from journeyman.events.codec import Codec
from journeyman.events.events import (
    Event,
    Failure,
    HistorySummarized,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    Parent,
    RunAccepted,
    RunFinished,
    RunPaused,
    RunResumed,
)
from journeyman.events.messages import Usage, assistant, user
from journeyman.events.quota import Reservation
from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import Append, Batch, Journal, MostRuns
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import damages

draft = Codec().draft
BOTH = ("principal:ann", "agent:support")


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    made: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")
    await made.open()
    yield made
    await made.close()


def accepted(run: str, thread: str = "", principal: str = "ann", **more: Any) -> Append:
    more.setdefault("agent", "support")
    key = ThreadRef(principal, thread or run).key
    return Append(stream=run, drafts=(draft(RunAccepted(thread=key, principal=principal, input=user("hi"), **more)),))


async def step(journal: Journal, run: str, *events: Event) -> None:
    append = Append(stream=run, drafts=tuple(map(draft, events)), epoch=journal.epoch)
    await journal.commit(Batch(at=20, appends=(append,)))


async def started(journal: Journal, run: str = "run_1", **more: Any) -> None:
    await journal.commit(Batch(at=10, appends=(accepted(run, **more),)))


def called(call: str = "m1", tokens: int = 100, cost_usd: float = 0.5, day: int = 7, **more: Any) -> ModelCalled:
    return ModelCalled(call=call, model="m", reserved=Reservation(BOTH, day, tokens, cost_usd), **more)


def replied(call: str = "m1", usage: Usage | None = None) -> ModelReplied:
    return ModelReplied(call=call, model="m", message=assistant("hi"), usage=usage or Usage(30, 10, cost_usd=0.25))


async def test_what_is_set_aside_counts_until_the_reply_says_what_was_used(journal: Journal) -> None:
    await started(journal)
    await step(journal, "run_1", called())
    assert await journal.used("principal:ann", 7) == (100, 0.5)
    await step(journal, "run_1", replied())
    for budget in BOTH:
        assert await journal.used(budget, 7) == (40, 0.25)
    assert await journal.used("principal:ann", 8) == (0, 0.0)
    assert await journal.used("principal:bob", 7) == (0, 0.0)
    await step(journal, "run_1", called("m2"), replied("m2"), RunFinished(output=""))
    assert await journal.used("agent:support", 7) == (80, 0.5)


@pytest.mark.parametrize(
    ("end", "used"),
    [
        (replied(usage=Usage()), (100, 0.5)),  # it does not say
        (replied(usage=Usage(30, 10)), (40, 0.0)),  # the price is unknown
        (ModelFailed(call="m1", error=Failure("gateway_rejected", "no")), (0, 0.0)),
        (ModelFailed(call="m1", error=Failure("gateway_cut_stream", "cut")), (100, 0.5)),
        (RunResumed(epoch=1, reason="taken_over"), (100, 0.5)),
        (RunFinished(output=""), (100, 0.5)),
    ],
)
async def test_how_a_call_ends_is_what_it_costs(journal: Journal, end: Event, used: tuple[int, float]) -> None:
    await started(journal)
    await step(journal, "run_1", called())
    await step(journal, "run_1", end)
    assert await journal.used("principal:ann", 7) == used
    if not isinstance(end, RunFinished):
        await step(journal, "run_1", RunFinished(output=""))
    assert await journal.used("principal:ann", 7) == used


async def test_a_summary_is_charged_when_it_is_made(journal: Journal) -> None:
    await started(journal)
    reserved = Reservation(("principal:ann",), 7, 100, 0.5)
    await step(
        journal, "run_1", HistorySummarized(first_no=1, last_no=1, text="s", usage=Usage(5, 5), reserved=reserved)
    )
    assert await journal.used("principal:ann", 7) == (10, 0.0)


async def test_runs_at_work_are_bounded_by_owner(journal: Journal) -> None:
    def limits(most: int, owner: Any = "principal", name: str = "ann") -> tuple[MostRuns, ...]:
        return (MostRuns(owner, name, most),)

    async def accept(run: str, limits: tuple[MostRuns, ...], **more: Any) -> None:
        await journal.commit(Batch(at=10, appends=(accepted(run, **more),), most_runs=limits))

    await accept("run_1", limits(2), key="k1")
    await accept("run_2", limits(2), thread="run_1")  # queued: it counts too
    with pytest.raises(QueueFullError) as refused:
        await accept("run_3", limits(2))
    assert refused.value.code == "too_many_runs"
    with pytest.raises(QueueFullError):
        await accept("run_3", limits(1, "key", "k1"))
    with pytest.raises(QueueFullError):
        await accept("run_3", (*limits(9), *limits(2, "agent", "support")))
    await accept("run_3", limits(1, "key", "k2"), principal="bob", agent="other")
    await step(journal, "run_1", RunPaused())  # a run that waits for a human is not at work
    await accept("run_4", limits(2))
    child = accepted("run_5", parent=Parent("run_4", "n1"))
    parent = Append(stream="run_4", drafts=(draft(ModelCalled(call="m1", model="m")),), epoch=journal.epoch)
    await journal.commit(Batch(at=20, appends=(parent, child)))
    await step(journal, "run_4", RunFinished(output=""))
    await accept("run_6", limits(2))


async def test_it_survives_a_restart_and_the_rows_say_what_the_events_say(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = SqliteJournal(path)
    await first.open()
    await started(first, key="k1")
    await step(first, "run_1", called(), replied(), called("m2"))
    await first.close()
    second = SqliteJournal(path)
    await second.open()
    assert await second.used("principal:ann", 7) == (140, 0.75)
    await second.take_over()
    await step(second, "run_1", RunResumed(epoch=second.epoch, reason="taken_over"), called("m2", attempt=2))
    assert await second.used("principal:ann", 7) == (240, 1.25)
    await step(second, "run_1", replied("m2"), RunFinished(output=""))
    assert await second.used("principal:ann", 7) == (180, 1.0)
    await second.close()
    db = apsw.Connection(str(path))
    assert list(damages(db)) == []
    db.execute("UPDATE budgets SET tokens = 1 WHERE budget = 'principal:ann'")
    assert [line.partition(":")[0] for line in damages(db)] == ["budget principal"]
    db.close()


async def test_charges_of_days_long_gone_are_dropped(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    await started(journal)
    await step(journal, "run_1", called(day=7), replied(), called(day=30), replied())
    assert await journal.used("principal:ann", 7) == (40, 0.25)
    await step(journal, "run_1", called(day=39), replied())
    assert await journal.used("principal:ann", 7) == (0, 0.0)
    assert await journal.used("principal:ann", 30) == (40, 0.25)
    await journal.close()
