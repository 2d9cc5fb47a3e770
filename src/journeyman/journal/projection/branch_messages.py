"""Which messages of a run's parallel branches enter its main branch at a join, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.codec import Entry
from journeyman.events.events import MessageAdded, ModelReplied, NodeEntered, ToolCallFinished
from journeyman.events.graph_position import is_within, joined_into
from journeyman.events.node_steps import is_of_code

_RELEVANT = ("message_added", "model_replied", "tool_call_finished", "node_entered")


def is_in_main_branch(event: MessageAdded | ModelReplied | ToolCallFinished) -> bool:
    """Return whether the event's message belongs to the thread at once.

    The message of a parallel branch does so when the branch is joined; a message of a node's own code never does.
    """
    if not event.path.node:
        return True
    return not event.path.branch and not _is_of_code(event)


def joined_seqs(entries: Iterable[Entry], last: int) -> list[int]:
    """Return the seqs of the messages that the join at seq `last` brings into the main branch, in order.

    `entries` are those of the run, in order, up to `last` at least.
    """
    branches: dict[str, list[int]] = {}  # branch -> seqs of its messages
    for entry in entries:
        event = entry.event if entry.type in _RELEVANT else None
        match event:
            case MessageAdded() | ModelReplied() | ToolCallFinished() if event.path.branch and not _is_of_code(event):
                branches.setdefault(event.path.branch, []).append(entry.seq)
            case NodeEntered(joins=joins) if joins:
                joined = _join(branches, event)
                if entry.seq == last:
                    return joined
            case _:
                pass
    return []


def _join(branches: dict[str, list[int]], event: NodeEntered) -> list[int]:
    """Merge the joined branches in `branches`. Returns the seqs of their messages."""
    into = joined_into(event.path.branch, event.joins)
    joined = [seq for name in event.joins for seq in branches.get(name, ())]
    ended = event.joins if into in event.joins else (into,)
    own = [] if into in event.joins else branches.get(into, [])
    gone = [name for name in branches if name in event.joins or any(is_within(name, outer) for outer in ended)]
    for name in gone:
        del branches[name]
    branches[into] = [*own, *joined]
    return joined


def _is_of_code(event: MessageAdded | ModelReplied | ToolCallFinished) -> bool:
    return not isinstance(event, MessageAdded) and is_of_code(event.call)
