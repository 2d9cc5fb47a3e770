"""Approvals that are no longer open: by whom, when, with what, and for whose eyes."""

from __future__ import annotations

from journeyman.events.codec import Codec
from journeyman.events.events import ApprovalGiven, ApprovalRequested, Event, RunAccepted, RunCancelled, RunPaused
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.approval_deadlines import DEADLINE
from journeyman.runtime.use_cases.answered_approvals import PAGE, SEARCHED, ApprovalHistory


async def paused(journal: MemoryJournal, run: str, principal: str, *approvals: str) -> None:
    """Store a run of the principal that waits for these approvals."""
    accepted = RunAccepted(thread=f"{principal}/{run}", principal=principal, agent="a", version="v", input=user("Hi"))
    await commit(journal, run, accepted)
    asked = (
        ApprovalRequested(approval=each, kind="tool", tool="pay", arguments={"pin": 1, "to": "x"}, hidden=("pin",))
        for each in approvals
    )
    await commit(journal, run, *asked, RunPaused(waiting_for=approvals), own=True)


async def commit(journal: MemoryJournal, run: str, *events: Event, own: bool = False, at: int = 1) -> None:
    drafts = tuple(map(Codec().draft, events))
    append = Append(stream=run, drafts=drafts, epoch=journal.epoch if own else None)
    await journal.commit(Batch(at=at, appends=(append,), epoch=journal.epoch))


def given(approval: str, by: str, **more: object) -> ApprovalGiven:
    return ApprovalGiven(approval=approval, decision="approve", by=by, **more)  # type: ignore[arg-type]


async def opened() -> MemoryJournal:
    journal = MemoryJournal()
    await journal.open()
    return journal


async def test_each_says_who_when_and_with_what() -> None:
    journal = await opened()
    await paused(journal, "r", "ann", "a1", "a2", "a3", "a4")
    await commit(journal, "r", given("a1", "bob", arguments={"pin": 2, "to": "y"}, hidden=("pin",)), at=5)
    await commit(journal, "r", given("a2", DEADLINE), at=6)
    history = ApprovalHistory(journal)
    assert [row.approval.id for row in (await history.list("ann", None, None, 9))[0]] == ["a2", "a1"]
    await commit(journal, "r", RunCancelled(), own=True, at=7)
    rows, stopped_at = await history.list("ann", None, None, 9)
    assert stopped_at is None
    assert [(row.approval.id, row.status, row.at) for row in rows] == [
        ("a4", "closed", 7),
        ("a3", "closed", 7),
        ("a2", "expired", 6),
        ("a1", "answered", 5),
    ]
    assert rows[-1].arguments is not None
    assert (rows[-1].arguments["to"], rows[-1].arguments["pin"] != 2, rows[0].arguments) == ("y", True, None)
    assert [row.approval.id for row in (await history.list("ann", "expired", None, 9))[0]] == ["a2"]
    assert [row.approval.id for row in (await history.list("ann", None, "a3", 1))[0]] == ["a2"]


async def test_others_see_what_they_have_answered_and_no_more() -> None:
    journal = await opened()
    await paused(journal, "r", "ann", "a1", "a2")
    await commit(journal, "r", given("a1", "boss"), given("a2", "other"))
    history = ApprovalHistory(journal)
    assert await history.list("boss", None, None, 9) == ([], None)
    assert [row.approval.id for row in (await history.list("boss", None, None, 9, anyone=True))[0]] == ["a1"]


async def test_nobody_is_the_deadline() -> None:
    journal = await opened()
    await paused(journal, "r", "ann", "a1")
    await commit(journal, "r", given("a1", DEADLINE))
    assert await ApprovalHistory(journal).list(DEADLINE, None, None, 9, anyone=True) == ([], None)


async def test_a_search_is_broken_off_and_goes_on() -> None:
    journal = await opened()
    names = [f"a{number:05}" for number in range(SEARCHED + PAGE)]
    await paused(journal, "r", "ann", *names)
    await commit(journal, "r", given(names[0], "boss"), RunCancelled(), own=True)
    found, stopped_at = await ApprovalHistory(journal).list("ann", "answered", None, 9)
    assert (found, stopped_at) == ([], names[PAGE])
    found, stopped_at = await ApprovalHistory(journal).list("ann", "answered", stopped_at, 9)
    assert ([row.approval.id for row in found], stopped_at) == ([names[0]], None)
