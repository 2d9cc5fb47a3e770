"""The events of a fork: copies of the first events of a run, and the edits. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from journeyman.errors import HistoryUnreadableError, NotFoundError, StateError
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    ContextChanged,
    Event,
    ForkedCall,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    NodeEntered,
    RunAccepted,
    RunPaused,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, apply, replace
from journeyman.events.messages import JSON, Message
from journeyman.events.origin import UNKNOWN_ORIGIN, RequestOrigin
from journeyman.events.streams import thread_stream
from journeyman.events.transcript import result_text
from journeyman.runtime.use_cases.requests import MessageEdit

UNKNOWN_OUTCOMES = ("outcome_unknown", "cancelled")  # error codes that leave open what a call did


class Prefix(msgspec.Struct, frozen=True):
    """Events 1 to `at` of a run, and the state after them. `places`: the index of each message in the state, by seq."""

    entries: tuple[Entry, ...]
    state: AgentState
    started: RunStarted  # it holds the view of the thread that the run began with
    places: Mapping[int, int]

    @property
    def at(self) -> int:
        """The seq of the last copied event."""
        return self.entries[-1].seq


class ForkIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a fork and its parent: ids, message numbers, origin.

    `seen` is the number of stored messages that its thread begins with, `shift` by how much their numbers are lower
    than in the parent's thread. `approvals` maps the parent's approval ids to new ones. `other_answerer` names the
    tools and limits (`limits.steps`) whose approvals another principal must give.
    """

    thread: str
    version: str | None
    seen: int
    shift: int
    approvals: Mapping[str, str]
    other_answerer: frozenset[str] = frozenset()
    pinned: tuple[int, ...] = ()
    summary: int | None = None  # seq, in the fork's thread, of the summary that the parent began with
    origin: RequestOrigin = UNKNOWN_ORIGIN


def prefix(run_id: str, entries: Sequence[Entry], at: int) -> Prefix:
    """Return what a fork at `at` copies. It includes the run's start, which holds the view of the thread.

    Raises NotFoundError (no such event) and StateError (`run_queued`; `not_forkable`: the run has ended by then).
    """
    if not 1 <= at <= len(entries):
        raise NotFoundError(f"Run {run_id} has events 1 to {len(entries)}, not {at}.")
    start = next((entry for entry in entries if entry.type == "run_started"), None)
    if start is None:
        raise StateError(f"Run {run_id} has not started yet. Fork it after it has.", code="run_queued")
    state, places, usable = AgentState(run_id=run_id), dict[int, int](), 0
    pending: dict[str, int] = {}
    for entry in entries[: max(at, start.seq)]:
        event, before = entry.event, state
        state = apply(state, entry.seq, entry.at, event)
        _place(places, pending, before, state, entry.seq, event)
        usable = usable if _is_over(state) else entry.seq
    if usable < state.seq:
        raise StateError(
            f"After event {at} the run has ended or is about to. Fork it at event {usable} or earlier.",
            code="not_forkable",
        )
    started = start.event
    assert isinstance(started, RunStarted)
    return Prefix(tuple(entries[: state.seq]), state, started, places)


def _is_over(state: AgentState) -> bool:
    return state.ended or state.cancel is not None or state.limit is not None or state.failure is not None


def _place(
    places: dict[int, int], pending: dict[str, int], before: AgentState, after: AgentState, seq: int, event: Event
) -> None:
    """Note the index of each message that this event added. Results of parallel calls are added together."""
    first, added = len(before.messages), len(after.messages) - len(before.messages)
    if isinstance(event, ToolCallFinished):
        pending[event.call] = seq
        finished = [pending.pop(call.call) for call in before.calls] if added else []
        places.update((one, first + index) for index, one in enumerate(finished))
    elif added and not isinstance(event, NodeEntered):  # messages that a join merges keep their places
        places[1 if isinstance(event, RunStarted) else seq] = first


def copied_events(prefix: Prefix, identity: ForkIdentity) -> Iterator[Event]:
    """Yield copies of the prefix's events with the fork's ids of thread, messages and approvals."""
    for entry in prefix.entries:
        yield _copied(entry.event, identity, prefix.at)


