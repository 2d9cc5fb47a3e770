"""The runs of other agents that a run has started and waits for: its children. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import ROOT, Failure, NodeEntered, NodeLeft, Path
from journeyman.events.messages import JSON

replace = msgspec.structs.replace

# orphaned: the child belongs to the run that this one was forked from
ChildStatus = Literal["open", "orphaned", "finished", "failed"]


class ChildState(msgspec.Struct, frozen=True, kw_only=True):
    """The child of one step; a later attempt takes its place."""

    call: str
    agent: str
    run_id: str | None = None  # None: it was refused
    attempt: int = 1
    status: ChildStatus = "open"
    result: JSON = None  # the text that it answered
    failure: Failure | None = None
    path: Path = ROOT


Children = tuple[ChildState, ...]


def child_entered(children: Children, event: NodeEntered) -> Children:
    """With the child that this event starts, if the node is an agent."""
    if event.agent is None:
        return children
    child = ChildState(call=event.call, agent=event.agent, run_id=event.child, attempt=event.attempt, path=event.path)
    return (*(other for other in children if other.call != event.call), child)


def children_of_call(children: Children, event: NodeLeft) -> ChildState | None:
    """The child whose end this is. The first word counts: a child's end and the closing of its parent may meet."""
    for child in children:
        if (child.call, child.attempt, child.status) == (event.call, event.attempt, "open"):
            return child
    return None


def child_left(children: Children, event: NodeLeft) -> Children:
    over = children_of_call(children, event)
    if over is None:
        return children
    status: ChildStatus = "failed" if event.error else "finished"
    done = replace(over, status=status, result=event.result, failure=event.error)
    return tuple(done if child is over else child for child in children)


def interrupted_children(children: Children) -> Children:
    """In a fork: who is open works for the run that was forked."""
    return tuple(replace(child, status="orphaned") if child.status == "open" else child for child in children)
