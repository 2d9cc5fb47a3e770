"""Decides where tokens go: along edges, into branches and through joins. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.agents.conditions import ConditionError
from journeyman.agents.decision import Action, AddMessage, EndBranch, EnterNode, Finish
from journeyman.agents.graph.compiled import CompiledEdge, Graph
from journeyman.agents.graph.edge_conditions import condition_view
from journeyman.agents.graph.flow_checks import END
from journeyman.agents.spec import EdgeSpec, NodeSpec
from journeyman.agents.tool_calls import skipped
from journeyman.events.events import Failure, Path
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import BranchState, NodeState
from journeyman.events.messages import Message, assistant

APPROVAL_DENIED = "approval_denied"
DENIED = "denied"  # why a run ended that a human did not let go on
Moves = tuple[Action, ...]
BREAKER_OPEN = "circuit_open"  # end of the codes of calls that an open circuit breaker rejected


class Routing:
    """The moves of one decision. Several branches may move at once, so it counts the visits that it adds."""

    def __init__(self, graph: Graph, state: AgentState) -> None:
        self._graph = graph
        self._state = state
        self._visits: dict[str, int] = {}

    def enter(self, branch: str, target: str, joins: tuple[str, ...] = ()) -> EnterNode:
        """Return the move of the token of `branch` to the node `target`."""
        before = self._visits.get(target)
        visit = (self._state.walk.visits.get(target, 0) if before is None else before) + 1
        self._visits[target] = visit
        return EnterNode(call=f"{target}#{visit}", joins=joins, path=Path(branch, target, visit))

    # --- from a node

    def after_node(self, node: NodeState) -> Moves:
        """Return the moves from a node that was left. Empty: the main branch has ended."""
        spec = self._graph.nodes[node.path.node].spec
        if node.error is not None:
            return self._after_error(spec, node, node.error)
        reply = assistant(node.result) if node.child is not None and isinstance(node.result, str) else None
        try:
            edge = self._matching_edge(node, reply)
        except ConditionError as exc:
            return self._failed(spec, node, Failure(exc.code, exc.message))
        if edge is None:
            return self._failed(spec, node, Failure("no_edge", f"No edge that leaves the node {spec.name} matches."))
        moves = self._along(edge, node)
        if reply is None:
            return moves
        message = AddMessage(message=reply, correction=False, path=node.path)
        # The main branch moves even to the end: the next decision must see that the message was added.
        return (message, *(moves or (self.enter("", END),)))

    def _matching_edge(self, node: NodeState, reply: Message | None) -> CompiledEdge | None:
        edges = self._graph.edges_from(node.path.node)
        if edges and edges[0].when is None:
            return edges[0]
        messages = self._state.in_branch(node.path.branch).messages
        last = reply or (messages[-1] if messages else None)
        view = condition_view(self._state, last, node.result, self._state.walk.visits)
        return next((edge for edge in edges if edge.when is None or edge.when.holds(view)), None)

    def _after_error(self, spec: NodeSpec, node: NodeState, error: Failure) -> Moves:
        if spec.on_unavailable is not None and error.code.endswith(BREAKER_OPEN):
            return (self.enter(node.path.branch, spec.on_unavailable),)
        if node.failures <= spec.retry:
            return (EnterNode(call=node.call, attempt=node.attempt + 1, path=node.path),)
        return self._failed(spec, node, error)

    def _failed(self, spec: NodeSpec, node: NodeState, error: Failure) -> Moves:
        if spec.on_error is not None:
            return (self.enter(node.path.branch, spec.on_error),)
        if error.code == APPROVAL_DENIED:
            return (Finish(output=error.message, stopped_by=DENIED),)
        return (Finish(failure=error),)

    def _along(self, compiled: CompiledEdge, node: NodeState) -> Moves:
        branch, edge = node.path.branch, compiled.edge
        if branch and len(edge.origins) > 1:
            to = ", ".join(edge.targets)
            return (*self.skipped_calls(branch), EndBranch(to=to, edge=compiled.number, path=node.path))
        if edge.targets != (END,):
            return self._into(edge, branch, node.call)
        return (*self.skipped_calls(branch), EndBranch(path=node.path)) if branch else ()

    def _into(self, edge: EdgeSpec, branch: str, call: str, joins: tuple[str, ...] = ()) -> Moves:
        """Return the move to the edge's target in this branch, or to several targets, each in a new branch."""
        if len(edge.targets) == 1:
            return (self.enter(branch, edge.targets[0], joins),)
        within = f"{branch}/{call}" if branch else call
        entered = [
            self.enter(f"{within}.{index}", target, () if index else joins) for index, target in enumerate(edge.targets)
        ]
        return (*self.skipped_calls(branch), *entered)

    def skipped_calls(self, branch: str) -> Moves:
        """Close the calls that no tools node has run, since each call of a reply must have an answer."""
        calls = self._state.in_branch(branch).calls
        return tuple(skipped(call) for call in calls if call.status == "asked")

    # --- from branches

    def after_parts(self, branch: str, parts: dict[str, BranchState]) -> Moves:
        """Return the moves of a branch whose parts have all ended. Empty: the main branch has ended."""
        token = self._state.walk.at(branch)
        joins = sorted({part.node.edge for part in parts.values() if part.node.edge is not None})
        if not joins:
            return (EndBranch(path=token.path),) if branch and token is not None else ()
        edge = self._graph.edges[joins[0]]
        arrived = _in_order(edge, {name: part for name, part in parts.items() if part.node.edge == joins[0]})
        first = parts[arrived[0]].node
        into = branch if len(joins) == 1 else arrived[0]
        return self._into(edge, into, first.call, tuple(arrived))


def _in_order(edge: EdgeSpec, parts: dict[str, BranchState]) -> Sequence[str]:
    """Return the branches in the order of their last nodes in the edge's `from`."""
    return sorted(parts, key=lambda name: edge.origins.index(parts[name].node.path.node))
