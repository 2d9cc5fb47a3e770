"""Wakes the readers of a stream when it has news. Nothing is buffered: a reader fetches the news itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from journeyman.events.codec import Entry


class Subscription:
    """A reader's subscription to one stream. It belongs to the event loop's thread."""

    def __init__(self, notifier: StreamNotifier, stream: str) -> None:
        self._notifier = notifier
        self._stream = stream
        self._head = 0
        self._notified = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def head(self) -> int:
        """The highest seq committed to the stream since the subscription began. 0 means that there was no commit."""
        return self._head

    async def wait(self) -> None:
        """Wait for the next notification. Returns at once if one came since the last return."""
        while not self._notified:
            if self._waiter is None or self._waiter.done():
                self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._notified = False

    def notify(self, head: int = 0) -> None:
        """Wake the reader. `head` is the seq that was committed; 0 means that there is only live text to read."""
        self._head = max(self._head, head)
        self._notified = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """End the subscription; idempotent."""
        self._notifier.unsubscribe(self._stream, self)


class StreamNotifier:
    """All subscriptions, by stream. A stream without readers costs nothing."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, list[Subscription]] = {}

    def subscribe(self, stream: str) -> Subscription:
        """Return a new subscription to the stream. The caller closes it."""
        subscription = Subscription(self, stream)
        self._subscriptions.setdefault(stream, []).append(subscription)
        return subscription

    def unsubscribe(self, stream: str, subscription: Subscription) -> None:
        """Remove a subscription, if it is still there."""
        subscriptions = self._subscriptions.get(stream, [])
        if subscription in subscriptions:
            subscriptions.remove(subscription)
        if not subscriptions:
            self._subscriptions.pop(stream, None)

    def wake(self, stream: str) -> None:
        """Wake the stream's readers although nothing was committed, for live text."""
        for subscription in self._subscriptions.get(stream, ()):
            subscription.notify()

    def committed(self, entries: Iterable[Entry]) -> None:
        """Wake the readers of every stream to which these entries were committed."""
        if not self._subscriptions:
            return
        for entry in entries:
            for subscription in self._subscriptions.get(entry.stream, ()):
                subscription.notify(entry.seq)
