"""A recording: what a run did and what it began with, by itself enough to play it again."""

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
    """`history`: the stored messages that the run saw, numbered from 1; `summary`: what stood for those before.
    `definition`: the agent as it was; None: it is not known any
    more. `prompts`: model call -> the system prompt that it was sent, where it is another than that of the call
    before."""

    events: tuple[Event, ...]
    started_at: int  # µs since the epoch: `now` of the prompt
    history: tuple[Message, ...] = ()
    summary: str = ""
    definition: AgentSpec | None = None
    prompts: Mapping[str, str] | None = None

    @property
    def accepted(self) -> RunAccepted:
        event = self.events[0]
        assert isinstance(event, RunAccepted)
        return event

    @property
    def started(self) -> RunStarted:
        return next(event for event in self.events if isinstance(event, RunStarted))

    @property
    def model(self) -> str | None:
        """The model that its agent used: what DEFAULT_MODEL was, if the agent names none itself."""
        if self.definition is not None:
            return self.definition.model.name
        return next((event.model for event in self.events if isinstance(event, ModelCalled)), None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values out of the environment that its definition holds."""
        return tuple(self.definition.variables.values()) if self.definition else ()

    def masked(self, codec: Codec) -> Recording:
        """Without the secrets that the codec knows."""
        return msgspec.structs.replace(
            self,
            events=tuple(codec.draft(event).event for event in self.events),
            summary=codec.clean(self.summary),
            definition=codec.masked(self.definition),
            prompts=codec.masked(self.prompts),
        )

    @property
    def given(self) -> int:
        """How many events of a fork are given: the copies, the fork, its edits. 0: it is no fork."""
        copied = self.accepted.copied
        if not copied:
            return 0
        rest = self.events[copied + 1 :]
        edits = next((place for place, event in enumerate(rest) if not _is_edit(event)), len(rest))
        return copied + 1 + edits


def _is_edit(event: Event) -> bool:
    if isinstance(event, MessageAdded):
        return not event.correction
    return isinstance(event, MessageReplaced | Patched)


async def read_recording(journal: Journal, run_id: str) -> Recording:
    """The recording of a stored run. Raises NotFoundError, StateError (`not_replayable`), ConfigurationError."""
    entries = await read_all(journal, run_id)
    if not entries:
        raise NotFoundError(f"There is no run {run_id!r}: `journeyman runs list` lists them")
    recording = recording_of(run_id, entries)
    accepted, started = recording.accepted, recording.started
    rows = await load_view(journal, accepted.thread, started.first_no, started.last_no)
    stored = await journal.definition(accepted.version) if accepted.version else None
    return msgspec.structs.replace(
        recording,
        events=tuple(_renumbered(event, rows[0].no - 1 if rows else started.last_no) for event in recording.events),
        history=tuple(row.message for row in rows),
        summary=await load_summary(journal, started.summary_stream, started.summary or 0),
        definition=_definition(stored.data) if stored else None,
    )


def _renumbered(event: Event, before: int) -> Event:
    """A summary's numbers, as they are where the history begins with number 1."""
    if not isinstance(event, HistorySummarized):
        return event
    return msgspec.structs.replace(event, first_no=event.first_no - before, last_no=event.last_no - before)


def recording_of(run_id: str, entries: Sequence[Entry]) -> Recording:
    """The recording without history and definition. Raises StateError (`not_replayable`)."""
    events = tuple(entry.event for entry in entries)
    start = next((place for place, event in enumerate(events) if isinstance(event, RunStarted)), None)
    if start is None or start > 1:
        raise StateError(
            f"Run {run_id} was stopped before its turn came: there is nothing to replay", code="not_replayable"
        )
    return Recording(events=events, started_at=entries[start].at)


def _definition(data: bytes) -> AgentSpec | None:
    """Raises ConfigurationError where a variable that it needs is not set."""
    try:
        return AgentSpec.decode(data, os.environ)
    except NewerDefinitionError:
        return None
