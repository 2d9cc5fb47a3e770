"""A recording of a run: its events and what it began with, which is enough to replay it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from journeyman.agents.spec import AgentSpec, NewerDefinitionError
from journeyman.errors import NotFoundError, StateError
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import ContextChanged as Patched
from journeyman.events.events import (
    Event,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    RunAccepted,
    RunStarted,
)
from journeyman.events.messages import Message
from journeyman.journal.journal import Journal
from journeyman.runtime.engine.state_loading import load_summary, load_view, read_all


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The recording of one run.

    Attributes:
        history: The earlier messages of the thread that the run saw, numbered from 1.
        summary: The summary of the messages before them.
        definition: The agent as it was; None: it is not known any more.
        prompts: The system prompt of each model call, if it differs from that of the call before; None: unknown.
    """

    events: tuple[Event, ...]
    started_at: int  # µs since the epoch; it is `now` in the prompt
    history: tuple[Message, ...] = ()
    summary: str = ""
    definition: AgentSpec | None = None
    prompts: Mapping[str, str] | None = None

    @property
    def accepted(self) -> RunAccepted:
        """The first event."""
        event = self.events[0]
        assert isinstance(event, RunAccepted)
        return event

    @property
    def started(self) -> RunStarted:
        """The event of the start."""
        return next(event for event in self.events if isinstance(event, RunStarted))

    @property
    def model(self) -> str | None:
        """The model that the agent used, which was DEFAULT_MODEL if the agent names none. None: it is unknown."""
        if self.definition is not None:
            return self.definition.model.name
        return next((event.model for event in self.events if isinstance(event, ModelCalled)), None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of environment variables in the definition."""
        return tuple(self.definition.variables.values()) if self.definition else ()

    def masked(self, codec: Codec) -> Recording:
        """Return the recording with all secrets masked that the codec knows."""
        return msgspec.structs.replace(
            self,
            events=tuple(codec.draft(event).event for event in self.events),
            summary=codec.clean(self.summary),
            definition=codec.masked(self.definition),
            prompts=codec.masked(self.prompts),
        )

    @property
    def prefix_length(self) -> int:
        """The number of events that a fork begins with: the copies, the fork and its edits. 0: it is no fork."""
        copied = self.accepted.copied
        if not copied:
            return 0
        rest = self.events[copied + 1 :]
        edits = next((index for index, event in enumerate(rest) if not _is_edit(event)), len(rest))
        return copied + 1 + edits


def _is_edit(event: Event) -> bool:
    if isinstance(event, MessageAdded):
        return not event.correction
    return isinstance(event, MessageReplaced | Patched)


async def read_recording(journal: Journal, run_id: str, environment: Mapping[str, str] = os.environ) -> Recording:
    """Return the recording of a stored run, whose definition may need variables of the environment.

    Raises:
        NotFoundError: There is no such run.
        StateError: `not_replayable`: the run never started.
        ConfigurationError: An environment variable that its definition needs is not set.
    """
    entries = await read_all(journal, run_id)
    if not entries:
        raise NotFoundError(f"There is no run {run_id!r}. `journeyman runs list` lists all runs.")
    recording = recording_of(run_id, entries)
    accepted, started = recording.accepted, recording.started
    rows = await load_view(journal, accepted.thread, started.first_no, started.last_no)
    before = rows[0].no - 1 if rows else started.last_no
    stored = await journal.definition(accepted.version) if accepted.version else None
    return msgspec.structs.replace(
        recording,
        events=tuple(_renumbered(event, before, accepted.retries is not None) for event in recording.events),
        history=tuple(row.message for row in rows),
        summary=await load_summary(journal, started.summary_stream, started.summary or 0),
        definition=_definition(stored.data, environment) if stored else None,
    )


def _renumbered(event: Event, before: int, retried: bool) -> Event:
    """Return the event, with the message numbers of a summary counted from the first message of the history.

    `retried`: it is an event of a retry, whose copies are counted so too: they are replayed as those of a fork.
    """
    if retried and isinstance(event, RunStarted):
        pinned = tuple(no - before for no in event.pinned if no > before)
        return msgspec.structs.replace(event, first_no=1, last_no=event.last_no - before, pinned=pinned)
    if retried and isinstance(event, ModelCalled):
        return msgspec.structs.replace(event, first_no=max(1, event.first_no - before))
    if not isinstance(event, HistorySummarized):
        return event
    return msgspec.structs.replace(event, first_no=event.first_no - before, last_no=event.last_no - before)


def recording_of(run_id: str, entries: Sequence[Entry]) -> Recording:
    """Return the recording of these events, without history and definition.

    Raises:
        StateError: `not_replayable`: the run never started.
    """
    events = tuple(entry.event for entry in entries)
    start = next((index for index, event in enumerate(events) if isinstance(event, RunStarted)), None)
    if start is None or start > 1:
        raise StateError(
            f"Run {run_id!r} cannot be replayed, since it was stopped before it started.", code="not_replayable"
        )
    return Recording(events=events, started_at=entries[start].at)


def _definition(data: bytes, environment: Mapping[str, str]) -> AgentSpec | None:
    """Decode a stored definition. None: a later release wrote it.

    Raises:
        ConfigurationError: An environment variable that it needs is not set.
    """
    try:
        return AgentSpec.decode(data, environment)
    except NewerDefinitionError:
        return None
