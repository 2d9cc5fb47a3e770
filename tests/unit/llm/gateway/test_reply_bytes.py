"""The bytes of large replies that are being read from one gateway are bounded, and no reply waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.llm.gateway.reply_bytes import LARGE_BYTES, CountedReply, ReplyBytes

LIMIT = 4 * LARGE_BYTES


def replies(count: int, limit: int = LIMIT) -> tuple[ReplyBytes, ManualClock, list[CountedReply]]:
    clock = ManualClock()
    reply_bytes = ReplyBytes(clock, limit)
    return reply_bytes, clock, [CountedReply(reply_bytes) for _ in range(count)]


def test_small_replies_are_not_counted() -> None:
    reply_bytes, _, (small, large) = replies(2)
    assert large.grow(LIMIT * 2)
    assert small.grow(LARGE_BYTES)
    assert reply_bytes.held == LIMIT * 2


async def test_a_reply_for_which_there_is_no_room_waits_until_another_is_decoded() -> None:
    reply_bytes, clock, (first, second) = replies(2)
    assert first.grow(LIMIT)
    assert not second.grow(LIMIT)
    waiting = asyncio.create_task(second.wait(LIMIT))
    await asyncio.sleep(0)
    assert reply_bytes.waiting == 1
    clock.advance(7)
    first.release()
    assert await waiting == 7
    assert reply_bytes.held == LIMIT
    second.release()
    assert (reply_bytes.held, reply_bytes.waiting) == (0, 0)


def test_the_oldest_reply_always_goes_on() -> None:
    _, _, (first, second) = replies(2)
    assert first.grow(LIMIT - LARGE_BYTES)
    assert not second.grow(2 * LARGE_BYTES)
    assert first.grow(10 * LIMIT)


async def test_a_later_reply_does_not_pass_one_that_waits() -> None:
    _, _, (first, second, third) = replies(3)
    assert first.grow(LIMIT - 2 * LARGE_BYTES)
    assert not second.grow(LIMIT)
    waiting = asyncio.create_task(second.wait(LIMIT))
    await asyncio.sleep(0)
    assert not third.grow(LARGE_BYTES + 1)  # there would be room for it
    first.release()
    await waiting
    assert not third.grow(LARGE_BYTES + 1)
    second.release()
    assert third.grow(LARGE_BYTES + 1)


@pytest.mark.parametrize("at_the_same_moment", [False, True])
async def test_a_cancelled_call_leaves_nothing_behind(at_the_same_moment: bool) -> None:
    reply_bytes, _, (first, second, third) = replies(3)
    assert first.grow(LIMIT)
    assert not second.grow(LIMIT)
    waiting = asyncio.create_task(second.wait(LIMIT))
    await asyncio.sleep(0)
    if at_the_same_moment:
        first.release()  # it is the other's turn now
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    second.release()
    first.release()
    assert (reply_bytes.held, reply_bytes.waiting) == (0, 0)
    assert third.grow(LIMIT)


async def test_no_reply_goes_on_while_the_journal_has_too_much_to_write() -> None:
    unwritten = LIMIT + 1
    clock = ManualClock()
    reply_bytes = ReplyBytes(clock, LIMIT, lambda: unwritten)
    first, second = CountedReply(reply_bytes), CountedReply(reply_bytes)
    assert not first.grow(2 * LARGE_BYTES)
    waiting = [asyncio.create_task(each.wait(2 * LARGE_BYTES)) for each in (first, second)]
    assert not second.grow(2 * LARGE_BYTES)
    for unwritten, held in ((LIMIT, 2 * LARGE_BYTES), (LARGE_BYTES, 2 * LARGE_BYTES), (0, 4 * LARGE_BYTES)):  # noqa: B007
        await asyncio.sleep(0)
        clock.advance(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert reply_bytes.held == held
    assert await asyncio.gather(*waiting) == [1, 3]


async def test_a_reply_that_begins_to_wait_does_not_keep_an_older_one_waiting() -> None:
    unwritten = LIMIT + 1
    clock = ManualClock()
    reply_bytes = ReplyBytes(clock, LIMIT, lambda: unwritten)
    first, second = CountedReply(reply_bytes), CountedReply(reply_bytes)
    assert not first.grow(LIMIT)
    waiting = [asyncio.create_task(first.wait(LIMIT))]
    await asyncio.sleep(0)
    unwritten = 0  # the journal has written, and no reply has looked yet
    assert not second.grow(LIMIT)
    waiting.append(asyncio.create_task(second.wait(LIMIT)))
    await asyncio.sleep(0)
    clock.advance(1)
    assert await waiting[0] == 1
    first.release()
    assert await waiting[1] == 1


Steps = Sequence[tuple[int, bool]]  # bytes of each piece, and whether the call is cancelled before it
STEPS = st.lists(st.tuples(st.integers(1, 3 * LARGE_BYTES), st.sampled_from([False] * 9 + [True])), max_size=6)


@given(st.lists(STEPS, max_size=12), st.integers(1, 3 * LIMIT), st.integers())
def test_every_reply_is_read_and_no_more_is_held_than_the_limit_and_one_reply(calls, limit, seed) -> None:
    random = Random(seed)

    async def play() -> None:
        reply_bytes, clock, counted = replies(len(calls), limit)
        reply_bytes._unwritten = lambda: unwritten
        unwritten = 0  # bytes of replies that were read, which the journal has not written yet
        largest = max((sum(size for size, _ in steps) for steps in calls), default=0)

        async def read(reply: CountedReply, steps: Steps) -> None:
            nonlocal unwritten
            size = 0
            try:
                for piece, is_cancelled in steps:
                    await clock.sleep(random.randint(0, 3))
                    if is_cancelled:
                        return
                    size += piece
                    if not reply.grow(size):
                        await reply.wait(size)
                    assert reply.size in (0, size)
                    assert sum(each.size for each in counted) == reply_bytes.held <= limit + largest
                unwritten += 2 * size
            finally:
                reply.release()

        tasks = [asyncio.create_task(read(*each)) for each in zip(counted, calls, strict=True)]
        for _ in range(400):  # more than the longest way: each piece waits for at most 3 seconds once it has room
            for _ in range(8):
                await asyncio.sleep(0)
            if all(task.done() for task in tasks):
                break
            if random.random() < 0.05:
                random.choice(tasks).cancel()
            unwritten = random.choice((unwritten, unwritten // 2, 0))
            clock.advance(1)
        assert all(task.done() for task in tasks)
        assert not [task.exception() for task in tasks if not task.cancelled() and task.exception()]
        assert (reply_bytes.held, reply_bytes.waiting) == (0, 0)

    asyncio.run(play())
