"""Where a run stands in its graph: one token a branch, the branches' own messages and calls. Pure, frozen.

A branch is named by the node that fanned out, its visit and the place of the edge's target: `score#1.0`; one within it
`score#1.0/plan#2.1`. The trunk is "", and its messages and calls are the state's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from journeyman.events.events import (
    BranchEnded,
    ContextChanged,
    Decision,
    Failure,
    NodeEntered,
    NodeLeft,
    Path,
    ToolCallFinished,
)
from journeyman.events.messages import JSON, Message
from journeyman.events.open_calls import CallState, ModelCallState

replace = msgspec.structs.replace

# waiting, answered: an approval of the node itself. left: where the token goes from here is not recorded yet.
# ended: the branch waits at a join, or is over.
NodeStatus = Literal["entered", "orphaned", "waiting", "answered", "left", "ended"]
WORKING = ("entered", "orphaned", "waiting", "answered")


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """A token: the node at which a branch stands, and what has come of it so far."""

    path: Path
    call: str = ""
    status: NodeStatus = "entered"
    attempt: int = 1
    failures: int = 0
    child: str | None = None  # the run of the agent that is this node
    replied: bool = False  # its model has replied in this attempt
    failure: Failure | None = None  # its model call failed for good
    approval: str | None = None
    decision: Decision | None = None
    result: JSON = None
    error: Failure | None = None
    edge: int | None = None  # ended: the join at which it waits, as the number of its edge; None: it is over
    # What the node's own code did:
    calls: tuple[CallState, ...] = ()  # open
    model_calls: tuple[ModelCallState, ...] = ()  # open
    outcomes: dict[str, ToolCallFinished | Message] = {}  # of calls that are over; failed ones until it is left

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def under_way(self) -> bool:
        """Does somebody do its work now? Not while it waits for another run or for a human."""
        return self.status == "entered" and self.child is None and all(call.status != "waiting" for call in self.calls)


class BranchState(msgspec.Struct, frozen=True, kw_only=True):
    """A parallel branch: everything of it from the fan-out on."""

    node: NodeState
    messages: tuple[Message, ...] = ()
    calls: tuple[CallState, ...] = ()
    model_call: ModelCallState | None = None
    corrections: int = 0
    patched: dict[str, str] = {}  # context key (scope.key) -> the node that last changed it


class GraphPosition(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens of a run. `branches` holds the parallel branches until their fan-out is joined."""

    node: NodeState | None = None  # the trunk's token
    branches: dict[str, BranchState] = {}
    visits: dict[str, int] = {}  # node -> how often it was entered

    @property
    def nodes(self) -> Iterator[NodeState]:
        """Every token, the trunk's first, then in the order in which the branches began."""
        if self.node is not None:
            yield self.node
        for branch in self.branches.values():
            yield branch.node

    def at(self, branch: str) -> NodeState | None:
        if not branch:
            return self.node
        found = self.branches.get(branch)
        return found.node if found else None

    def children(self, branch: str) -> dict[str, BranchState]:
        """The branches into which this one has fanned out, in their order."""
        return {name: held for name, held in self.branches.items() if parent_of(name) == branch}

    # --- the fold

    def moved(self, node: NodeState) -> GraphPosition:
        """With this token at its branch; a branch that is new begins."""
        name = node.path.branch
        if not name:
            return replace(self, node=node)
        held = self.branches.get(name)
        branch = replace(held, node=node) if held else BranchState(node=node)
        return replace(self, branches={**self.branches, name: branch})

    def entered(self, event: NodeEntered) -> GraphPosition:
        """The token stands at this node: for the first time on this visit, for another attempt, or with its child."""
        path, held = event.path, self.at(event.path.branch)
        if held is None or held.path != path:
            status: NodeStatus = "ended" if path.node == "end" else "entered"
            node = NodeState(path=path, call=event.call, status=status, attempt=event.attempt, child=event.child)
            visits = {**self.visits, path.node: self.visits.get(path.node, 0) + 1}
            return replace(self, visits=visits).moved(node)
        if held.attempt == event.attempt:
            return self.moved(replace(held, child=event.child, status="entered" if event.child else held.status))
        fresh = NodeState(path=path, call=event.call, attempt=event.attempt, child=event.child)
        return self.moved(
            replace(
                fresh,
                failures=held.failures,
                calls=held.calls,
                model_calls=held.model_calls,
                outcomes=held.outcomes,
            )
        )

    def left(self, event: NodeLeft) -> GraphPosition:
        """Its work is over. The first word counts: a child's end and the closing of its parent may overtake."""
        held = self.at(event.path.branch)
        if held is None or held.path != event.path or not held.working:
            return self
        kept = {name: done for name, done in held.outcomes.items() if not _failed(done)}
        return self.moved(
            replace(
                held,
                status="left",
                result=event.result,
                error=event.error,
                failures=held.failures + (event.error is not None),
                outcomes=kept if event.error is not None else {},
            )
        )

    def ended(self, event: BranchEnded) -> GraphPosition:
        held = self.at(event.path.branch)
        return self if held is None else self.moved(replace(held, status="ended", edge=event.edge))

    def joined(self, branch: str, joins: tuple[str, ...]) -> tuple[GraphPosition, tuple[Message, ...]]:
        """The lists of `joins` in that order, and the walk in which they are one: `branch`.

        Joined into their parent, the whole fan-out is over; joined into one of themselves, the others of it go on.
        """
        lists = tuple(message for name in joins if name in self.branches for message in self.branches[name].messages)
        over = set(joins) if branch in joins else {branch}
        gone = {name for name in self.branches if name in joins or any(is_within(name, outer) for outer in over)}
        patched = {key: node for name in gone for key, node in self.branches[name].patched.items()}
        rest = {name: held for name, held in self.branches.items() if name not in gone or name == branch}
        if held := rest.get(branch):
            own = lists if branch in joins else (*held.messages, *lists)
            node = replace(held.node, status="left", edge=None)
            rest[branch] = replace(held, node=node, messages=own, patched={**held.patched, **patched})
        return replace(self, branches=rest), lists

    def patched(self, event: ContextChanged) -> tuple[GraphPosition, Failure | None]:
        """A branch changed the context; a failure if one that runs beside it has changed the same key."""
        path = event.path
        held = self.branches.get(path.branch)
        if held is None:
            return self, None
        keys = dict.fromkeys((f"{event.scope}.{key}" for key in event.patch), path.node)
        branches = {**self.branches, path.branch: replace(held, patched={**held.patched, **keys})}
        for name, other in self.branches.items():
            if is_parallel_to(name, path.branch) and (both := sorted(keys.keys() & other.patched)):
                return replace(self, branches=branches), _conflict(both[0], other.patched[both[0]], path.node)
        return replace(self, branches=branches), None

    def with_calls(self, change: Callable[[CallState], CallState]) -> GraphPosition:
        """With every call of its branches and nodes changed."""

        def changed(node: NodeState) -> NodeState:
            return replace(node, calls=tuple(map(change, node.calls)))

        branches = {
            name: replace(held, node=changed(held.node), calls=tuple(map(change, held.calls)))
            for name, held in self.branches.items()
        }
        return replace(self, node=changed(self.node) if self.node else None, branches=branches)

    def without_children(self) -> GraphPosition:
        """In a fork: the children that are under way work for the run that was forked."""

        def alone(node: NodeState) -> NodeState:
            return replace(node, child=None) if node.working else node

        branches = {name: replace(held, node=alone(held.node)) for name, held in self.branches.items()}
        return replace(self, node=alone(self.node) if self.node else None, branches=branches)

    def orphaned(self) -> GraphPosition:
        """After a take-over: what was under way belongs to nobody. Waits stay open; children are runs themselves."""
        return replace(
            self,
            node=_orphaned(self.node) if self.node else None,
            branches={
                name: replace(
                    held,
                    node=_orphaned(held.node),
                    calls=interrupted_calls(held.calls),
                    model_call=replace(held.model_call, orphaned=True) if held.model_call else None,
                )
                for name, held in self.branches.items()
            },
        )


