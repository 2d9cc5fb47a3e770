"""Bodies of runs, threads and approvals. One definition decodes, encodes and documents each of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from journeyman.auth import principal
from journeyman.events.events import Decision, Failure, Multitask
from journeyman.events.messages import JSON, FilePart, ImagePart, Message, TextPart
from journeyman.ids import RESOURCE_NAME, THREAD_ID
from journeyman.journal.journal import RunStatus

LARGEST_INTEGER = 2**53  # every JSON reader keeps integers up to here exactly
PRINCIPAL = principal.NAME
SCOPE = f"^({'|'.join(principal.SCOPES)})(?!\\n)$"

FORMS = {  # what callers read instead of the pattern
    r"\S": "it is only white space: send some text",
    THREAD_ID: "a thread id is 1 to 200 of [A-Za-z0-9._~:@+=-], not . or ..",
    RESOURCE_NAME: "a name or id is 1 to 200 of [A-Za-z0-9_.:/-]",
    PRINCIPAL: "a name is 1 to 128 of [A-Za-z0-9._:@|+=~-]",
    SCOPE: f"a scope is one of {', '.join(principal.SCOPES)}",
}

ThreadId = Annotated[str, Meta(pattern=THREAD_ID, description=f"Chosen by the caller: {FORMS[THREAD_ID]}.")]
Name = Annotated[str, Meta(pattern=RESOURCE_NAME)]
RunId = Annotated[str, Meta(pattern=RESOURCE_NAME)]
Parts = Annotated[list[TextPart | ImagePart | FilePart], Meta(min_length=1, max_length=1000)]
Content = Annotated[str, Meta(min_length=1)] | Parts
NOT_BLANK = r"\S"
Input = Annotated[str, Meta(min_length=1, pattern=NOT_BLANK)] | Parts

# --- requests


class ProcessRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message for an agent. A picture or a file is named by `file`, its id, or is a data URL in `url`.

    `multitask` decides what happens if the thread already has a run in progress. With `on_disconnect: cancel`, the run
    is cancelled if the client disconnects.
    """

    user_input: Input
    thread_id: ThreadId | None = None
    agent: Name | None = None
    context: dict[str, Any] | None = None
    multitask: Multitask = "queue"
    on_disconnect: Literal["continue", "cancel"] = "continue"
    background: bool = False


class ExecuteToolRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool call, recorded as a run without an agent. With `agent`, that agent's policies for the tool apply."""

    tool_name: Name
    arguments: dict[str, Any] = {}
    agent: Name | None = None


class CancelWaitingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the runs that wait for what is not here are cancelled; without a field: all of them.

    `older_than` is in seconds, since the run began to wait.
    """

    waiting_for: Literal["agent", "tool", "node", "gateway", "release", "operator"] | None = None
    agent: Name | None = None
    older_than: Annotated[float, Meta(ge=0)] | None = None


class CancelledRuns(Struct, frozen=True, kw_only=True):
    """How many runs were cancelled, and their ids."""

    count: int
    run_ids: list[str]


class CreateThread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new thread. Without `thread_id`, the server makes an id."""

    thread_id: ThreadId | None = None
    title: Annotated[str, Meta(max_length=500)] = ""
    meta: dict[str, Any] = {}


class RenameThread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another title of a thread. An empty one takes the title away."""

    title: Annotated[str, Meta(max_length=500)]


class AddMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that starts no run. The next run of the thread sees it. If it is `pinned`, all later runs do."""

    content: Content
    role: Literal["user", "assistant"] = "user"
    pinned: bool = False  # every model call sees it, even if older messages do not fit into the context window


class AnswerRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A human's answer to one approval.

    `arguments` replace those of the call; allowed with `approve` and `retry`. For an approval of the kind `limit` they
    hold the limit's new value. `result` is what the model reads as the call's result; allowed with `done`.
    """

    approval: RunId
    decision: Decision
    arguments: dict[str, Any] | None = None
    result: Any = None


class ResumeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to approvals of one run. Either all are accepted, or none."""

    answers: Annotated[list[AnswerRequest], Meta(min_length=1, max_length=100)]


class MessageEditRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that a fork changes or adds.

    With `replace`, the seq of a message's event, the content of that message is replaced. Without it, the message is
    added at the end.
    """

    content: Content
    replace: Annotated[int, Meta(ge=1)] | None = None
    role: Literal["user", "assistant"] = "user"


class Edits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a fork changes: messages, the thread's context (a JSON Merge Patch), the prompt, the agent's version.

    The version `current` is the one that the server uses now.
    """

    messages: Annotated[list[MessageEditRequest], Meta(max_length=100)] = []
    context: dict[str, Any] | None = None
    prompt: str | None = None
    version: Name | None = None


class ForkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new run on a new thread: events 1 to `at` of a run are copied, then the edits are applied."""

    at: Annotated[int, Meta(ge=1)]
    edits: Edits = Edits()


# --- answers


class UsageAnswer(Struct, frozen=True):
    """The tokens and dollars that a run has used. `cost_usd` is null if no price is known."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None


class ApprovalAnswer(Struct, frozen=True, kw_only=True):
    """An approval or question, how it may be answered, and once it is not open any more, how it was.

    With the kind `limit`, `arguments` hold the highest value that the limit may get, under the limit's name.
    `result` is used with the decision `done` unless the answer gives another. At the `deadline`, the answer is
    `default`. If `answerer` is `other`, the principal `requested_by` may not answer. `status` is `answered` by a
    human, `expired` at its deadline or `closed` with its run; `given_arguments` replaced the `arguments`.
    """

    approval: str
    run_id: str
    principal: str
    kind: str
    call: str
    tool: str
    arguments: dict[str, JSON]
    message: str
    decisions: tuple[str, ...]
    requested_at: str
    result: str | None = None
    deadline: str | None = None
    default: str | None = None
    answerer: Literal["anyone", "other"] = "anyone"
    requested_by: str = ""
    status: Literal["open", "answered", "expired", "closed"] = "open"
    decision: str | None = None
    answered_by: str | None = None
    answered_at: str | None = None
    given_arguments: dict[str, JSON] | None = None


class OutcomeAnswer(Struct, frozen=True, kw_only=True):
    """What has become of an approval. `decision` and `answered_by` are null while it is open.

    `status` is that of its run. `result` and `error` are those of the tool call that asked, once it has ended.
    """

    approval: str
    run_id: str
    kind: str
    tool: str
    message: str
    decision: str | None
    answered_by: str | None
    status: RunStatus
    result: str | None = None
    error: Failure | None = None


class ProcessAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a run, or its status so far.

    `waiting_for` says what the run waits for: `approval`, `thread` (another run of the thread), `worker`, or what the
    server lacks: `agent`, `tool`, `node`, `gateway`, `release` or `operator` (it is held), with a sentence in
    `waiting_reason`. `finish_reason` is that of the run's last reply.
    """

    run_id: str
    thread_id: str
    agent: str | None
    status: RunStatus
    response: str
    model: str
    usage: UsageAnswer
    stopped_by: str | None = None
    finish_reason: str | None = None
    waiting_for: str | None = None
    waiting_reason: str | None = None
    error: Failure | None = None
    approvals: tuple[ApprovalAnswer, ...] = ()


class ExecuteToolAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a tool call. If there is an `error`, the tool ran and failed.

    The call is not over if its `status` is `queued`, `running` or `paused`.
    """

    response: str
    tool_name: str
    run_id: str
    duration_ms: float
    cached: bool
    status: RunStatus
    waiting_for: str | None = None
    waiting_reason: str | None = None
    error: Failure | None = None
    approvals: tuple[ApprovalAnswer, ...] = ()


class RunSummary(Struct, frozen=True, kw_only=True):
    """A run in a list. `parent` is the run that started it and waits for it.

    `waiting_reason` says what the run waits for if the server lacks it. `question` is the beginning of the user's
    message, or the tool of a direct call. `usage` is null in a list whose runs have too many events to add it up.
    """

    run_id: str
    thread_id: str
    agent: str | None
    version: str | None
    parent: str | None
    status: RunStatus
    last_seq: int
    accepted_at: str
    started_at: str | None
    ended_at: str | None
    error_code: str | None
    error_id: str | None
    request_id: str | None
    trace_id: str | None
    waiting_reason: str | None = None
    question: str = ""
    usage: UsageAnswer | None = None


