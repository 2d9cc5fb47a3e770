"""The agent that walks a graph: each token's node decides what it does, and where the token goes when it is done."""

from __future__ import annotations

from journeyman.agents.agent import BaseAgent, OutputCheck
from journeyman.agents.decision import (
    Action,
    AskHuman,
    AwaitChild,
    CallModel,
    EnterNode,
    Finish,
    LeaveNode,
    NodeWork,
    ReachLimit,
    RunNode,
)
from journeyman.agents.graph.compiled import CompiledNode, Graph, Render
from journeyman.agents.graph.routing import Routing
from journeyman.agents.history_summary import summary_action
from journeyman.agents.history_window import context_window
from journeyman.agents.limits import exceeded
from journeyman.agents.repetition import loop_actions
from journeyman.agents.spec import AgentSpec
from journeyman.agents.tool_calls import next_action, reject_unavailable, skipped
from journeyman.agents.toolset import Toolset
from journeyman.errors import BaseError
from journeyman.events.events import Failure, Path
from journeyman.events.fold import AgentState, replace
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import system
from journeyman.events.model_request import ModelRequest
from journeyman.events.open_calls import CallState

ENTRIES_A_STEP = 10  # nodes that may be entered for each of `limits.steps`: ends loops that call no model
Decided = tuple[Action, ...]


class GraphAgent(BaseAgent):
    """Follows `graph`: one token in the trunk, one in each parallel branch."""

    type = "custom_react_agent"

    def __init__(
        self,
        spec: AgentSpec,
        tools: Toolset,
        render: Render,
        check_output: OutputCheck | None = None,
        *,
        graph: Graph,
    ) -> None:
        super().__init__(spec, tools, render, check_output)
        self.graph = graph

    def decide(self, state: AgentState) -> Decided:
        if state.failure is not None:
            return (Finish(failure=state.failure),)
        if state.limit is not None:
            return (Finish(output=_answer(state), stopped_by=state.limit.limit),)
        decided = _Decision(self, state).all()
        if any(type(action) is EnterNode for action in decided) and self._too_many(state):
            return (ReachLimit(limit="steps", value=self.spec.limits.steps),)
        return decided

    def _too_many(self, state: AgentState) -> bool:
        return sum(state.walk.visits.values()) >= self.spec.limits.steps * ENTRIES_A_STEP

    def conclude(self, state: AgentState) -> Finish:
        """The trunk is at its end: the last that a model said in it is the answer."""
        text = _answer(state)
        problem = self._check_output(text) if self._check_output else None
        if problem is not None:
            return Finish(failure=Failure("output_invalid", f"The answer does not fit the output schema: {problem}"))
        return Finish(output=text)

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        node, view = self.graph.nodes[path.node], state.in_branch(path.branch)
        first_no, messages = context_window(view, self.spec.history)
        prompt, model, output = node.render(view), node.settings, self.spec.output
        return first_no, ModelRequest(
            model=node.model,
            messages=(system(prompt), *messages) if prompt else messages,
            tools=node.tools,
            temperature=model.temperature,
            max_tokens=model.max_tokens,
            response_schema=output.schema if output and self.graph.is_last(path.node) else None,
            extra=model.extra,
            timeout_seconds=model.timeout_seconds,
            fallbacks=model.fallbacks,
        )

    def node_work(self, path: Path) -> NodeWork:
        return self.graph.nodes[path.node].work or super().node_work(path)