def parent_of(branch: str) -> str:
    """The branch that fanned out into this one."""
    return branch.rpartition("/")[0]


def joined_into(branch: str, joins: tuple[str, ...]) -> str:
    """The branch in which `joins` become one, as a node is entered in `branch`: that one, its parent, or one of them.

    A join whose edge is a fan-out too enters a new branch, within the one that it joins into.
    """
    if not branch or branch in joins or all(is_within(name, branch) for name in joins):
        return branch
    return parent_of(branch)


def is_within(branch: str, outer: str) -> bool:
    """Did `branch` begin in `outer`, or in a branch of it?"""
    return branch != outer and (not outer or branch.startswith(f"{outer}/"))


def is_parallel_to(branch: str, other: str) -> bool:
    """Do both run at the same time?"""
    return branch != other and not is_within(branch, other) and not is_within(other, branch)


def with_call(calls: Iterable[CallState], name: str, **changes: Any) -> tuple[CallState, ...]:
    return tuple(replace(call, **changes) if call.call == name else call for call in calls)


def interrupted_calls(calls: tuple[CallState, ...]) -> tuple[CallState, ...]:
    return tuple(replace(call, status="orphaned") if call.status == "started" else call for call in calls)


def _orphaned(node: NodeState) -> NodeState:
    return replace(
        node,
        status="orphaned" if node.status == "entered" and node.child is None else node.status,
        calls=interrupted_calls(node.calls),
        model_calls=tuple(replace(call, orphaned=True) for call in node.model_calls),
    )


def _failed(outcome: ToolCallFinished | Message) -> bool:
    return isinstance(outcome, ToolCallFinished) and outcome.error is not None


def _conflict(key: str, first: str, second: str) -> Failure:
    scope, _, name = key.partition(".")
    return Failure(
        "context_conflict",
        f"The nodes {first} and {second} run beside each other, and both changed {name!r} of the {scope} context."
        " Give each a key of its own, or let one run after the other.",
    )
