"""The position of a run in its graph: the current node, messages and calls of each branch. Pure.

A branch is named by the node that fanned out, its visit, and the number of the target among the edge's targets:
`score#1.0`. A branch within that branch is named `score#1.0/plan#2.1`. The main branch is named "": its messages and
calls are those of the AgentState.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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

# waiting, answered: an approval of the node itself. left: the next node is not recorded yet.
# ended: the branch waits at a join, or has ended.
NodeStatus = Literal["entered", "orphaned", "waiting", "answered", "left", "ended"]
CONTEXT_CONFLICT = "context_conflict"  # code of the failure of branches that change the same key
WORKING = ("entered", "orphaned", "waiting", "answered")


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """The current node of a branch and what it has done so far."""

    path: Path
    call: str = ""
    status: NodeStatus = "entered"
    attempt: int = 1
    failures: int = 0
    child: str | None = None  # the run of the agent that is this node
    replied: bool = False  # whether its model has replied in this attempt
    empty_reply: bool = False  # whether its model replied with nothing in this attempt, and is asked once more
    failure: Failure | None = None  # the final failure of its model call
    approval: str | None = None
    decision: Decision | None = None
    result: JSON = None
    error: Failure | None = None
    answer: str | None = None  # left: the answer with which it ends the run
    edge: int | None = None  # ended: the number of the edge of the join at which it waits; None: the branch is over
    # Calls of the node's own code:
    calls: tuple[CallState, ...] = ()  # open
    model_calls: tuple[ModelCallState, ...] = ()  # open
    outcomes: dict[str, ToolCallFinished | Message] = {}  # of finished calls; another attempt forgets the failed ones

    @property
    def working(self) -> bool:
        """Whether the node has not been left."""
        return self.status in WORKING

    @property
    def under_way(self) -> bool:
        """Whether its work is being done now: it does not wait for another run or a human."""
        return self.status == "entered" and self.child is None and all(call.status != "waiting" for call in self.calls)


class BranchState(msgspec.Struct, frozen=True, kw_only=True):
    """A parallel branch, with everything that happened in it since the fan-out."""

    node: NodeState
    messages: tuple[Message, ...] = ()
    calls: tuple[CallState, ...] = ()
    model_call: ModelCallState | None = None
    corrections: int = 0
    patched: dict[str, str] = {}  # context key (scope.key) -> the node that last changed it
    before: dict[str, JSON] = {}  # key of the thread's context -> its value before the change; None: it had none


class GraphPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The current nodes of a run. `branches` holds the parallel branches until their fan-out is joined."""

    node: NodeState | None = None  # of the main branch; None: the run has not entered its graph, or has none
    branches: dict[str, BranchState] = {}
    visits: dict[str, int] = {}  # node -> how often it was entered

    @property
    def nodes(self) -> Iterator[NodeState]:
        """The current node of the main branch, then those of the other branches, in order of their start."""
        if self.node is not None:
            yield self.node
        for branch in self.branches.values():
            yield branch.node

    def at(self, branch: str) -> NodeState | None:
        """Return the current node of a branch. Returns None if the branch has not started, or was joined."""
        if not branch:
            return self.node
        found = self.branches.get(branch)
        return found.node if found else None

    def children(self, branch: str) -> dict[str, BranchState]:
        """Return the branches into which a branch has fanned out, in order."""
        return {name: state for name, state in self.branches.items() if parent_of(name) == branch}

    # --- the fold

    def with_node(self, node: NodeState) -> GraphPosition:
        """Return the position with `node` as the current node of its branch, which may be a new branch."""
        name = node.path.branch
        if not name:
            return replace(self, node=node)
        old = self.branches.get(name)
        branch = replace(old, node=node) if old else BranchState(node=node)
        return replace(self, branches={**self.branches, name: branch})

    def entered(self, event: NodeEntered) -> GraphPosition:
        """Return the position after a node was entered: on a new visit, for another attempt, or with its child run."""
        path, current = event.path, self.at(event.path.branch)
        if current is None or current.path != path:
            status: NodeStatus = "ended" if path.node == "end" else "entered"
            node = NodeState(path=path, call=event.call, status=status, attempt=event.attempt, child=event.child)
            visits = {**self.visits, path.node: self.visits.get(path.node, 0) + 1}
            return replace(self, visits=visits).with_node(node)
        if current.attempt == event.attempt:
            return self.with_node(
                replace(current, child=event.child, status="entered" if event.child else current.status)
            )
        return self.with_node(
            NodeState(
                path=path,
                call=event.call,
                attempt=event.attempt,
                child=event.child,
                failures=current.failures,
                calls=current.calls,
                model_calls=current.model_calls,
                outcomes=current.outcomes,
            )
        )

    def left(self, event: NodeLeft) -> GraphPosition:
        """Return the position after a node's work was done.

        A child's end and the end of its parent may both be recorded: the first one counts.
        """
        current = self.at(event.path.branch)
        if current is None or current.path != event.path or not current.working:
            return self
        succeeded = {name: outcome for name, outcome in current.outcomes.items() if not _failed(outcome)}
        return self.with_node(
            replace(
                current,
                status="left",
                result=event.result,
                error=event.error,
                answer=event.answer,
                failures=current.failures + (event.error is not None),
                outcomes=succeeded if event.error is not None else {},
            )
        )

    def ended(self, event: BranchEnded) -> GraphPosition:
        """Return the position after the end of a branch."""
        current = self.at(event.path.branch)
        return self if current is None else self.with_node(replace(current, status="ended", edge=event.edge))

    def joined(self, branch: str, joins: tuple[str, ...]) -> tuple[GraphPosition, tuple[Message, ...]]:
        """Merge the branches `joins` into `branch`. Returns the new position and the branches' messages, in that order.

        If they join into their parent, the fan-out is complete. If into one of themselves, its other branches continue.
        """
        joined = [self.branches[name] for name in joins if name in self.branches]
        messages = tuple(message for each in joined for message in each.messages)
        ended = set(joins) if branch in joins else {branch}
        gone = {name for name in self.branches if name in joins or any(is_within(name, outer) for outer in ended)}
        patched = {key: node for name in gone for key, node in self.branches[name].patched.items()}
        before = {key: value for name in gone for key, value in self.branches[name].before.items()}
        branches = {name: state for name, state in self.branches.items() if name not in gone or name == branch}
        if merged := branches.get(branch):
            own = messages if branch in joins else (*merged.messages, *messages)
            node = replace(merged.node, status="left", edge=None)
            both = {"patched": {**merged.patched, **patched}, "before": {**before, **merged.before}}
            branches[branch] = replace(merged, node=node, messages=own, **both)
        return replace(self, branches=branches), messages

    @property
    def context_before(self) -> dict[str, JSON]:
        """Keys of the thread's context that the branches changed, as they were before. None: the key was not there."""
        return {key: value for branch in self.branches.values() for key, value in branch.before.items()}

    def patched(self, event: ContextChanged, context: Mapping[str, JSON]) -> tuple[GraphPosition, Failure | None]:
        """Return the position after a branch changed a context. `context` is the thread's before the change.

        Also returns a failure if a parallel branch has changed the same key.
        """
        path = event.path
        branch = self.branches.get(path.branch)
        if branch is None:
            return self, None
        keys = dict.fromkeys((f"{event.scope}.{key}" for key in event.patch), path.node)
        known = self.context_before
        new = {key: known.get(key, context.get(key)) for key in event.patch} if event.scope == "thread" else {}
        changed = replace(branch, patched={**branch.patched, **keys}, before={**new, **branch.before})
        position = replace(self, branches={**self.branches, path.branch: changed})
        for name, other in self.branches.items():
            if is_parallel_to(name, path.branch) and (conflicts := sorted(keys.keys() & other.patched)):
                return position, _conflict(conflicts[0], other.patched[conflicts[0]], path.node)
        return position, None

    def with_calls(self, change: Callable[[CallState], CallState]) -> GraphPosition:
        """Return the position with every call of its branches and nodes changed."""

        def changed(node: NodeState) -> NodeState:
            return replace(node, calls=tuple(map(change, node.calls)))

        branches = {
            name: replace(branch, node=changed(branch.node), calls=tuple(map(change, branch.calls)))
            for name, branch in self.branches.items()
        }
        return replace(self, node=changed(self.node) if self.node else None, branches=branches)

    def without_children(self) -> GraphPosition:
        """Return the position as a fork sees it: child runs that are under way belong to the parent run."""

        def childless(node: NodeState) -> NodeState:
            return replace(node, child=None) if node.working else node

        branches = {name: replace(branch, node=childless(branch.node)) for name, branch in self.branches.items()}
        return replace(self, node=childless(self.node) if self.node else None, branches=branches)

    def orphaned(self) -> GraphPosition:
        """Return the position after a take-over: work that was under way is orphaned.

        Approvals stay open, and child runs are taken over themselves.
        """
        return replace(
            self,
            node=_orphaned(self.node) if self.node else None,
            branches={
                name: replace(
                    branch,
                    node=_orphaned(branch.node),
                    calls=interrupted_calls(branch.calls),
                    model_call=replace(branch.model_call, orphaned=True) if branch.model_call else None,
                )
                for name, branch in self.branches.items()
            },
        )