def _copied(event: Event, own: ForkIdentity, at: int) -> Event:
    match event:
        case RunAccepted():
            event = own.origin.recorded_in(event)
            return replace(
                event,
                thread=own.thread,
                version=own.version,
                parent=None,
                bounds=None,
                multitask="queue",
                stream=True,
                copied=at,
            )
        case RunStarted():
            return replace(
                event,
                first_no=1,
                last_no=own.seen,
                pinned=own.pinned,
                summary=own.summary,
                summary_stream=thread_stream(own.thread) if own.summary else "",
            )
        case HistorySummarized():
            first_no, last_no = max(1, event.first_no - own.shift), max(0, event.last_no - own.shift)
            return replace(event, first_no=first_no, last_no=last_no)
        case ModelCalled():
            return replace(event, first_no=max(1, event.first_no - own.shift))
        case ApprovalRequested():  # without the deadline, which was the parent's
            subject = f"limits.{event.limit.name}" if event.limit else event.tool
            answerer = "other" if subject in own.other_answerer else event.answerer
            approval = own.approvals[event.approval]
            return replace(event, approval=approval, deadline=None, default=None, answerer=answerer)
        case ApprovalGiven():
            return replace(event, approval=own.approvals[event.approval])
        case RunPaused():
            return replace(
                event, waiting_for=tuple(own.approvals[one] for one in event.waiting_for if one in own.approvals)
            )
        case _:
            return event


def unfinished_calls(prefix: Prefix, later: Sequence[Entry]) -> tuple[ForkedCall, ...]:
    """Return the calls that were started in the prefix and not finished there.

    `later` are the run's events after the prefix: if a call finished there, its result is known.
    """
    started: dict[str, ToolCallStarted] = {}
    for entry in prefix.entries:
        event = entry.event
        if isinstance(event, ToolCallStarted):
            started[event.call] = event
        elif isinstance(event, ToolCallFinished):
            started.pop(event.call, None)
    known = {call.call: call.result for call in prefix.state.forked.calls} if prefix.state.forked else {}
    known.update(_outcomes(later))
    return tuple(ForkedCall(call, event.idempotency_key, known.get(call)) for call, event in started.items())


def _outcomes(later: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Yield the results of calls as the model read them, by call id. Calls with an unknown outcome have none."""
    for entry in later:
        event = _finished_call(entry)
        if event is None or (event.error and event.error.code in UNKNOWN_OUTCOMES):
            continue
        yield event.call, result_text(event)


def _finished_call(entry: Entry) -> ToolCallFinished | None:
    """Return the end of a call, or None if the entry is something else or cannot be read."""
    if entry.type != "tool_call_finished":
        return None
    try:
        event = entry.event
    except HistoryUnreadableError:
        return None
    return event if isinstance(event, ToolCallFinished) else None


def edit_events(
    prefix: Prefix, messages: Sequence[MessageEdit], patch: dict[str, JSON] | None, by: str
) -> Iterator[Event]:
    """Yield the edits as events. Raises NotFoundError and StateError; their messages say what can be edited."""
    for edit in messages:
        if edit.replace is None:
            yield _added(prefix, edit, by)
        else:
            yield _replaced(prefix, edit.replace, edit)
    if patch:
        yield ContextChanged(scope="thread", patch=patch)


def _added(prefix: Prefix, edit: MessageEdit, by: str) -> Event:
    if prefix.state.calls:
        open_calls = ", ".join(call.call for call in prefix.state.calls)
        raise StateError(
            f"After event {prefix.at} the calls {open_calls} have no results yet. A message can be added after "
            "their results, or before the reply that asked for them.",
            code="not_forkable",
        )
    return MessageAdded(message=Message(role=edit.role, content=edit.content), by=by, correction=False)


def _replaced(prefix: Prefix, seq: int, edit: MessageEdit) -> Event:
    place = prefix.places.get(seq)
    if place is None:
        known = ", ".join(map(str, sorted(prefix.places)))
        raise NotFoundError(f"Event {seq} is not a message that can be replaced at {prefix.at}. These are: {known}.")
    old = prefix.state.messages[place]
    return MessageReplaced(seq=seq, place=place, message=replace(old, content=edit.content, partial=False, extra={}))
