"""Approvals with a deadline: the default answer comes from one timer, also after a restart."""

from __future__ import annotations

import asyncio

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import StateError, StorageError
from journeyman.events.codec import Codec
from journeyman.events.events import ApprovalGiven, ApprovalRequested, RunAccepted
from journeyman.events.messages import user
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Append, Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.approval_deadlines import RETRY_SECONDS, ApprovalDeadlines
from journeyman.runtime.engine.run_parts import RunParts

SECOND = 1_000_000
codec = Codec()


class SleepingClock(ManualClock):
    """A manual clock whose wall time can be moved alone, as when the machine has slept or its clock was set."""

    def shift_wall(self, seconds: float) -> None:
        """Move the wall time. Wakes no sleeper."""
        self._now += int(seconds * 1_000_000)


class Told:
    """The worker's part: commits, and fails when told to."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal
        self.fails: Exception | None = None

    async def commit_and_notify(self, batch: Batch) -> None:
        if self.fails is not None:
            failure, self.fails = self.fails, None
            raise failure
        await self.journal.commit(batch)


class Scene:
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = SleepingClock()
        self.told = Told(self.journal)
        self.deadlines = self.make()

    def make(self) -> ApprovalDeadlines:
        return ApprovalDeadlines(RunParts(self.journal, codec, self.clock, SequentialIds(), None), self.told)  # type: ignore[arg-type]

    async def ask(self, run: str, seconds: float, default: str = "deny", result: str | None = None) -> int:
        deadline = self.clock.now() + round(seconds * SECOND)
        accepted = RunAccepted(thread=f"ann/{run}", principal="ann", input=user("hi"))
        asked = ApprovalRequested(
            approval=f"a-{run}",
            kind="tool",
            deadline=deadline,
            default=default,
            result=result,  # type: ignore[arg-type]
        )
        await self.journal.open()
        drafts = Append(stream=run, drafts=(codec.draft(accepted),))
        await self.journal.commit(Batch(at=1, appends=(drafts,)))
        await self.journal.commit(
            Batch(at=1, appends=(Append(stream=run, drafts=(codec.draft(asked),), epoch=1, known=2),))
        )
        return deadline

    async def given(self, run: str) -> ApprovalGiven | None:
        events = [entry.event for entry in await self.journal.read(run)]
        return next((event for event in events if isinstance(event, ApprovalGiven)), None)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_the_default_is_given_when_its_time_has_come_and_not_before() -> None:
    scene = Scene()
    scene.deadlines.arm(await scene.ask("r1", 60))
    scene.deadlines.arm(await scene.ask("r2", 30, "done", "M"))
    await scene.pass_time(29)
    assert await scene.given("r2") is None
    await scene.pass_time(2)
    early = await scene.given("r2")
    assert early is not None
    assert (early.decision, early.by, early.result) == ("done", "deadline", "M")
    assert await scene.given("r1") is None
    await scene.pass_time(30)
    late = await scene.given("r1")
    assert late is not None
    assert (late.decision, late.result) == ("deny", None)
    await scene.deadlines.aclose()


async def test_a_deadline_that_passed_while_the_machine_slept_is_seen_within_30_seconds() -> None:
    scene = Scene()
    scene.deadlines.arm(await scene.ask("r1", 3600))
    scene.clock.shift_wall(3600)  # timers have counted none of this
    await scene.pass_time(30)
    assert await scene.given("r1") is not None
    scene.deadlines.arm(await scene.ask("r2", 3600))
    scene.clock.shift_wall(-3600)
    await scene.pass_time(3601)
    assert await scene.given("r2") is None, "the clock was set back"
    await scene.pass_time(3600)
    assert await scene.given("r2") is not None
    await scene.deadlines.aclose()


async def test_what_is_overdue_at_a_start_is_answered_at_once_and_the_rest_is_armed_again() -> None:
    scene = Scene()
    for number in range(120):  # more than one round reads
        await scene.ask(f"r{number}", 10)
    await scene.ask("later", 1000)
    await scene.pass_time(20)
    again = scene.make()
    again.start()
    for _ in range(5):
        await scene.pass_time(0)
    assert [await scene.given(f"r{number}") is not None for number in range(120)] == [True] * 120
    assert await scene.given("later") is None
    await scene.pass_time(981)
    assert await scene.given("later") is not None
    await again.aclose()


@pytest.mark.parametrize("failure", [StateError("closed"), StorageError("disk")], ids=["closed", "disk"])
async def test_a_refused_round_is_tried_again(failure: Exception) -> None:
    scene = Scene()
    scene.told.fails = failure
    scene.deadlines.arm(await scene.ask("r1", 5))
    await scene.pass_time(6)
    assert await scene.given("r1") is None
    await scene.pass_time(RETRY_SECONDS + 1)
    assert await scene.given("r1") is not None
    await scene.deadlines.aclose()


async def test_after_its_end_nothing_is_answered() -> None:
    scene = Scene()
    scene.deadlines.arm(await scene.ask("r1", 5))
    await scene.deadlines.aclose()
    await scene.pass_time(10)
    assert await scene.given("r1") is None
