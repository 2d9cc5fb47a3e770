"""Which messages of a run's parallel branches stand in its trunk after a join, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.codec import Entry
from journeyman.events.events import MessageAdded, ModelReplied, NodeEntered, ToolCallFinished
from journeyman.events.graph_position import is_within, joined_into
from journeyman.events.node_steps import is_of_code

SPEAKING = ("message_added", "model_replied", "tool_call_finished", "node_entered")


def is_of_trunk(event: MessageAdded | ModelReplied | ToolCallFinished) -> bool:
    """Does the event's message stand in the thread as soon as it is there?

    One of a parallel branch does when it is joined; one of a node's own code never does.
    """
    if not event.path.node:
        return True
    return not event.path.branch and not _of_code(event)


def joined_seqs(entries: Iterable[Entry], last: int) -> list[int]:
    """The seqs of the messages that the join at seq `last` brings into the trunk. `entries`: of the run, in order."""
    lists: dict[str, list[int]] = {}
    for entry in entries:
        event = entry.event if entry.type in SPEAKING else None
        match event:
            case MessageAdded() | ModelReplied() | ToolCallFinished() if event.path.branch and not _of_code(event):
                lists.setdefault(event.path.branch, []).append(entry.seq)
            case NodeEntered(joins=joins) if joins:
                joined = _join(lists, event)
                if entry.seq == last:
                    return joined
            case _:
                pass
    return []


def _join(lists: dict[str, list[int]], event: NodeEntered) -> list[int]:
    into = joined_into(event.path.branch, event.joins)
    joined = [seq for name in event.joins for seq in lists.get(name, ())]
    over = event.joins if into in event.joins else (into,)
    own = [] if into in event.joins else lists.get(into, [])
    for name in [name for name in lists if name in event.joins or any(is_within(name, outer) for outer in over)]:
        del lists[name]
    lists[into] = [*own, *joined]
    return joined


def _of_code(event: MessageAdded | ModelReplied | ToolCallFinished) -> bool:
    return not isinstance(event, MessageAdded) and is_of_code(event.call)
