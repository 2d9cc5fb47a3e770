"""Where the retry of a failed run begins: after the last event before those that ended it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.errors import StateError
from journeyman.events.codec import Entry
from journeyman.events.events import Failure, ModelFailed, ModelReplied, NodeLeft, RunFailed, ToolCallFinished
from journeyman.events.fold import AgentState, apply
from journeyman.journal.journal import RunRow
from journeyman.runtime.use_cases.fork_events import UNKNOWN_OUTCOMES, is_over


def retry_point(run: RunRow, entries: Sequence[Entry]) -> int:
    """Return the seq of the last event that the retry of a failed run copies.

    Raises StateError (`not_retryable`: the run did not fail, never started, is a child run or a lone tool call).
    """
    end = entries[-1].event
    if not isinstance(end, RunFailed):
        raise _not_retryable(f"Run {run.id} has not failed: it is {run.status}. Only failed runs can be retried.")
    if run.parent is not None:
        raise _not_retryable(f"Run {run.id} belongs to run {run.parent}. Retry that run, if it failed.")
    last = len(entries) - 1
    while last > 0 and _closes(entries[last - 1], end):
        last -= 1
    state, usable = AgentState(run_id=run.id), 0
    for entry in entries[:last]:
        state = apply(state, entry.seq, entry.at, entry.event)
        usable = usable if is_over(state) else entry.seq
    if state.direct is not None:
        raise _not_retryable("A direct tool call cannot be retried. Call the tool again.")
    if not state.epoch:
        raise _not_retryable(f"Run {run.id} failed before it started. Start a new run with the same message.")
    return usable


def _closes(entry: Entry, end: RunFailed) -> bool:
    """Return whether an event only closed what was open when the run failed, or is the failure itself."""
    match entry.event:
        case ToolCallFinished(error=Failure() as error, path=path):
            return error.code in UNKNOWN_OUTCOMES or (bool(path.node) and error.code == end.error.code)
        case ModelFailed():
            return True
        case ModelReplied(message=message):
            return message.partial
        case NodeLeft(error=error):
            return error is not None
        case _:
            return False


def _not_retryable(message: str) -> StateError:
    return StateError(message, code="not_retryable")