class RunAnswer(RunSummary, frozen=True, kw_only=True):
    """A run with its result, or its status so far.

    A fork names the run that it was copied from and the last copied seq; a retry, the failed run.
    """

    response: str
    model: str
    usage: UsageAnswer
    stopped_by: str | None
    waiting_for: str | None
    error: Failure | None
    approvals: tuple[ApprovalAnswer, ...]
    forked_from: str | None = None
    forked_at: int | None = None
    retried_from: str | None = None
    finish_reason: str | None = None


class ReleasedRun(Struct, frozen=True, kw_only=True):
    """The run that was released."""

    run_id: str


class ToolOutputAnswer(Struct, frozen=True, kw_only=True):
    """The last 4 KB that a tool call printed in its worker process, with secrets masked."""

    call: str
    tool: str
    at: str
    text: str


class ErrorGroup(Struct, frozen=True, kw_only=True):
    """Failed runs of one agent with the same error code. `message` and `error_id` are those of `latest_run`."""

    fingerprint: str
    code: str
    agent: str | None
    message: str
    count: int
    first_at: str
    last_at: str
    latest_run: str
    error_id: str | None


class CallAnswer(Struct, frozen=True, kw_only=True):
    """A tool call of the last model reply that has no result yet."""

    call: str
    tool: str
    arguments: str | dict[str, JSON]
    status: str
    attempt: int
    approval: str | None


class NodeAnswer(Struct, frozen=True, kw_only=True):
    """The node of the graph that a branch has reached.

    `status` is `entered`, `orphaned` (interrupted by a crash), `waiting` (for a human), `answered`, `left` or `ended`.
    `child` is the run of the node's agent, if the node is an agent. `messages` are those of the branch only; those of
    the main branch are the state's.
    """

    branch: str
    node: str
    visit: int
    attempt: int
    call: str
    status: str
    child: str | None
    messages: tuple[Message, ...]


class ExplanationAnswer(Struct, frozen=True, kw_only=True):
    """A sentence about a run. `kind` says what it explains, `seq` is the event that it is about."""

    kind: Literal["began", "asked", "answered", "waited", "resumed", "retried", "refused", "cost", "stopped"]
    sentence: str
    seq: int


class ExplanationsAnswer(Struct, frozen=True, kw_only=True):
    """Why a run did what it did, in the order of its events. `left_out` counts sentences of the middle."""

    items: tuple[ExplanationAnswer, ...]
    left_out: int


class StateAnswer(Struct, frozen=True, kw_only=True):
    """A run's state after the event `seq`.

    `messages` are the run's own. Before them, the run saw the thread's messages `first_no` to `last_no`.
    """

    run_id: str
    thread_id: str
    seq: int
    at: str
    status: RunStatus
    agent: str | None
    version: str | None
    epoch: int
    first_no: int
    last_no: int
    messages: tuple[Message, ...]
    thread_context: dict[str, JSON]
    global_context: dict[str, JSON]
    calls: tuple[CallAnswer, ...]
    nodes: tuple[NodeAnswer, ...]
    model_calls: int
    tool_calls: int
    model: str
    usage: UsageAnswer
    errors: tuple[Failure, ...]
    output: str
    stopped_by: str | None
    error: Failure | None
    finish_reason: str | None = None


class EventAnswer(Struct, frozen=True):
    """A stored event. The fields of `data` depend on its `type`."""

    run_id: str
    seq: int
    type: str
    at: str
    data: dict[str, JSON]


class ThreadAnswer(Struct, frozen=True, kw_only=True):
    """A thread. `messages` counts its messages; `active_run` is the run in progress, if there is one.

    `preview` is the beginning of its first message.
    """

    thread_id: str
    title: str
    preview: str
    meta: dict[str, JSON]
    active_run: str | None
    messages: int
    created_at: str
    updated_at: str


class MessageAnswer(Struct, frozen=True, kw_only=True):
    """A stored message with its number in the thread. `run_id` is null if it was added without a run."""

    no: int
    run_id: str | None
    at: str
    message: Message


class AddedMessage(Struct, frozen=True):
    """The number of the added message. It is null if the thread has a run in progress, until that run has ended."""

    no: int | None


class Health(Struct, frozen=True):
    """The health of the server. `reasons` say by name why it is not ready; `details` describe how it runs."""

    status: str
    reasons: dict[str, Any] = {}
    details: dict[str, Any] = {}
