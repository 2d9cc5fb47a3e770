"""Readers of a stream are woken by commits; nothing is kept for them."""

from __future__ import annotations

import asyncio

from journeyman.events.codec import Entry
from journeyman.journal.subscriptions import StreamNotifier


def entry(stream: str, seq: int) -> Entry:
    return Entry(stream, seq, "run_started", 1, 0, b"{}")


async def test_a_commit_on_the_stream_wakes_its_readers() -> None:
    notifier = StreamNotifier()
    mine, other = notifier.subscribe("run_1"), notifier.subscribe("run_2")
    waiting = asyncio.create_task(mine.wait())
    await asyncio.sleep(0)
    notifier.committed([entry("run_1", 3)])
    await asyncio.wait_for(waiting, 1)
    assert (mine.head, other.head) == (3, 0)


async def test_what_came_before_the_wait_is_not_missed() -> None:
    notifier = StreamNotifier()
    mine = notifier.subscribe("run_1")
    notifier.committed([entry("run_1", 1), entry("run_1", 2)])
    await asyncio.wait_for(mine.wait(), 1)
    again = asyncio.create_task(mine.wait())
    await asyncio.sleep(0)
    assert not again.done(), "one wait takes all that came before it"
    notifier.wake("run_1")
    await asyncio.wait_for(again, 1)


async def test_a_reader_that_left_is_not_kept() -> None:
    notifier = StreamNotifier()
    mine = notifier.subscribe("run_1")
    mine.close()
    mine.close()
    notifier.committed([entry("run_1", 1)])
    assert mine.head == 0
