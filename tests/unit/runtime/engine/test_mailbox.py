"""The mailbox of a runner."""

from __future__ import annotations

import asyncio

from journeyman.events.events import MessageAdded
from journeyman.events.messages import user
from journeyman.runtime.engine.mailbox import EventsReported, Mailbox, StepEnded

EVENT = MessageAdded(message=user("hi"))


async def test_messages_are_read_in_the_order_of_their_arrival() -> None:
    mailbox = Mailbox()
    mailbox.put(StepEnded("m1"))
    mailbox.put(StepEnded("m1.0", (EVENT,)))
    assert await mailbox.next_batch() == [StepEnded("m1"), StepEnded("m1.0", (EVENT,))]
    assert mailbox.take() == []


async def test_a_notification_ends_the_wait_once_without_a_message() -> None:
    mailbox = Mailbox()
    waiting = asyncio.create_task(mailbox.next_batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.notify()
    mailbox.notify()
    assert await waiting == []
    assert (mailbox.take_notification(), mailbox.take_notification()) == (True, False)


async def test_record_returns_when_the_runner_has_submitted_the_events() -> None:
    mailbox = Mailbox()
    recording = asyncio.create_task(mailbox.record(EVENT))
    [message] = await mailbox.next_batch()
    assert isinstance(message, EventsReported)
    assert message.recorded is not None
    assert (message.events, recording.done()) == ((EVENT,), False)
    message.recorded.set_result(None)
    await recording
