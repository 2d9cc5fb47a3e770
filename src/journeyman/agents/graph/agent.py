"""GraphAgent: for each token in the graph, its node decides what to do, then its edges decide where the token goes."""

from __future__ import annotations

from journeyman.agents.agent import BaseAgent, OutputCheck
from journeyman.agents.decision import (
    Action,
    AddMessage,
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
from journeyman.agents.last_answer import finish_at_limit, last_actions
from journeyman.agents.limits import exceeded, reached_action
from journeyman.agents.model_request import model_request
from journeyman.agents.raised_limits import raised_limits
from journeyman.agents.repetition import loop_actions
from journeyman.agents.spec import AgentSpec
from journeyman.agents.tool_calls import next_action, reject_unavailable, skipped
from journeyman.agents.toolset import Toolset
from journeyman.errors import BaseError
from journeyman.events.events import Failure, Path
from journeyman.events.fold import AgentState, replace
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import assistant
from journeyman.events.model_request import ModelRequest
from journeyman.events.open_calls import CallState

ENTRIES_PER_STEP = 10  # nodes that may be entered per step of `limits.steps`: ends loops without a model call
Actions = tuple[Action, ...]


class GraphAgent(BaseAgent):
    """An agent that follows `graph`, with one token on the main branch and one on each parallel branch."""

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

    def decide(self, state: AgentState) -> Actions:
        """Return what the node of each token may start, or the moves of tokens whose nodes are finished."""
        if state.answering:
            return last_actions(state)
        if state.failure is not None:
            return (Finish(failure=state.failure),)
        if state.limit is not None:
            return (finish_at_limit(state),)
        actions = _Decision(self, state).all()
        if any(type(action) is EnterNode for action in actions):
            steps = raised_limits(self.spec.limits, state).steps
            if sum(state.walk.visits.values()) >= steps * ENTRIES_PER_STEP:
                return (reached_action(state, self.spec.limits, "steps", steps),)
        return actions

    def conclude(self, state: AgentState) -> Finish:
        """Finish with the last reply of a model on the main branch as the answer."""
        text = self._json_answer(_answer(state))
        problem = self._check_output(text) if self._check_output else None
        if problem is not None:
            return Finish(failure=Failure("output_invalid", f"The answer does not fit the output schema: {problem}"))
        return Finish(output=text)

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        """Return the request of an llm node, with its own prompt, model and tools."""
        node, view = self.graph.nodes[path.node], state.in_branch(path.branch)
        first_no, messages = context_window(view, self.spec.history)
        output = self.spec.output if self.graph.is_last(path.node) else None
        prompt, tools = node.render(view), node.tools
        return first_no, model_request(
            node.settings, node.model, prompt, messages, tools=tools, output=output, may_ask_again=False
        )

    def node_work(self, path: Path) -> NodeWork:
        """Return the code of the node at `path`. Raises ConfigurationError if it has none."""
        return self.graph.nodes[path.node].work or super().node_work(path)


class _Decision:
    """One decision over all tokens. It counts the model calls that it starts, since several branches decide at once."""

    def __init__(self, agent: GraphAgent, state: AgentState) -> None:
        self._agent = agent
        self._graph = agent.graph
        self._state = state
        self._routing = Routing(agent.graph, state)
        self._new_model_calls = 0

    def all(self) -> Actions:
        """Return the actions of all tokens."""
        walk = self._state.walk
        if walk.node is None:
            return (self._routing.enter("", self._graph.start),)
        answer = next((node.answer for node in walk.nodes if node.answer is not None and node.status == "left"), None)
        if answer is not None:
            return self._answer(answer)
        if not walk.branches:
            return self._act(walk.node) or ((self._agent.conclude(self._state),) if _has_ended(walk.node) else ())
        actions: list[Action] = []
        for node in tuple(walk.nodes):
            actions += self._act_or_join(node)
        return tuple(actions)

    def _answer(self, text: str) -> Actions:
        """End the run with the words of a node's code, as a message of the main branch."""
        message = assistant(text)
        if self._state.messages[-1:] == (message,):
            return (self._agent.conclude(self._state),)
        return (*self._routing.skipped_calls(""), AddMessage(message=message, correction=False))

    def _act_or_join(self, node: NodeState) -> Actions:
        """Act for the token of a branch. A branch that has fanned out waits until all its parts have ended."""
        name = node.path.branch
        parts = self._state.walk.children(name)
        if not parts:
            return self._act(node)
        if node.status == "ended" or any(part.node.status != "ended" for part in parts.values()):
            return ()
        moves = self._routing.after_parts(name, parts)
        return moves or (self._agent.conclude(self._state),)

    def _act(self, node: NodeState) -> Actions:
        if node.status == "left":
            return self._routing.after_node(node)
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

    # --- what the node types do

    def _llm(self, node: NodeState, compiled: CompiledNode) -> Actions:
        if node.replied or node.failure is not None:
            return (_leave(node, failure=node.failure),)
        view = self._state.in_branch(node.path.branch)
        if (call := view.model_call) is not None:
            return (self._call_model(call.call, call.attempt + 1, node, compiled),) if call.orphaned else ()
        if limit := self._limit(replace(view, calls=())):
            return (limit,)
        if summary := summary_action(view, self._agent.spec, self._agent.model):
            return (summary,)
        self._new_model_calls += 1
        call_model = self._call_model(f"m{view.model_calls + self._new_model_calls}", 1, node, compiled)
        return (*(skipped(call) for call in view.calls if call.status == "asked"), call_model)

    @staticmethod
    def _call_model(call: str, attempt: int, node: NodeState, compiled: CompiledNode) -> CallModel:
        return CallModel(
            call=call,
            attempt=attempt,
            path=node.path,
            model=compiled.settings.name,
            timeout_seconds=compiled.spec.timeout_seconds,
        )

    def _limit(self, view: AgentState) -> ReachLimit | AskHuman | None:
        counted = replace(view, model_calls=view.model_calls + self._new_model_calls) if self._new_model_calls else view
        return exceeded(counted, self._agent.spec.limits)

    def _tools(self, node: NodeState) -> Actions:
        view = self._state.in_branch(node.path.branch)
        if not view.calls:
            return (_leave(node),)
        if limit := self._limit(view):
            return (limit,)
        calls = [replace(call, path=node.path) for call in view.calls]
        if loop := loop_actions(view, calls, self._agent.spec.limits):
            return loop
        actions = (self._tool_call(call, node, view) for call in view.calls)
        return tuple(action for action in actions if action is not None)

    def _tool_call(self, call: CallState, node: NodeState, view: AgentState) -> Action | None:
        """Return the next action for the call. It is rejected if its llm node is not offered the tool."""
        here = replace(call, path=node.path)
        caller = self._graph.nodes.get(call.path.node)
        if call.status == "asked" and caller is not None and not caller.offers(call.tool):
            return reject_unavailable(here, caller.tools)
        return next_action(here, view, self._agent.tools)

    def _approval(self, node: NodeState, compiled: CompiledNode) -> Actions:
        if node.status == "waiting":
            return ()
        if node.status != "answered":
            return (self._question(node, compiled),)
        denied = Failure("approval_denied", f"A human said no at the node {node.path.node}.")
        return (_leave(node, "approve") if node.decision == "approve" else _leave(node, failure=denied),)

    def _question(self, node: NodeState, compiled: CompiledNode) -> Action:
        try:
            message = compiled.render(self._state.in_branch(node.path.branch))
        except BaseError as exc:  # the template uses a name that the context does not have
            return _leave(node, failure=Failure(exc.code, exc.message))
        return _ask_human(node, message)

    def _child(self, node: NodeState, compiled: CompiledNode) -> Actions:
        child = next((child for child in self._state.children if child.call == node.call), None)
        if child is not None and child.attempt == node.attempt:  # an orphaned child belongs to the parent of a fork
            again = EnterNode(call=node.call, attempt=node.attempt + 1, path=node.path)
            return (again,) if child.status == "orphaned" else ()
        if limit := self._limit(self._state.in_branch(node.path.branch)):
            return (limit,)
        messages = self._state.in_branch(node.path.branch).messages
        text = next((message.text for message in reversed(messages) if message.text), "")
        return (
            AwaitChild(call=node.call, agent=compiled.spec.agent, input=text, attempt=node.attempt, path=node.path),
        )

    def _code(self, node: NodeState, compiled: CompiledNode) -> Actions:
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


def _has_ended(node: NodeState) -> bool:
    return node.status in ("left", "ended")


def _answer(state: AgentState) -> str:
    reply = state.last_reply
    return reply.text if reply else ""
