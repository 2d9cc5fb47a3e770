"""The mailbox of a runner: what its steps and timers report, and that the journal has news of the run."""

from __future__ import annotations

import asyncio

import msgspec

from journeyman.agents.decision import Action
from journeyman.errors import BaseError
from journeyman.events.events import Event, Failure, Lack


class EventsReported(msgspec.Struct, frozen=True):
    """Events to record. `recorded` is resolved once they are submitted to the journal."""

    events: tuple[Event, ...] = ()
    recorded: asyncio.Future[None] | None = None


class ActionRequested(msgspec.Struct, frozen=True):
    """An action that a node's code needs before it can continue, such as a question to a human."""

    action: Action


class StepLacking(msgspec.Struct, frozen=True):
    """A step has what it needs no longer. It goes on when `retry` is resolved, unless the run pauses first."""

    call: str
    lack: Lack
    retry: asyncio.Future[None]


class StepEnded(msgspec.Struct, frozen=True):
    """The end of a step: the events of its outcome, and the action that follows from it, if there is one."""

    call: str
    events: tuple[Event, ...] = ()
    action: Action | None = None


class StepFailed(msgspec.Struct, frozen=True):
    """The end of a step by a fault inside the server. The run fails with this failure."""

    call: str
    failure: Failure


class StepRefused(msgspec.Struct, frozen=True):
    """The end of a step whose event the journal refused. The run cannot continue in this process."""

    call: str
    error: BaseError


RunnerMessage = EventsReported | ActionRequested | StepLacking | StepEnded | StepFailed | StepRefused


class Mailbox:
    """The messages to one runner in the order of their arrival, and a flag that tells it to read the journal.

    Only the runner reads it. The number of messages is bounded by the number of steps in progress.
    """

    def __init__(self) -> None:
        self._messages: list[RunnerMessage] = []
        self._notified = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, message: RunnerMessage) -> None:
        """Add a message and wake the runner."""
        self._messages.append(message)
        self._wake()

    async def record(self, *events: Event) -> None:
        """Report events to the runner and wait until it has submitted them to the journal."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.put(EventsReported(events, recorded))
        await recorded

    async def wait_for(self, call: str, lack: Lack) -> None:
        """Report what a step lacks, and wait until it shall try again."""
        retry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.put(StepLacking(call, lack, retry))
        await retry

    def notify(self) -> None:
        """Wake the runner because others have appended events to its run."""
        self._notified = True
        self._wake()

    def take_notification(self) -> bool:
        """Return whether `notify` was called since the last call of this method."""
        notified, self._notified = self._notified, False
        return notified

    def take(self) -> list[RunnerMessage]:
        """Return the messages that have arrived, without waiting."""
        messages, self._messages = self._messages, []
        return messages

    async def next_batch(self) -> list[RunnerMessage]:
        """Wait for a message or a notification. Returns all messages that have arrived: none after a notification."""
        while not self._messages and not self._notified:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self.take()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
