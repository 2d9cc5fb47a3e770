"""Everything that can happen to a run, a thread or a principal: a closed union of frozen facts in the past tense.

An event's `type` on the wire and in the journal is its class name in snake_case; `VERSION` is its schema version.
`call` names a step within its run ("m2": the second model call; "m2.0": the first tool call that it asked for).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from journeyman.events.messages import JSON, Message, Usage
from journeyman.events.quota import Reservation

Decision = Literal["approve", "deny", "retry", "done", "fail"]
Answerer = Literal["anyone", "other"]  # other: not the principal whose run asks
Multitask = Literal["queue", "reject", "interrupt"]


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why something failed: a stable word, a sentence, and the id under which the log has the rest."""

    code: str
    message: str
    error_id: str | None = None
    retry_after: float | None = None  # seconds: what a service that cannot be used for now advised


class Path(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where in the graph a step happened: branch, node, and the how-manieth visit of that node."""

    branch: str = ""
    node: str = ""
    visit: int = 1


ROOT = Path()  # a run without a graph; one object, since the encoder leaves defaults out by identity


class DirectCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run without an agent: one tool call."""

    tool: str
    arguments: dict[str, JSON]
    hidden: tuple[str, ...] = ()  # arguments that people are not shown


class Parent(msgspec.Struct, frozen=True):
    """The run and step that started this run."""

    run_id: str
    call: str
    depth: int = 1  # how many runs stand above this one


class Bounds(msgspec.Struct, frozen=True):
    """What the parent had left of its limits when it started this run: these hold beside the agent's own."""

    steps: int
    tool_calls: int
    seconds: float
    tokens: int
    cost_usd: float


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child has used, and its children."""

    usage: Usage = Usage()
    steps: int = 0
    tool_calls: int = 0


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    VERSION: ClassVar[int] = 1


class _Step(_Event, frozen=True, kw_only=True, omit_defaults=True):
    path: Path = ROOT


# --- the life of a run


class RunAccepted(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Seq 1 of every run. `input` is the user's message; `direct` stands instead for a lone tool call."""

    thread: str  # the thread's key: principal/thread_id
    principal: str
    agent: str | None = None
    version: str | None = None  # content hash of the resolved definition
    input: Message | None = None
    direct: DirectCall | None = None
    context: dict[str, JSON] | None = None  # merge patch of the thread's context, applied when the run starts
    parent: Parent | None = None
    bounds: Bounds | None = None  # of a child
    multitask: Multitask = "queue"
    stream: bool = False  # somebody watches: ask the gateway to stream
    copied: int = 0  # of a fork: events 1 to this one repeat its parent's, and do nothing outside the run again
    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None  # the caller's place in that trace
    key: str | None = None  # the API key whose quota this run uses; None: it has none


class RunStarted(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The thread's slot was obtained. The view: stored messages `first_no` to `last_no` and both contexts."""

    epoch: int
    first_no: int = 1
    last_no: int = 0  # 0: the thread has no message yet
    summary: int | None = None  # seq of the HistorySummarized that says what came before `first_no`
    summary_stream: str = ""  # and its stream
    pinned: tuple[int, ...] = ()  # numbers of the thread's pinned messages
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}


class RunPaused(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Only waits are open; no task is held. `waiting_for` names the open approvals, those of children too."""

    waiting_for: tuple[str, ...] = ()


class RunResumed(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Work goes on: after a pause, or under a higher epoch after a take-over."""

    epoch: int
    reason: Literal["answered", "taken_over"] = "answered"


class CancelRequested(_Event, frozen=True, kw_only=True, omit_defaults=True):
    by: str
    reason: str = "requested"  # requested | disconnected | interrupted | erased | parent_ended


class LimitReached(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """steps | tool_calls | seconds | tokens | cost_usd | repeats, or tokens_per_day | usd_per_day of a budget that
    others share, with the limit's value. RunFinished follows."""

    limit: str
    value: float
    budget: str = ""  # the shared one: `principal:NAME`, `key:ID`, `agent:NAME`


class RunFinished(_Event, frozen=True, kw_only=True, omit_defaults=True):
    output: str = ""  # the answer's text; JSON text where the agent declares an output schema
    stopped_by: str | None = None  # the limit that ended the run


class RunFailed(_Event, frozen=True, kw_only=True, omit_defaults=True):
    error: Failure


class RunCancelled(_Event, frozen=True, kw_only=True, omit_defaults=True):
    by: str = ""
    reason: str = "requested"


class ForkedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that was under way where a run was forked."""

    call: str
    idempotency_key: str = ""  # of the tries before the fork, and of those after it
    result: str | None = None  # what the parent got for it: offered to whoever is asked whether it happened


class RunForked(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Events 1 to `at` are the parent's; what was under way there is orphaned. Edits and work of its own follow."""

    parent: str
    at: int
    epoch: int = 0  # of the boot that made the fork; 0: written by no release
    calls: tuple[ForkedCall, ...] = ()


# --- steps


class MessageAdded(_Step, frozen=True, kw_only=True, omit_defaults=True):
    message: Message
    by: str = ""
    correction: bool = True  # it counts against `output.retries`; not so a message that a fork adds


class MessageReplaced(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The message that event `seq` of this stream made is now this one."""

    seq: int
    message: Message
    place: int | None = None  # in the run's own messages, from 0; None: outside of a run


class ModelCalled(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A model call began. Its messages: the thread's from `first_no` on, and this run's so far."""

    call: str
    model: str
    attempt: int = 1
    first_no: int = 1
    messages: int = 0  # how many messages were sent, the system prompt included
    request_hash: str = ""
    reserved: Reservation | None = None  # of shared budgets


class ModelReplied(_Step, frozen=True, kw_only=True, omit_defaults=True):
    call: str
    model: str
    message: Message
    usage: Usage = Usage()
    attempt: int = 1
    finish_reason: str = "stop"
    latency_ms: float = 0.0


class ModelFailed(_Step, frozen=True, kw_only=True, omit_defaults=True):
    call: str
    error: Failure
    attempt: int = 1
    latency_ms: float = 0.0


class ToolCallStarted(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """Written before a tool is executed; one for each attempt, all with one idempotency key."""

    call: str
    call_id: str  # the model's own id for it
    tool: str
    arguments: dict[str, JSON]
    idempotency_key: str
    attempt: int = 1
    code_hash: str = ""
    hidden: tuple[str, ...] = ()  # arguments that people are not shown


class ToolCallFinished(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The call is over. Exactly one of `result` (the text the model reads) and `error` is given."""

    call: str
    call_id: str
    tool: str
    result: str | None = None
    error: Failure | None = None
    duration_ms: float = 0.0
    attempts: int = 0  # 0: it was refused, cancelled or answered before it ran
    cached: bool = False


class NodeEntered(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """Work of a node began; one for each attempt. `path` says which node and visit, `call` names the step.

    `joins` names branches that end here, in the order of the edge: their messages now stand in this branch.
    The node `end` is entered only by a join.
    """

    call: str = ""
    attempt: int = 1
    agent: str | None = None  # the agent that is this node
    child: str | None = None  # its run; None: it was refused, as NodeLeft says
    joins: tuple[str, ...] = ()


class NodeLeft(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The node's work is over: `result` is what it gave, or `error` says why it gave nothing."""

    call: str = ""
    attempt: int = 1
    result: JSON = None
    error: Failure | None = None
    spent: Spent | None = None  # by the child


class BranchEnded(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A parallel branch came to its end with the node of `path`: at `end`, or at a join, where it waits."""

    to: str = "end"
    edge: int | None = None  # the join's number among the edges, from 0; None: it joins nothing


class StepRemembered(_Step, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    value: JSON = None


class ContextChanged(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A JSON Merge Patch (RFC 7396) of the thread's or the principal's context."""

    scope: Literal["thread", "global"]
    patch: dict[str, JSON]


class ApprovalRequested(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The run waits for a human. Kind `tool`: may this call run? `unknown_outcome`: did it happen? `question`: what
    a tool's code asks; the answer is the `result` of `done`."""

    approval: str
    kind: Literal["tool", "unknown_outcome", "node", "question"]
    call: str = ""
    tool: str = ""
    arguments: dict[str, JSON] = {}
    message: str = ""
    args_hash: str = ""
    decisions: tuple[Decision, ...] = ()
    result: str | None = None  # what `done` goes on with unless the answer says otherwise
    deadline: int | None = None  # µs since the epoch
    default: Decision | None = None  # the answer when the deadline has passed
    answerer: Answerer = "anyone"
    hidden: tuple[str, ...] = ()  # arguments that people are not shown


class ApprovalGiven(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A human's answer: an outside fact, single use."""

    approval: str
    decision: Decision
    by: str
    arguments: dict[str, JSON] | None = None  # approve: run with these instead
    hidden: tuple[str, ...] = ()  # of these, what people are not shown
    result: str | None = None  # done: the outcome to go on with


class BudgetWarned(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Four fifths of a shared budget are used or set aside: said once a day, by the run that was next."""

    budget: str  # `tokens_per_day` or `usd_per_day`, a space, and whose it is
    used: float
    limit: float


# --- the life of a thread


class ThreadCreated(_Event, frozen=True, kw_only=True, omit_defaults=True):
    thread_id: str
    principal: str
    title: str = ""
    meta: dict[str, JSON] = {}


class ThreadErased(_Event, frozen=True, kw_only=True, omit_defaults=True):
    thread: str
    by: str = ""


class HistorySummarized(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """`text` stands for the thread's messages up to `last_no`; `first_no` to `last_no` are new in it. In the stream of
    the run that needed it; in a thread's own, for what the thread was made without."""

    first_no: int
    last_no: int
    text: str  # empty: `error` says why there is none
    model: str = ""
    usage: Usage = Usage()
    latency_ms: float = 0.0
    error: Failure | None = None
    reserved: Reservation | None = None  # of shared budgets, while the model was asked


Event = (
    RunAccepted
    | RunStarted
    | RunPaused
    | RunResumed
    | CancelRequested
    | LimitReached
    | RunFinished
    | RunFailed
    | RunCancelled
    | RunForked
    | MessageAdded
    | MessageReplaced
    | ModelCalled
    | ModelReplied
    | ModelFailed
    | ToolCallStarted
    | ToolCallFinished
    | NodeEntered
    | NodeLeft
    | BranchEnded
    | StepRemembered
    | ContextChanged
    | ApprovalRequested
    | ApprovalGiven
    | BudgetWarned
    | ThreadCreated
    | ThreadErased
    | HistorySummarized
)

Ended = RunFinished | RunFailed | RunCancelled
END_TYPES = ("run_finished", "run_failed", "run_cancelled")
