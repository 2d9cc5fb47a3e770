"""Every event of a run, a thread or a principal. Their union is closed.

An event's `type`, in the journal and for clients, is its class name in snake_case; `VERSION` is its schema version.
`call` names a step within its run: "m2" is the second model call, "m2.0" the first tool call that it asked for.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from journeyman.events.messages import JSON, FilePart, ImagePart, Message, Usage
from journeyman.events.quota import Reservation

Decision = Literal["approve", "deny", "retry", "done", "fail"]
Answerer = Literal["anyone", "other"]  # other: anyone but the principal whose run asks
Multitask = Literal["queue", "reject", "interrupt"]


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why something failed: a stable code, a sentence, and the id under which the log has the details."""

    code: str
    message: str
    error_id: str | None = None
    retry_after: float | None = None  # seconds to wait, as advised by a service that cannot be used now


class Path(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where in the graph a step happened: branch, node, and the number of the node's visit, counted from 1."""

    branch: str = ""
    node: str = ""
    visit: int = 1


ROOT = Path()  # outside of a graph; always this object, since the encoder omits defaults by identity


class DirectCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The only tool call of a run without an agent."""

    tool: str
    arguments: dict[str, JSON]
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people


class Parent(msgspec.Struct, frozen=True):
    """The run and step that started this run."""

    run_id: str
    call: str
    depth: int = 1  # number of runs above this one


class Bounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the parent had left of its limits when it started this run. They hold beside those of the agent."""

    steps: int
    tool_calls: int
    seconds: float
    tokens: int | None  # None: the parent has no such limit
    cost_usd: float
    count_uncached: bool = False  # `tokens` does not count input tokens that a prompt cache had


class HumanChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a human changed about a tool call, which the model would otherwise not know.

    `arguments` were given instead of the model's; None: they are the model's. With `answered`, a human said that the
    call was done, and wrote its result if there is one.
    """

    arguments: dict[str, JSON] | None = None
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people and in the model's note
    answered: bool = False


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child run and its own children have used."""

    usage: Usage = Usage()
    steps: int = 0
    tool_calls: int = 0


class AskedLimit(msgspec.Struct, frozen=True):
    """A limit of a run that a human may raise: its name, its value now, and the highest value that it may get."""

    name: str  # steps, tool_calls, tokens, cost_usd or repeats
    value: float
    up_to: float


class ScriptTurn(msgspec.Struct, frozen=True):
    """The turn that a model call took from a script or a recording: its model name, and the turn's number from 1."""

    script: str
    number: int


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of all events."""

    VERSION: ClassVar[int] = 1


class _Step(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The base of events that can happen in a graph."""

    path: Path = ROOT


# --- the life of a run


class RunAccepted(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A run was accepted: the first event of every run. It has a message (`input`) or a lone tool call (`direct`)."""

    thread: str  # the thread's key: principal/thread_id
    principal: str
    agent: str | None = None
    version: str | None = None  # content hash of the resolved definition
    input: Message | None = None
    direct: DirectCall | None = None
    context: dict[str, JSON] | None = None  # merge patch of the thread's context, applied when the run starts
    parent: Parent | None = None
    bounds: Bounds | None = None  # of a child run
    multitask: Multitask = "queue"
    stream: bool = False  # a client follows the text: ask the gateway to stream
    copied: int = (
        0  # in a fork or a retry: events 1 to this one are copies of its parent's, without effects outside the run
    )
    retries: str | None = None  # the failed run of this thread that this one retries; its events are the copied ones
    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None  # the caller's span in that trace
    key: str | None = None  # the API key whose quota this run uses; None: no key
    credential: str | None = (
        None  # what authenticated the request: `key:LINE`, `token:SUBJECT`; None: nothing, or unknown
    )


class RunStarted(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run got its thread's slot. It sees messages `first_no` to `last_no` of the thread and both contexts."""

    epoch: int
    first_no: int = 1
    last_no: int = 0  # 0: the thread has no message yet
    summary: int | None = None  # seq of the HistorySummarized for the messages before `first_no`
    summary_stream: str = ""  # its stream
    pinned: tuple[int, ...] = ()  # numbers of the thread's pinned messages
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}


class Lack(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run needs that the process does not have: an agent, a tool, the code of a node, a gateway, a release.

    `name` names it; the gateway of the settings has no name. Of an operator's hold it is a code and the id of the held
    run. `billed`: the gateway may have billed a call that it did not answer.
    """

    kind: Literal["agent", "tool", "node", "gateway", "release", "operator"]
    name: str = ""
    billed: bool = False


class RunPaused(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run has nothing to do until an approval is answered, a child run ends, or what it lacks is here.

    `waiting_for` names the open approvals, with those of child runs.
    """

    waiting_for: tuple[str, ...] = ()
    lacks: Lack | None = None  # None: nothing


class RunResumed(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run continues: after a pause, or under a higher epoch after a take-over.

    `found`: what the run lacked is here.
    """

    epoch: int
    reason: Literal["answered", "taken_over", "found"] = "answered"


class CancelRequested(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run was asked to end."""

    by: str
    reason: str = "requested"  # requested | disconnected | interrupted | erased | parent_ended


class LimitReached(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A limit was reached, and the run is about to finish."""

    # steps, tool_calls, seconds, tokens, cost_usd or repeats; tokens_per_day or usd_per_day of a shared budget
    limit: str
    value: float
    budget: str = ""  # the shared budget: `principal:NAME`, `key:ID`, `agent:NAME`
    then: Literal["stop", "answer"] = "stop"  # answer: the model is asked once more, without tools


class RunFinished(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run ended with an answer, or at a limit."""

    output: str = ""  # the text of the answer; JSON text if the agent declares an output schema
    stopped_by: str | None = None  # the limit that ended the run


class RunFailed(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run ended with an error."""

    error: Failure


class RunCancelled(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run ended because it was cancelled."""

    by: str = ""
    reason: str = "requested"


class ForkedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that was under way at the point where a run was forked."""

    call: str
    idempotency_key: str = ""  # of the attempts before and after the fork
    result: str | None = None  # its result in the parent, offered to the human who is asked whether the call happened


class RunForked(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run is a fork: events 1 to `at` are copies of the parent's.

    What was under way there is orphaned. Edits and the fork's own steps follow.
    """

    parent: str
    at: int
    epoch: int = 0  # under which the fork was made; 0: written by no release
    calls: tuple[ForkedCall, ...] = ()


# --- steps


class MessageAdded(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A message was added that no model and no tool call produced."""

    message: Message
    by: str = ""
    correction: bool = True  # counts against `output.retries`; false for a message that a fork adds


class MessageReplaced(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The message of event `seq` in this stream was replaced."""

    seq: int
    message: Message
    place: int | None = None  # index in the run's messages, from 0; None: outside of a run


class ModelCalled(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A model call began, with the thread's messages from `first_no` on and those of this run so far."""

    call: str
    model: str
    attempt: int = 1
    first_no: int = 1
    messages: int = 0  # number of messages sent, with the system prompt
    request_hash: str = ""
    reserved: Reservation | None = None  # of shared budgets
    gateway: str = ""  # its name in the agent files; empty: that of the settings, or none


class ModelReplied(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A model call returned a reply."""

    call: str
    model: str
    message: Message
    usage: Usage = Usage()
    attempt: int = 1
    finish_reason: str = "stop"
    latency_ms: float = 0.0
    gateway: str = ""  # the one that answered, which may be that of a fallback
    turn: ScriptTurn | None = None  # None: the model is neither a script nor a recording


class ModelFailed(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A model call failed."""

    call: str
    error: Failure
    attempt: int = 1
    latency_ms: float = 0.0
    turn: ScriptTurn | None = None  # as in ModelReplied


class ToolCallStarted(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A tool is about to be executed. Each attempt has its own event; all share one idempotency key."""

    call: str
    call_id: str  # the model's id of the call
    tool: str
    arguments: dict[str, JSON]
    idempotency_key: str
    attempt: int = 1
    code_hash: str = ""
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people


class ToolCallFinished(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A tool call ended. It has either a `result` (the text that the model reads) or an `error`.

    `files` are the stored pictures and files that belong to the result.
    """

    call: str
    call_id: str
    tool: str
    result: str | None = None
    error: Failure | None = None
    duration_ms: float = 0.0
    attempts: int = 0  # 0: it was refused, cancelled or answered without running
    cached: bool = False
    human: HumanChange | None = None  # None: no human changed anything
    files: tuple[ImagePart | FilePart, ...] = ()


class NodeEntered(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The work of a node began. Each attempt has its own event. `path` gives node and visit, `call` names the step.

    `joins` names the branches that are merged here, in the order of the edge: their messages now belong to this branch.
    The node `end` is entered only by a join.
    """

    call: str = ""
    attempt: int = 1
    agent: str | None = None  # the agent that is this node
    child: str | None = None  # its run; None: it was not started, for the reason in NodeLeft
    joins: tuple[str, ...] = ()


class NodeLeft(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The work of a node ended with a `result` or an `error`."""

    call: str = ""
    attempt: int = 1
    result: JSON = None
    error: Failure | None = None
    spent: Spent | None = None  # by the child run
    answer: str | None = None  # the answer with which the node ends the run; None: the run goes on


class BranchEnded(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A parallel branch ended after the node of `path`: at `end`, or at a join, where it waits."""

    to: str = "end"
    edge: int | None = None  # number of the join among the edges, from 0; None: it waits at no join


class StepRemembered(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """A node's code stored a value under a name, to be found again after a crash."""

    name: str
    value: JSON = None


class ContextChanged(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The context of the thread or the principal was changed by a JSON Merge Patch (RFC 7396)."""

    scope: Literal["thread", "global"]
    patch: dict[str, JSON]


class ApprovalRequested(_Step, frozen=True, kw_only=True, omit_defaults=True):
    """The run asks a human.

    Kinds: `tool` (may this call run?), `unknown_outcome` (did the call happen?), `node` (an approval node of a graph),
    `question` (asked by a tool's code; the answer is the `result` of `done`), `limit` (may the run go on? the answer is
    the limit's new value in the `arguments` of `approve`).
    """

    approval: str
    kind: Literal["tool", "unknown_outcome", "node", "question", "limit"]
    call: str = ""
    tool: str = ""
    arguments: dict[str, JSON] = {}
    message: str = ""
    args_hash: str = ""
    decisions: tuple[Decision, ...] = ()
    result: str | None = None  # the result for the decision `done`, unless the answer has another
    deadline: int | None = None  # µs since the epoch
    default: Decision | None = None  # the decision when the deadline has passed
    answerer: Answerer = "anyone"
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people
    limit: AskedLimit | None = None  # of the kind `limit`: what was reached
    live: bool = False  # asked again, for the tool as its server listed it when the call was to run


class ApprovalGiven(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A human answered an approval. It can be answered once."""

    approval: str
    decision: Decision
    by: str
    arguments: dict[str, JSON] | None = None  # with `approve`: run with these instead; the new value of a limit
    hidden: tuple[str, ...] = ()  # names of the arguments that are redacted for people
    result: str | None = None  # with `done`: the result to continue with


class BudgetWarned(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Four fifths of a shared budget are used or reserved. Recorded once a day, by the next run that uses it."""

    budget: str  # `tokens_per_day` or `usd_per_day`, a space, and the budget: `principal:NAME`, `key:ID`, `agent:NAME`
    used: float
    limit: float


# --- the life of a thread


class ThreadCreated(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A thread was created by a request or for a fork. A run on a new thread creates it without this event."""

    thread_id: str
    principal: str
    title: str = ""
    meta: dict[str, JSON] = {}


class ThreadRenamed(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A thread got another title. An empty one takes the title away."""

    title: str


class ThreadErased(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """A thread was erased. This tombstone stays in the principal's stream."""

    thread: str
    by: str = ""


class HistorySummarized(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """The thread's messages up to `last_no` were summarized; `first_no` to `last_no` are new in the summary.

    It is in the stream of the run that needed it. In a thread's stream, it summarizes messages that the thread was
    created without.
    """

    first_no: int
    last_no: int
    text: str  # empty if there is an `error`
    model: str = ""
    usage: Usage = Usage()
    latency_ms: float = 0.0
    error: Failure | None = None
    reserved: Reservation | None = None  # of shared budgets, while the model was asked
    turn: ScriptTurn | None = None  # as in ModelReplied


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
    | ThreadRenamed
    | ThreadErased
    | HistorySummarized
)

Ended = RunFinished | RunFailed | RunCancelled
END_TYPES = ("run_finished", "run_failed", "run_cancelled")
START_TYPES = ("run_started", "run_resumed", "run_forked")  # with each, a process begins to drive the run