class _Decision:
    """One decision: what each token's node may start now. Model calls are counted on, since branches decide at once."""

    def __init__(self, agent: GraphAgent, state: AgentState) -> None:
        self._agent = agent
        self._graph = agent.graph
        self._state = state
        self._moves = Routing(agent.graph, state)
        self._asked = 0

    def all(self) -> Decided:
        walk = self._state.walk
        if walk.node is None:
            return (self._moves.enter("", self._graph.start),)
        if not walk.branches:
            return self._of(walk.node) or ((self._agent.conclude(self._state),) if _is_over(walk.node) else ())
        decided: list[Action] = []
        for node in tuple(walk.nodes):
            decided += self._in_branches(node)
        return tuple(decided)

    def _in_branches(self, node: NodeState) -> Decided:
        name = node.path.branch
        parts = self._state.walk.children(name)
        if not parts:
            return self._of(node)
        if node.status == "ended" or any(part.node.status != "ended" for part in parts.values()):
            return ()
        moved = self._moves.together(name, parts)
        return moved or (self._agent.conclude(self._state),)

    def _of(self, node: NodeState) -> Decided:
        if node.status == "left":
            return self._moves.onward(node)
        if not node.working:
            return ()
        compiled = self._graph.nodes[node.path.node]
        match compiled.spec.type:
            case "llm":
                return self._llm(node, compiled)
            case "tools":
                return self._tools(node)
            case "approval":
                return self._approval(node, compiled)
            case "agent":
                return self._child(node, compiled)
            case _:
                return self._code(node, compiled)

    # --- the types

    def _llm(self, node: NodeState, compiled: CompiledNode) -> Decided:
        if node.replied or node.failure is not None:
            return (_leave(node, failure=node.failure),)
        view = self._state.in_branch(node.path.branch)
        if (call := view.model_call) is not None:
            return (self._ask(call.call, call.attempt + 1, node, compiled),) if call.orphaned else ()
        if limit := self._limit(replace(view, calls=())):
            return (limit,)
        if summary := summary_action(view, self._agent.spec, self._agent.model):
            return (summary,)
        self._asked += 1
        asked = self._ask(f"m{view.model_calls + self._asked}", 1, node, compiled)
        return (*(skipped(call) for call in view.calls if call.status == "asked"), asked)

    @staticmethod
    def _ask(call: str, attempt: int, node: NodeState, compiled: CompiledNode) -> CallModel:
        return CallModel(
            call=call,
            attempt=attempt,
            path=node.path,
            model=compiled.settings.name,
            timeout_seconds=compiled.spec.timeout_seconds,
        )

    def _limit(self, view: AgentState) -> ReachLimit | None:
        counted = replace(view, model_calls=view.model_calls + self._asked) if self._asked else view
        return exceeded(counted, self._agent.spec.limits)

    def _tools(self, node: NodeState) -> Decided:
        view = self._state.in_branch(node.path.branch)
        if not view.calls:
            return (_leave(node),)
        if limit := self._limit(view):
            return (limit,)
        here = [replace(call, path=node.path) for call in view.calls]
        if again := loop_actions(view, here, self._agent.spec.limits):
            return again
        actions = (self._run(call, node, view) for call in view.calls)
        return tuple(action for action in actions if action is not None)

    def _run(self, call: CallState, node: NodeState, view: AgentState) -> Action | None:
        """As its policy says; refused if the node that asked for it was not offered the tool."""
        here = replace(call, path=node.path)
        asker = self._graph.nodes.get(call.path.node)
        if call.status == "asked" and asker is not None and not asker.offers(call.tool):
            return reject_unavailable(here, asker.tools)
        return next_action(here, view, self._agent.tools)

    def _approval(self, node: NodeState, compiled: CompiledNode) -> Decided:
        if node.status == "waiting":
            return ()
        if node.status != "answered":
            return (self._question(node, compiled),)
        denied = Failure("approval_denied", f"A human said no at the node {node.path.node}.")
        return (_leave(node, "approve") if node.decision == "approve" else _leave(node, failure=denied),)

    def _question(self, node: NodeState, compiled: CompiledNode) -> Action:
        try:
            message = compiled.render(self._state.in_branch(node.path.branch))
        except BaseError as exc:  # the template names what the context does not have
            return _leave(node, failure=Failure(exc.code, exc.message))
        return _ask_human(node, message)

    def _child(self, node: NodeState, compiled: CompiledNode) -> Decided:
        held = next((child for child in self._state.children if child.call == node.call), None)
        if held is not None and held.attempt == node.attempt:  # an orphaned one belongs to the run before a fork
            again = EnterNode(call=node.call, attempt=node.attempt + 1, path=node.path)
            return (again,) if held.status == "orphaned" else ()
        if limit := self._limit(self._state.in_branch(node.path.branch)):
            return (limit,)
        messages = self._state.in_branch(node.path.branch).messages
        text = next((message.text for message in reversed(messages) if message.text), "")
        return (
            AwaitChild(call=node.call, agent=compiled.spec.agent, input=text, attempt=node.attempt, path=node.path),
        )

    def _code(self, node: NodeState, compiled: CompiledNode) -> Decided:
        if any(call.status == "waiting" for call in node.calls):
            return ()
        if node.status == "orphaned":
            return (EnterNode(call=node.call, attempt=node.attempt + 1, path=node.path),)
        timeout = compiled.spec.timeout_seconds
        return (RunNode(call=node.call, attempt=node.attempt, timeout_seconds=timeout, path=node.path),)


def _leave(node: NodeState, result: str | None = None, failure: Failure | None = None) -> LeaveNode:
    return LeaveNode(call=node.call, attempt=node.attempt, result=result, failure=failure, path=node.path)


def _ask_human(node: NodeState, message: str) -> AskHuman:
    return AskHuman(
        call=node.call,
        kind="node",
        tool="",
        arguments={},
        message=message,
        args_hash="",
        decisions=("approve", "deny"),
        path=node.path,
    )


def _is_over(node: NodeState) -> bool:
    return node.status in ("left", "ended")


def _answer(state: AgentState) -> str:
    reply = state.last_reply
    return reply.text if reply else ""
