"""Records one run: applies its events at once and appends them to the journal, one batch a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from journeyman.errors import StateError
from journeyman.events.codec import Draft, Entry
from journeyman.events.events import Event, RunCancelled
from journeyman.events.fold import AgentState, apply
from journeyman.journal.crash_counting import BEGINNINGS
from journeyman.journal.journal import Append, Batch, Committed, Pending, StoredDefinition
from journeyman.journal.transactions import CANCEL_REQUESTED
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import load_state

Observe = Callable[[AgentState, Sequence[Draft]], None]  # given a run and what it committed; must not block or raise


class Recorder:
    """The only writer of its run, under the epoch of this process. At most one of its batches is uncommitted.

    `state` is the fold of the events that it added and of those that others appended. `observe` is called for its own
    events once they are durable, batch by batch; the state that it gets may be ahead of them. `started` holds the
    entries of other runs that its batches started: child runs, and the next run of the thread.
    """

    def __init__(
        self, parts: RunParts, state: AgentState, observe: Observe | None = None, first_durable: bool = False
    ) -> None:
        """`first_durable`: wait until the first batch that begins a step is durable, before that step is performed.

        So an end of the server by this step is known to the next start.
        """
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._epoch = parts.journal.epoch
        self._observe = observe
        self._known = state.seq
        self._batch: list[Draft] = []
        self._at = 0
        self._submitted: tuple[Draft, ...] = ()
        self._pending: Pending | None = None
        self._children: list[Append] = []  # child runs that begin with the next batch
        self._definitions: list[StoredDefinition] = []
        self._first_durable = first_durable
        self.has_new_children = False  # a batch with child runs was submitted: see `new_children`
        self.state = state
        self.started: list[Entry] = []

    def add(self, *events: Event) -> None:
        """Apply events and keep them for the next `submit`."""
        if not self._batch:
            self._at = self._clock.now()
        for event in events:
            draft = self._codec.draft(event)
            self._batch.append(draft)
            self.state = apply(self.state, self.state.seq + 1, self._at, draft.event)

    def add_child(self, append: Append, definition: StoredDefinition | None) -> None:
        """Begin a child run in the transaction of the next batch."""
        self._children.append(append)
        if definition is not None:
            self._definitions.append(definition)

    def as_stored(self, text: str) -> str:
        """Return the text as events store it, with secrets replaced."""
        return self._codec.clean(text)

    async def submit(self) -> None:
        """Hand the batch to the journal, after the batch before it is durable. Does not wait for its own commit."""
        if not self._batch:
            return
        await self.wait_durable()
        drafts = tuple(self._batch)
        self._batch.clear()
        append = Append(stream=self.state.run_id, drafts=drafts, epoch=self._epoch, known=self._known)
        self._submitted = drafts
        self._pending = self._journal.submit(self._batch_of(append))
        if self._first_durable and any(draft.type in BEGINNINGS for draft in drafts):
            self._first_durable = False
            await self.wait_durable()

    def _batch_of(self, append: Append) -> Batch:
        if not self._children:
            return Batch(at=self._at, appends=(append,), epoch=self._epoch)
        appends, definitions = (append, *self._children), tuple(self._definitions)
        self._children, self._definitions, self.has_new_children = [], [], True
        return Batch(at=self._at, appends=appends, definitions=definitions, epoch=self._epoch)

    async def new_children(self) -> list[Entry]:
        """Return the entries of the child runs begun since the last call, once they are durable.

        Raises as `wait_durable`.
        """
        self.has_new_children = False
        await self.wait_durable()
        started, self.started = self.started, []
        return started

    async def wait_durable(self) -> None:
        """Wait until every submitted batch is durable, then apply events that others appended in the meantime.

        Raises StaleEpochError if another process took the run over, StorageError if the disk failed. The run cannot
        continue in this process then.
        """
        pending = self._pending
        if pending is None:
            return
        committed = await pending
        if self._pending is pending:  # several steps may wait at one barrier
            self._pending = None
            self._absorb(committed)

    async def record_end(self, *events: Event) -> None:
        """Record the last events of the run, durably. If a cancel was faster, the run ends as cancelled instead.

        Raises as `wait_durable`.
        """
        self.add(*events)
        await self.submit()
        try:
            await self.wait_durable()
        except StateError as exc:
            if exc.code != CANCEL_REQUESTED:
                raise
            await self._record_cancelled(self._submitted[:-1])

    async def _record_cancelled(self, drafts: Sequence[Draft]) -> None:
        """Record the events of a refused batch again, with the cancellation as the end of the run."""
        self._pending = None
        self.state = await load_state(self._journal, self.state.run_id)
        self._known = self.state.seq
        cancel = self.state.cancel
        assert cancel is not None, "the journal refused the end because of it"
        self.add(*(draft.event for draft in drafts), RunCancelled(by=cancel.by, reason=cancel.reason))
        await self.submit()
        await self.wait_durable()

    async def catch_up(self) -> None:
        """Apply the events that others have appended to the run."""
        await self.wait_durable()
        self._apply(await self._journal.read(self.state.run_id, self._known))

    def _absorb(self, committed: Committed) -> None:
        if self._observe is not None:
            self._observe(self.state, self._submitted)
        self._submitted = ()
        self._apply(committed.external)
        for entry in committed.entries:
            if entry.stream == self.state.run_id:
                self._known = max(self._known, entry.seq)
            else:
                self.started.append(entry)

    def _apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.seq > self._known:
                self._known = entry.seq
                # It may have a lower seq than own events that are applied already: `state.seq` counts what is applied.
                self.state = apply(self.state, self.state.seq + 1, entry.at, entry.event)
