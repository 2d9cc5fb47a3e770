"""Where a run's steps hand in what happened."""

from __future__ import annotations

import asyncio

from journeyman.runtime.engine.inbox import Mailbox, RunnerMessage

from journeyman.events.events import RunFinished


def message(text: str) -> RunnerMessage:
    return RunnerMessage(events=(RunFinished(output=text),))


async def test_messages_come_in_the_order_of_their_arrival() -> None:
    mailbox = Mailbox()
    first, second = message("a"), message("b")
    mailbox.put(first)
    mailbox.put(second)
    assert await mailbox.next_batch() == [first, second]
    assert mailbox.take() == []


async def test_the_reader_waits_for_a_message_or_for_news_of_the_journal() -> None:
    mailbox = Mailbox()
    waiting = asyncio.create_task(mailbox.next_batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.put(message("a"))
    assert len(await waiting) == 1
    waiting = asyncio.create_task(mailbox.next_batch())
    await asyncio.sleep(0)
    mailbox.poke()
    assert (await waiting, mailbox.poked) == ([], True)
