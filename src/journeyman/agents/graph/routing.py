"""Where tokens go: along edges, into branches, through joins. Pure."""

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

Moved = tuple[Action, ...]
BREAKER_OPEN = "circuit_open"  # how the codes of refused calls end


class Routing:
    """The moves of one decision. Several branches move at once, so visits are counted on."""

    def __init__(self, graph: Graph, state: AgentState) -> None:
        self._graph = graph
        self._state = state
        self._visits: dict[str, int] = {}

    def enter(self, branch: str, target: str, joins: tuple[str, ...] = ()) -> EnterNode:
        before = self._visits.get(target)
        visit = (self._state.walk.visits.get(target, 0) if before is None else before) + 1
        self._visits[target] = visit
        return EnterNode(call=f"{target}#{visit}", joins=joins, path=Path(branch, target, visit))

    # --- from a node that was left

    def onward(self, node: NodeState) -> Moved:
        """Where the token goes; nothing: the trunk is at its end."""
        spec = self._graph.nodes[node.path.node].spec
        if node.error is not None:
            return self._after_error(spec, node, node.error)
        reply = assistant(node.result) if node.child is not None and isinstance(node.result, str) else None
        try:
            way = self._way(node, reply)
        except ConditionError as exc:
            return self._failed(spec, node, Failure(exc.code, exc.message))
        if way is None:
            return self._failed(spec, node, Failure("no_edge", f"No edge that leaves the node {spec.name} matches."))
        moved = self._along(way, node)
        if reply is None:
            return moved
        said = AddMessage(message=reply, correction=False, path=node.path)
        return (said, *(moved or (self.enter("", END),)))  # that the trunk has moved must be seen, or it says it again

    def _way(self, node: NodeState, reply: Message | None) -> CompiledEdge | None:
        ways = self._graph.ways(node.path.node)
        if ways and ways[0].when is None:
            return ways[0]
        messages = self._state.in_branch(node.path.branch).messages
        last = reply or (messages[-1] if messages else None)
        seen = condition_view(self._state, last, node.result, self._state.walk.visits)
        return next((way for way in ways if way.when is None or way.when.holds(seen)), None)

    def _after_error(self, spec: NodeSpec, node: NodeState, error: Failure) -> Moved:
        if spec.on_unavailable is not None and error.code.endswith(BREAKER_OPEN):
            return (self.enter(node.path.branch, spec.on_unavailable),)
        if node.failures <= spec.retry:
            return (EnterNode(call=node.call, attempt=node.attempt + 1, path=node.path),)
        return self._failed(spec, node, error)

    def _failed(self, spec: NodeSpec, node: NodeState, error: Failure) -> Moved:
        if spec.on_error is not None:
            return (self.enter(node.path.branch, spec.on_error),)
        return (Finish(failure=error),)

    def _along(self, way: CompiledEdge, node: NodeState) -> Moved:
        branch, edge = node.path.branch, way.edge
        if branch and len(edge.origins) > 1:
            to = ", ".join(edge.targets)
            return (*self._skipped(branch), EndBranch(to=to, edge=way.number, path=node.path))
        if edge.targets != (END,):
            return self._into(edge, branch, node.call)
        return (*self._skipped(branch), EndBranch(path=node.path)) if branch else ()

    def _into(self, edge: EdgeSpec, branch: str, call: str, joins: tuple[str, ...] = ()) -> Moved:
        """To the edge's target in this branch; to several, each in a branch of its own."""
        if len(edge.targets) == 1:
            return (self.enter(branch, edge.targets[0], joins),)
        within = f"{branch}/{call}" if branch else call
        entered = [
            self.enter(f"{within}.{index}", target, () if index else joins) for index, target in enumerate(edge.targets)
        ]
        return (*self._skipped(branch), *entered)

    def _skipped(self, branch: str) -> Moved:
        """The calls that a model asked for and no tools node ran: a message that asks must not stay unanswered."""
        calls = self._state.in_branch(branch).calls
        return tuple(skipped(call) for call in calls if call.status == "asked")

    # --- from branches that are over

    def together(self, branch: str, parts: dict[str, BranchState]) -> Moved:
        """Where a branch goes on, all of whose parts have come to their end; nothing: the trunk is at its end."""
        held = self._state.walk.at(branch)
        joins = sorted({part.node.edge for part in parts.values() if part.node.edge is not None})
        if not joins:
            return (EndBranch(path=held.path),) if branch and held is not None else ()
        edge = self._graph.edges[joins[0]]
        arrived = _in_order(edge, {name: part for name, part in parts.items() if part.node.edge == joins[0]})
        first = parts[arrived[0]].node
        into = branch if len(joins) == 1 else arrived[0]
        return self._into(edge, into, first.call, tuple(arrived))


def _in_order(edge: EdgeSpec, parts: dict[str, BranchState]) -> Sequence[str]:
    """The branches in the order in which the edge names the nodes that they come from."""
    return sorted(parts, key=lambda name: edge.origins.index(parts[name].node.path.node))
