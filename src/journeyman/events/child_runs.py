"""Child runs: the runs of other agents that a run has started and waits for. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import ROOT, Failure, NodeEntered, NodeLeft, Path
from journeyman.events.messages import JSON

replace = msgspec.structs.replace

# orphaned: the child belongs to the run from which this one was forked
ChildStatus = Literal["open", "orphaned", "finished", "failed"]


class ChildState(msgspec.Struct, frozen=True, kw_only=True):
    """The child run of one step. A later attempt of the step replaces it."""

    call: str
    agent: str
    run_id: str | None = None  # None: it was not started
    attempt: int = 1
    status: ChildStatus = "open"
    result: JSON = None  # its answer
    failure: Failure | None = None
    path: Path = ROOT


Children = tuple[ChildState, ...]


def child_entered(children: Children, event: NodeEntered) -> Children:
    """Return the children after the start of a node, with a new one if the node is an agent."""
    if event.agent is None:
        return children
    child = ChildState(call=event.call, agent=event.agent, run_id=event.child, attempt=event.attempt, path=event.path)
    return (*(other for other in children if other.call != event.call), child)


def children_of_call(children: Children, event: NodeLeft) -> ChildState | None:
    """Return the child that ended. Returns None if there is none, or its end was recorded before.

    A child's own end and the end of its parent may both be recorded: the first one counts.
    """
    for child in children:
        if (child.call, child.attempt, child.status) == (event.call, event.attempt, "open"):
            return child
    return None


def child_left(children: Children, event: NodeLeft) -> Children:
    """Return the children after the end of a node."""
    ended = children_of_call(children, event)
    if ended is None:
        return children
    status: ChildStatus = "failed" if event.error else "finished"
    done = replace(ended, status=status, result=event.result, failure=event.error)
    return tuple(done if child is ended else child for child in children)


def interrupted_children(children: Children) -> Children:
    """Return the children as a fork sees them: open ones belong to the parent run."""
    return tuple(replace(child, status="orphaned") if child.status == "open" else child for child in children)
