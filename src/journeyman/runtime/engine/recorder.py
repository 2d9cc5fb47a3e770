"""Records one run: events are applied at once, appended one batch a decision, never more than one uncommitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from journeyman.clock import Clock
from journeyman.events.codec import Codec, Draft, Entry
from journeyman.events.events import Event
from journeyman.events.fold import AgentState, apply
from journeyman.journal.journal import Append, Batch, Committed, Journal, Pending, StoredDefinition

Observe = Callable[
    [AgentState, Sequence[Draft]], None
]  # a run, and what of it was committed; must neither block nor raise


class Recorder:
    """The only writer of its run, under this boot's epoch. `state` is the fold of all that it added and learnt.

    `observe` is told of own events once they are durable, batch by batch; the state that it is given may be ahead.
    """

    def __init__(
        self,
        journal: Journal,
        codec: Codec,
        clock: Clock,
        state: AgentState,
        observe: Observe | None = None,
    ) -> None:
        self._journal = journal
        self._codec = codec
        self._clock = clock
        self._epoch = journal.epoch
        self._observe = observe
        self._submitted: tuple[Draft, ...] = ()
        self._known = state.seq
        self._batch: list[Draft] = []
        self._at = 0
        self._pending: Pending | None = None
        self._begins: list[Append] = []  # runs that start with the next batch
        self._definitions: list[StoredDefinition] = []
        self.has_started_children = False  # a batch that starts runs was handed over: see `started_children`
        self.state = state
        self.started: list[Entry] = []  # entries of other runs that this run has started, or whose turn its end brought

    def add(self, *events: Event) -> None:
        """Apply events and keep them for the next flush."""
        if not self._batch:
            self._at = self._clock.now()
        for event in events:
            draft = self._codec.draft(event)
            self._batch.append(draft)
            self.state = apply(self.state, self.state.seq + 1, self._at, draft.event)

    def as_stored(self, text: str) -> str:
        """A text as it stands in events: secrets replaced."""
        return self._codec.clean(text)

    def begin(self, append: Append, definition: StoredDefinition | None) -> None:
        """Start another run in the transaction of the next flush."""
        self._begins.append(append)
        if definition is not None:
            self._definitions.append(definition)

    async def flush(self) -> None:
        """Hand the batch over to the journal, after the one before it is committed. Does not wait for its commit."""
        if not self._batch:
            return
        await self.settle()
        drafts = tuple(self._batch)
        self._batch.clear()
        append = Append(stream=self.state.run_id, drafts=drafts, epoch=self._epoch, known=self._known)
        self._submitted = drafts
        self._pending = self._journal.submit(self._batch_of(append))

    def _batch_of(self, append: Append) -> Batch:
        if not self._begins:
            return Batch(at=self._at, appends=(append,), epoch=self._epoch)
        appends, definitions = (append, *self._begins), tuple(self._definitions)
        self._begins, self._definitions, self.has_started_children = [], [], True
        return Batch(at=self._at, appends=appends, definitions=definitions, epoch=self._epoch)

    async def started_children(self) -> list[Entry]:
        """The entries of the runs that were started since the last call, once they are durable. Raises as `settle`."""
        self.has_started_children = False
        await self.settle()
        started_children, self.started = self.started, []
        return started_children

    async def settle(self) -> None:
        """Return when all that was flushed is durable; what others appended meanwhile is applied.

        Raises StaleEpochError (another writer took over) and StorageError: the run goes no further here.
        """
        pending = self._pending
        if pending is None:
            return
        committed = await pending
        if self._pending is pending:  # several steps may wait at one barrier
            self._pending = None
            self._absorb(committed)

    async def catch_up(self) -> None:
        """Apply what others have appended since."""
        await self.settle()
        self._apply(await self._journal.read(self.state.run_id, self._known))

    def _absorb(self, committed: Committed) -> None:
        if self._observe is not None:
            self._observe(self.state, self._submitted)
        self._apply(committed.outside)
        for entry in committed.entries:
            if entry.stream == self.state.run_id:
                self._known = max(self._known, entry.seq)
            else:
                self.started.append(entry)

    def _apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.seq > self._known:
                self._known = entry.seq
                # It may stand before own events that were applied ahead of it: `state.seq` counts what was applied.
                self.state = apply(self.state, self.state.seq + 1, entry.at, entry.event)
