"""A fork as events: the first part of a run again, as a run of its own, and the edits behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from journeyman.errors import NotFoundError, StateError
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
from journeyman.events.streams import thread_stream
from journeyman.events.transcript import error_text
from journeyman.runtime.use_cases.requests import MessageEdit

UNKNOWN = ("outcome_unknown", "cancelled")  # ends of a call that say nothing about what it did


class Prefix(msgspec.Struct, frozen=True):
    """Events 1 to `at` of a run and the state that they make; `places`: seq of a message -> its place in the state."""

    entries: tuple[Entry, ...]
    state: AgentState
    started: RunStarted  # the view of the thread that the run began with
    places: Mapping[int, int]

    @property
    def at(self) -> int:
        return self.entries[-1].seq


class ForkIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a fork has of its own. `shown`: how many stored messages its thread begins with; `shift`: by how much their
    numbers are lower than in the parent's thread; `approvals`: the parent's ids -> new ones; `by_others`: tools whose
    approvals somebody else must give."""

    thread: str
    version: str | None
    shown: int
    shift: int
    approvals: Mapping[str, str]
    by_others: frozenset[str] = frozenset()
    pinned: tuple[int, ...] = ()
    summary: int | None = None  # seq, in the fork's thread, of the summary that the parent began with
    request_id: str | None = None
    key: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None


def prefix(run_id: str, entries: Sequence[Entry], at: int) -> Prefix:
    """What a fork at `at` copies: at least up to the run's start, without which there is no view of the thread.

    Raises NotFoundError (no such event) and StateError (`run_queued`; `not_forkable`: the run is over there).
    """
    if not 1 <= at <= len(entries):
        raise NotFoundError(f"Run {run_id} has events 1 to {len(entries)}, not {at}.")
    start = next((entry for entry in entries if entry.type == "run_started"), None)
    if start is None:
        raise StateError(f"Run {run_id} has not started: fork it when it has.", code="run_queued")
    state, places, usable = AgentState(run_id=run_id), dict[int, int](), 0
    pending: dict[str, int] = {}
    for entry in entries[: max(at, start.seq)]:
        event, before = entry.event, state
        state = apply(state, entry.seq, entry.at, event)
        _place(places, pending, before, state, entry.seq, event)
        usable = usable if _is_over(state) else entry.seq
    if usable < state.seq:
        raise StateError(
            f"After event {at} the run is over or about to end: fork it at {usable} or before.", code="not_forkable"
        )
    started = start.event
    assert isinstance(started, RunStarted)
    return Prefix(tuple(entries[: state.seq]), state, started, places)


def _is_over(state: AgentState) -> bool:
    return state.ended or state.cancel is not None or state.limit is not None or state.failure is not None


def _place(
    places: dict[int, int], pending: dict[str, int], before: AgentState, after: AgentState, seq: int, event: Event
) -> None:
    """Where the messages stand that this event put into the state; results of parallel calls come together."""
    first, added = len(before.messages), len(after.messages) - len(before.messages)
    if isinstance(event, ToolCallFinished):
        pending[event.call] = seq
        finished = [pending.pop(call.call) for call in before.calls] if added else []
        places.update((one, first + index) for index, one in enumerate(finished))
    elif added and not isinstance(event, NodeEntered):  # messages that a join brings along keep their own places
        places[1 if isinstance(event, RunStarted) else seq] = first


def copies(prefix: Prefix, identity: ForkIdentity) -> Iterator[Event]:
    """The prefix's events; ids of run, thread, messages and approvals are the fork's own."""
    for entry in prefix.entries:
        yield _copied(entry.event, identity, prefix.at)


def _copied(event: Event, own: ForkIdentity, at: int) -> Event:
    match event:
        case RunAccepted():
            return replace(
                event,
                thread=own.thread,
                version=own.version,
                parent=None,
                bounds=None,
                multitask="queue",
                stream=True,
                copied=at,
                request_id=own.request_id,
                key=own.key,
                trace_id=own.trace_id,
                caller_span=own.caller_span,
            )
        case RunStarted():
            return replace(
                event,
                first_no=1,
                last_no=own.shown,
                pinned=own.pinned,
                summary=own.summary,
                summary_stream=thread_stream(own.thread) if own.summary else "",
            )
        case HistorySummarized():
            first_no, last_no = max(1, event.first_no - own.shift), max(0, event.last_no - own.shift)
            return replace(event, first_no=first_no, last_no=last_no)
        case ModelCalled():
            return replace(event, first_no=max(1, event.first_no - own.shift))
        case ApprovalRequested():  # the copy waits for whoever forked: its deadline was the parent's
            answerer = "other" if event.tool in own.by_others else event.answerer
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


def under_way(prefix: Prefix, later: Sequence[Entry]) -> tuple[ForkedCall, ...]:
    """The calls that were started and not finished. `later`: the run's events after the prefix."""
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
    """What calls gave in the end, as the model read it; calls of unknown outcome gave nothing."""
    for entry in later:
        event = entry.event
        if not isinstance(event, ToolCallFinished) or (event.error and event.error.code in UNKNOWN):
            continue
        yield event.call, error_text(event.error) if event.error else event.result or ""


def edits(prefix: Prefix, messages: Sequence[MessageEdit], patch: dict[str, JSON] | None, by: str) -> Iterator[Event]:
    """The edits as events. Raises NotFoundError and StateError, with what can be edited."""
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
            f"After event {prefix.at} the calls {open_calls} have no results yet: a message can be added behind "
            "these, or before the reply that asked for them.",
            code="not_forkable",
        )
    return MessageAdded(message=Message(role=edit.role, content=edit.content), by=by, correction=False)


def _replaced(prefix: Prefix, seq: int, edit: MessageEdit) -> Event:
    place = prefix.places.get(seq)
    if place is None:
        known = ", ".join(map(str, sorted(prefix.places)))
        raise NotFoundError(f"Event {seq} is no message that can be replaced at {prefix.at}; these are: {known}.")
    old = prefix.state.messages[place]
    return MessageReplaced(seq=seq, place=place, message=replace(old, content=edit.content, partial=False, extra={}))
