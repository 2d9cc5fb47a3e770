"""Where a run's steps hand in what happened. One reader: the runner. Bounded by the steps that are under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from journeyman.agents.decision import Action
from journeyman.events.events import Event, Failure


@dataclass(slots=True)
class RunnerMessage:
    """Something for the runner: events to record, or an action to take (a call of unknown outcome).

    `ended` names the step that is over, `fault` how it failed inside the server; `recorded` is set once the events
    are on their way to the journal.
    """

    events: tuple[Event, ...] = ()
    action: Action | None = None
    ended: str | None = None
    fault: Failure | None = None
    recorded: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Mailbox:
    """Facts in the order of arrival. `poke` wakes the reader though there is no fact: the journal has news."""

    _facts: list[RunnerMessage] = field(default_factory=list)
    _waiter: asyncio.Future[None] | None = None
    poked: bool = False

    def put(self, fact: RunnerMessage) -> None:
        self._facts.append(fact)
        self._wake()

    def poke(self) -> None:
        self.poked = True
        self._wake()

    def take(self) -> list[RunnerMessage]:
        """What is there now."""
        facts, self._facts = self._facts, []
        return facts

    async def next_batch(self) -> list[RunnerMessage]:
        """Wait until there is a fact or a poke; all facts that are there."""
        while not self._facts and not self.poked:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self.take()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
