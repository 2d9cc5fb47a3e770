"""The hub of facts: what runs, guards and the journal report, passed on to the parts that listen.

It is made before the parts that report, so that none of them has to know who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from journeyman.events.codec import Draft
from journeyman.events.fold import AgentState
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.resilience.signals import Signal

RunListener = Callable[[AgentState, Sequence[Draft]], None]


class FactHub:
    """Passes facts on, each to its listeners, in the order in which they subscribed. Listeners must not raise."""

    def __init__(self) -> None:
        self._runs: list[RunListener] = []
        self._signals: list[Callable[[Signal], None]] = []
        self._commits: list[Callable[[GroupCommitted], None]] = []

    def on_run(self, listener: RunListener) -> None:
        """Call `listener` with a run's state and events after each of its commits."""
        self._runs.append(listener)

    def on_signal(self, listener: Callable[[Signal], None]) -> None:
        """Call `listener` with each signal of a guard."""
        self._signals.append(listener)

    def on_commit(self, listener: Callable[[GroupCommitted], None]) -> None:
        """Call `listener` after each group commit, in the writer's thread or loop as the journal does."""
        self._commits.append(listener)

    def run_committed(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Pass on the committed events of a run, with the state that they led to."""
        for listener in self._runs:
            listener(run, drafts)

    def signalled(self, signal: Signal) -> None:
        """Pass on what a guard did."""
        for listener in self._signals:
            listener(signal)

    def group_committed(self, fact: GroupCommitted) -> None:
        """Pass on a group commit."""
        for listener in self._commits:
            listener(fact)
