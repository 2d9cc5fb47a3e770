"""AgentState: everything that a decision may depend on."""

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
    Lack,
    LimitReached,
    Parent,
    RunForked,
    ToolCallFinished,
)
from journeyman.events.graph_position import BranchState, GraphPosition, NodeState, parent_of
from journeyman.events.limit_questions import LimitQuestion
from journeyman.events.messages import JSON, Message, Usage
from journeyman.events.open_calls import CallState, ModelCallState
from journeyman.events.origin import UNKNOWN_ORIGIN, RequestOrigin
from journeyman.events.streams import ThreadRef

replace = msgspec.structs.replace

Status = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The summary that replaces the thread's messages before the view.

    `stream` and `seq` name the event that holds the text until the text is loaded.
    """

    stream: str = ""
    seq: int = 0
    text: str = ""
    made: int = 0  # summaries made by this run
    failed: bool = False  # whether this run asked for one in vain: it does not ask again


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a decision may depend on, folded from the run's events.

    `history` are the thread's messages that the run sees; `messages` are those of the run itself.
    """

    run_id: str = ""
    thread: str = ""
    principal: str = ""
    agent: str | None = None
    version: str | None = None
    input: Message | None = None
    direct: DirectCall | None = None
    parent: Parent | None = None  # the run that waits for this one
    bounds: Bounds | None = None  # what the parent had left of its limits
    stream: bool = False
    origin: RequestOrigin = UNKNOWN_ORIGIN
    status: Status = "queued"
    epoch: int = 0
    seq: int = 0  # of the last applied event
    at: int = 0  # time of that event
    started_at: int = 0
    active_us: int = 0  # running time, without pauses and time in which no server ran
    first_no: int = 1
    last_no: int = 0
    history: tuple[Message, ...] = ()
    summary: Summary | None = None  # of the messages before `first_no`
    pinned_nos: tuple[int, ...] = ()  # numbers of the thread's pinned messages
    pinned: tuple[Message, ...] = ()  # pinned messages from before the history
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}
    messages: tuple[Message, ...] = ()
    calls: tuple[CallState, ...] = ()  # of the last reply, until all have finished
    model_call: ModelCallState | None = None
    model_calls: int = 0
    tool_calls: int = 0
    children: tuple[ChildState, ...] = ()
    child_steps: int = 0  # model calls of ended child runs
    corrections: int = 0  # messages added since the last tool result to ask again for an answer that fits the schema
    empty_replies: int = 0  # replies without text and calls since the last other one
    usage: Usage = Usage()
    uncached_tokens: int = (
        0  # of the input; summed over replies, since a reply may report more cached tokens than input
    )
    model: str = ""
    finish_reason: str = ""  # of the last reply; empty: the model has not replied yet
    direct_call: ToolCallFinished | None = None  # the result of a direct run's only call
    remembered: dict[str, JSON] = {}
    walk: GraphPosition = GraphPosition()  # the position in the graph; golden journals know the field by this name
    errors: tuple[Failure, ...] = ()  # the last ten
    failure: Failure | None = None  # the final failure of the model call
    forked: RunForked | None = None  # set in a fork and in a retry
    retries: str | None = None  # the failed run that this one retries; None: it is no retry
    cancel: CancelRequested | None = None
    limit: LimitReached | None = None
    answering: Literal["", "due", "done"] = ""  # whether the model is asked once more at the limit
    limit_question: LimitQuestion | None = None  # whether the run may go on beyond a limit
    raised: dict[str, float] = {}  # name of a limit -> the value to which humans have raised it
    output: str = ""
    stopped_by: str | None = None
    error: Failure | None = None
    waiting_for: tuple[str, ...] = ()  # approvals named by the last pause
    lacks: Lack | None = None  # what the run needs and its process did not have at the last pause
    lacked_at: int = 0  # when the run first paused for what it lacks, since the model's last reply; 0: it did not
    billed: bool = False  # whether it paused since then for a call that may have been billed

    @property
    def thread_id(self) -> str:
        return ThreadRef.parse(self.thread).id

    @property
    def request_id(self) -> str | None:
        return self.origin.request_id

    @property
    def trace_id(self) -> str | None:
        return self.origin.trace_id

    @property
    def key(self) -> str | None:
        """The API key whose quota the run uses; None if none does."""
        return self.origin.key

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "failed", "cancelled")

    @property
    def only_lacks(self) -> bool:
        """Whether the run is paused for what it lacks, and for no human: neither an answer nor an operator."""
        lack = self.lacks if self.status == "paused" else None
        return lack is not None and lack.kind != "operator" and not self.waiting_for

    @property
    def all_calls(self) -> tuple[CallState, ...]:
        """The tool calls of the main branch, the other branches and nodes, until all of a reply have finished."""
        if self.walk.node is None:
            return self.calls
        branches = (call for branch in self.walk.branches.values() for call in branch.calls)
        return (*self.calls, *branches, *(call for node in self.walk.nodes for call in node.calls))

    @property
    def open_calls(self) -> tuple[CallState, ...]:
        """The tool calls that have not finished."""
        return tuple(call for call in self.all_calls if call.status != "finished")

    @property
    def open_model_calls(self) -> tuple[ModelCallState, ...]:
        """The model calls that have no outcome yet, of the main branch, the other branches and nodes."""
        if self.walk.node is None:
            return (self.model_call,) if self.model_call else ()
        own = (self.model_call, *(branch.model_call for branch in self.walk.branches.values()))
        nodes = (call for node in self.walk.nodes for call in node.model_calls)
        return (*(call for call in own if call is not None), *nodes)

    @property
    def open_nodes(self) -> tuple[NodeState, ...]:
        """The nodes that were entered and not left."""
        return tuple(node for node in self.walk.nodes if node.working)

    @property
    def open_children(self) -> tuple[ChildState, ...]:
        """The child runs that have not ended."""
        return tuple(child for child in self.children if child.status == "open")

    @property
    def open_approvals(self) -> tuple[str, ...]:
        """The approvals that wait for an answer, of calls, of nodes and of a limit."""
        calls = tuple(call.approval for call in self.all_calls if call.status == "waiting" and call.approval)
        nodes = (node.approval for node in self.walk.nodes if node.status == "waiting" and node.approval)
        return (*calls, *nodes, *((self.limit_question.approval,) if self.limit_question and self.held else ()))

    @property
    def held(self) -> bool:
        """Whether the run begins nothing new, since a human is asked whether it may go on beyond a limit."""
        return self.limit_question is not None and self.limit_question.status == "waiting" and not self.ended

    @property
    def answered(self) -> bool:
        """Whether a human's answer has not been acted on. In a fork, also whether a human has to be asked again.

        While a question about a limit is open, no other answer is acted on.
        """
        if self.limit_question is not None:
            return self.limit_question.status != "waiting"
        return any(
            call.status == "answered" or (self.forked is not None and call.asks_again) for call in self.all_calls
        ) or any(node.status == "answered" for node in self.walk.nodes)

    def in_branch(self, name: str) -> AgentState:
        """Return the state as a branch sees it: its calls, and its messages after those of the branches around it."""
        branch = self.walk.branches.get(name)
        if branch is None:
            return self
        outer = self.in_branch(parent_of(name))
        return replace(into_branch(self, branch), messages=(*outer.messages, *branch.messages))

    def charged(self, usage: Usage) -> AgentState:
        """Return the state with the usage of one more reply, or of a child run."""
        return replace(self, usage=self.usage + usage, uncached_tokens=self.uncached_tokens + usage.uncached_tokens)

    @property
    def last_reply(self) -> Message | None:
        """The model's newest message in this run. None if it has not replied yet."""
        return next((message for message in reversed(self.messages) if message.role == "assistant"), None)


def apply_summary(state: AgentState, event: HistorySummarized) -> AgentState:
    """Return the state with a new summary. An attempt that failed only adds its usage and its error."""
    old, state = state.summary or Summary(), state.charged(event.usage)
    if not event.text:
        errors = (*state.errors, event.error)[-10:] if event.error else state.errors
        return replace(state, summary=replace(old, failed=True), errors=errors)
    summary = replace(old, text=event.text, made=old.made + 1)
    return replace(state, summary=summary, first_no=max(state.first_no, event.last_no + 1))


def into_branch(state: AgentState, branch: BranchState) -> AgentState:
    """Return the state with the messages and calls of a branch instead of the main branch's."""
    return replace(
        state,
        messages=branch.messages,
        calls=branch.calls,
        model_call=branch.model_call,
        corrections=branch.corrections,
    )


def out_of_branch(state: AgentState, inner: AgentState, name: str, branch: BranchState) -> AgentState:
    """Undo `into_branch`: return the state with the main branch's messages and calls, and the branch as in `inner`."""
    changed = replace(
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
        walk=replace(state.walk, branches={**state.walk.branches, name: changed}),
    )
