"""AgentState: all that a decision may depend on."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.child_runs import ChildState
from journeyman.events.events import (
    Bounds,
    CancelRequested,
    DirectCall,
    Failure,
    HistorySummarized,
    LimitReached,
    Parent,
    RunForked,
    ToolCallFinished,
)
from journeyman.events.graph_position import BranchState, GraphPosition, NodeState, parent_of
from journeyman.events.messages import JSON, Message, Usage
from journeyman.events.open_calls import CallState, ModelCallState
from journeyman.events.streams import ThreadRef

replace = msgspec.structs.replace

Status = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for the thread's messages before the view: `text`, or (not loaded yet) the event that says it."""

    stream: str = ""
    seq: int = 0
    text: str = ""
    made: int = 0  # by this run
    failed: bool = False  # the model gave this run none: it asks no more


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision may depend on. `history` is the thread's view; `messages` are this run's own."""

    run_id: str = ""
    thread: str = ""
    principal: str = ""
    agent: str | None = None
    version: str | None = None
    input: Message | None = None
    direct: DirectCall | None = None
    parent: Parent | None = None  # the run that waits for this one
    bounds: Bounds | None = None  # and what that had left
    stream: bool = False
    request_id: str | None = None
    trace_id: str | None = None
    key: str | None = None  # the API key whose quota it uses
    status: Status = "queued"
    epoch: int = 0
    seq: int = 0  # of the last event applied
    at: int = 0  # its time
    started_at: int = 0
    active_us: int = 0  # running time: neither pauses nor down time
    first_no: int = 1
    last_no: int = 0
    history: tuple[Message, ...] = ()
    summary: Summary | None = None  # of what came before `first_no`
    pinned_nos: tuple[int, ...] = ()  # of the thread's pinned messages
    pinned: tuple[Message, ...] = ()  # those that stand before the history
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}
    messages: tuple[Message, ...] = ()
    calls: tuple[CallState, ...] = ()  # of the last reply, until all are finished
    model_call: ModelCallState | None = None
    model_calls: int = 0
    tool_calls: int = 0
    children: tuple[ChildState, ...] = ()
    child_steps: int = 0  # model calls of children that are over
    corrections: int = 0  # messages added since the last tool result: a typed answer asked again
    usage: Usage = Usage()
    model: str = ""
    direct_call: ToolCallFinished | None = None  # how the lone call of a direct run ended
    remembered: dict[str, JSON] = {}
    walk: GraphPosition = GraphPosition()  # where it stands in its graph
    errors: tuple[Failure, ...] = ()  # the last ten
    failure: Failure | None = None  # the model call failed for good
    forked: RunForked | None = None  # where the run comes from
    cancel: CancelRequested | None = None
    limit: LimitReached | None = None
    output: str = ""
    stopped_by: str | None = None
    error: Failure | None = None
    waiting_for: tuple[str, ...] = ()  # approvals, as the last pause named them

    @property
    def thread_id(self) -> str:
        return ThreadRef.parse(self.thread).id

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "failed", "cancelled")

    @property
    def all_calls(self) -> tuple[CallState, ...]:
        """Tool calls that are not over, or were asked for with one that is not: of the trunk, branches and nodes."""
        if self.walk.node is None:
            return self.calls
        branches = (call for branch in self.walk.branches.values() for call in branch.calls)
        return (*self.calls, *branches, *(call for node in self.walk.nodes for call in node.calls))

    @property
    def open_calls(self) -> tuple[CallState, ...]:
        return tuple(call for call in self.all_calls if call.status != "finished")

    @property
    def open_model_calls(self) -> tuple[ModelCallState, ...]:
        if self.walk.node is None:
            return (self.model_call,) if self.model_call else ()
        own = (self.model_call, *(branch.model_call for branch in self.walk.branches.values()))
        nodes = (call for node in self.walk.nodes for call in node.model_calls)
        return (*(call for call in own if call is not None), *nodes)

    @property
    def open_nodes(self) -> tuple[NodeState, ...]:
        return tuple(node for node in self.walk.nodes if node.working)

    @property
    def open_children(self) -> tuple[ChildState, ...]:
        return tuple(child for child in self.children if child.status == "open")

    @property
    def open_approvals(self) -> tuple[str, ...]:
        calls = tuple(call.approval for call in self.all_calls if call.status == "waiting" and call.approval)
        return (*calls, *(node.approval for node in self.walk.nodes if node.status == "waiting" and node.approval))

    @property
    def answered(self) -> bool:
        """Is there an answer of a human that nothing was made of yet? In a fork: one that counted for its parent."""
        return any(
            call.status == "answered" or (self.forked is not None and call.asks_again) for call in self.all_calls
        ) or any(node.status == "answered" for node in self.walk.nodes)

    def in_branch(self, name: str) -> AgentState:
        """The state as a branch sees it: its messages after those of the branches that it came from, its own calls."""
        branch = self.walk.branches.get(name)
        if branch is None:
            return self
        outer = self.in_branch(parent_of(name))
        return replace(into_branch(self, branch), messages=(*outer.messages, *branch.messages))

    @property
    def last_reply(self) -> Message | None:
        """The newest message of the model in this run."""
        return next((message for message in reversed(self.messages) if message.role == "assistant"), None)


def apply_summary(state: AgentState, event: HistorySummarized) -> AgentState:
    """The summary stands for what it is of from now on; one that failed has only its price."""
    held, usage = state.summary or Summary(), state.usage + event.usage
    if not event.text:
        errors = (*state.errors, event.error)[-10:] if event.error else state.errors
        return replace(state, summary=replace(held, failed=True), usage=usage, errors=errors)
    summary = replace(held, text=event.text, made=held.made + 1)
    return replace(state, summary=summary, usage=usage, first_no=max(state.first_no, event.last_no + 1))


def into_branch(state: AgentState, branch: BranchState) -> AgentState:
    """The state with the branch's own messages and calls in the place of the trunk's."""
    return replace(
        state,
        messages=branch.messages,
        calls=branch.calls,
        model_call=branch.model_call,
        corrections=branch.corrections,
    )


def out_of_branch(state: AgentState, inner: AgentState, name: str, branch: BranchState) -> AgentState:
    """The other way round: the trunk's own again, and the branch as `inner` has it."""
    held = replace(
        branch,
        messages=inner.messages,
        calls=inner.calls,
        model_call=inner.model_call,
        corrections=inner.corrections,
    )
    return replace(
        inner,
        messages=state.messages,
        calls=state.calls,
        model_call=state.model_call,
        corrections=state.corrections,
        walk=replace(state.walk, branches={**state.walk.branches, name: held}),
    )