def parent_of(branch: str) -> str:
    """Return the branch that fanned out into this one."""
    return branch.rpartition("/")[0]


def joined_into(branch: str, joins: tuple[str, ...]) -> str:
    """Return the branch into which `joins` are merged when a node is entered in `branch`.

    It is `branch` itself or its parent: if the join's edge is a fan-out too, the node is entered in a new branch within
    the merged one.
    """
    if not branch or branch in joins or all(is_within(name, branch) for name in joins):
        return branch
    return parent_of(branch)


def is_within(branch: str, outer: str) -> bool:
    """Return whether `branch` began in `outer`, or in a branch within it."""
    return branch != outer and (not outer or branch.startswith(f"{outer}/"))


def is_parallel_to(branch: str, other: str) -> bool:
    """Return whether two branches run at the same time."""
    return branch != other and not is_within(branch, other) and not is_within(other, branch)


def with_call(calls: tuple[CallState, ...], name: str, **changes: Any) -> tuple[CallState, ...]:
    """Return the calls, with the named one changed."""
    place = place_of(calls, name)
    return calls if place is None else (*calls[:place], replace(calls[place], **changes), *calls[place + 1 :])


def place_of(calls: Sequence[CallState], name: str) -> int | None:
    """Return the index of the named call, or None. The name of a call of a reply ends with it (`m2.17`).

    A reply may have thousands of calls, and each of their events asks.
    """
    digits = name.rpartition(".")[2]
    if digits.isdecimal() and (place := int(digits)) < len(calls) and calls[place].call == name:
        return place
    return next((place for place, call in enumerate(calls) if call.call == name), None)


def interrupted_calls(calls: tuple[CallState, ...]) -> tuple[CallState, ...]:
    """Return the calls, with those that were running marked as orphaned."""
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
        CONTEXT_CONFLICT,
        f"The nodes {first} and {second} run beside each other, and both changed {name!r} of the {scope} context."
        " Give each a key of its own, or let one run after the other.",
    )
