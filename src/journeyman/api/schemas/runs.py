"""The shapes of requests and answers. One definition each: it decodes, encodes and documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from journeyman.auth import principal
from journeyman.events.events import Decision, Failure, Multitask
from journeyman.events.messages import JSON, FilePart, ImagePart, Message, TextPart
from journeyman.ids import RESOURCE_NAME, THREAD_ID
from journeyman.journal.journal import RunStatus

PRINCIPAL = principal.NAME
SCOPE = f"^({'|'.join(principal.SCOPES)})(?!\\n)$"

FORMS = {  # what people are told instead of the pattern
    THREAD_ID: "a thread id is 1 to 200 of [A-Za-z0-9._~:@+=-], not . or ..",
    RESOURCE_NAME: "a name or id is 1 to 200 of [A-Za-z0-9_.:/-]",
    PRINCIPAL: "a name is 1 to 128 of [A-Za-z0-9._:@|+=~-]",
    SCOPE: f"a scope is one of {', '.join(principal.SCOPES)}",
}

ThreadId = Annotated[str, Meta(pattern=THREAD_ID, description=f"The caller's own: {FORMS[THREAD_ID]}.")]
Name = Annotated[str, Meta(pattern=RESOURCE_NAME)]
RunId = Annotated[str, Meta(pattern=RESOURCE_NAME)]
Parts = Annotated[list[TextPart | ImagePart | FilePart], Meta(min_length=1, max_length=1000)]
Content = Annotated[str, Meta(min_length=1)] | Parts

# --- requests


class ProcessRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message for an agent. Only text parts are accepted yet."""

    user_input: Content
    thread_id: ThreadId | None = None
    agent: Name | None = None
    context: dict[str, Any] | None = None
    multitask: Multitask = "queue"
    on_disconnect: Literal["continue", "cancel"] = "continue"
    background: bool = False


class ExecuteToolRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool call, recorded as a run without an agent."""

    tool_name: Name
    arguments: dict[str, Any] = {}
    agent: Name | None = None


class CreateThread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thread; the server makes an id when none is given."""

    thread_id: ThreadId | None = None
    title: Annotated[str, Meta(max_length=500)] = ""
    meta: dict[str, Any] = {}


class AddMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message without a run: the next run sees it."""

    content: Content
    role: Literal["user", "assistant"] = "user"
    pinned: bool = False  # every model call sees it, however full the window is


class AnswerRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A human's answer. `arguments` go with `approve`, `result` with `done`."""

    approval: RunId
    decision: Decision
    arguments: dict[str, Any] | None = None
    result: Any = None


class ResumeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to approvals of one run: all are taken, or none."""

    answers: Annotated[list[AnswerRequest], Meta(min_length=1, max_length=100)]


class MessageEditRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `replace`, the seq of a message's event: other content in its place. Without: a message at the end."""

    content: Content
    replace: Annotated[int, Meta(ge=1)] | None = None
    role: Literal["user", "assistant"] = "user"


class Edits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`context`: a merge patch of the thread's. `version`: of the agent; `current` is the one that is served now."""

    messages: Annotated[list[MessageEditRequest], Meta(max_length=100)] = []
    context: dict[str, Any] | None = None
    prompt: str | None = None
    version: Name | None = None


class ForkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events 1 to `at` of a run become a new run on a new thread; the edits follow them."""

    at: Annotated[int, Meta(ge=1)]
    edits: Edits = Edits()


# --- answers


class UsageAnswer(Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None


class ApprovalAnswer(Struct, frozen=True, kw_only=True):
    """What waits for a human, and how it may be answered. `result`: what `done` goes on with unless you say another."""

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
    deadline: str | None = None  # then `default` is the answer
    default: str | None = None
    answerer: Literal["anyone", "other"] = "anyone"  # other: not `requested_by`
    requested_by: str = ""  # the principal whose run asks


class ProcessAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended, or where it stands. `waiting_for`: approval, thread or worker."""

    run_id: str
    thread_id: str
    agent: str | None
    status: RunStatus
    response: str
    model: str
    usage: UsageAnswer
    stopped_by: str | None = None
    waiting_for: str | None = None
    error: Failure | None = None
    approvals: tuple[ApprovalAnswer, ...] = ()


class ExecuteToolAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the tool gave. With `error` it ran and failed; a `status` other than `finished` says where it stands."""

    response: str
    tool_name: str
    run_id: str
    duration_ms: float
    cached: bool
    status: RunStatus
    waiting_for: str | None = None
    error: Failure | None = None
    approvals: tuple[ApprovalAnswer, ...] = ()


class RunSummary(Struct, frozen=True, kw_only=True):
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


class RunAnswer(RunSummary, frozen=True, kw_only=True):
    """A run: when it happened, and how it ended or where it stands. A fork names its parent and the seq."""

    response: str
    model: str
    usage: UsageAnswer
    stopped_by: str | None
    waiting_for: str | None
    error: Failure | None
    approvals: tuple[ApprovalAnswer, ...]
    forked_from: str | None = None
    forked_at: int | None = None


class ErrorGroup(Struct, frozen=True, kw_only=True):
    """Failed runs of one agent with one error code. `message` and `error_id` are those of `latest_run`."""

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
    """A tool call that the last reply asked for and that is not answered yet."""

    call: str
    tool: str
    arguments: str | dict[str, JSON]
    status: str
    attempt: int
    approval: str | None


class NodeAnswer(Struct, frozen=True, kw_only=True):
    """Where a branch stands in the graph: `entered`, `orphaned`, `waiting` (a human), `answered`, `left` or `ended`."""

    branch: str
    node: str
    visit: int
    attempt: int
    call: str
    status: str
    child: str | None  # the run of the agent that is this node
    messages: tuple[Message, ...]  # of the branch alone; those of the trunk are the state's


class StateAnswer(Struct, frozen=True, kw_only=True):
    """The fold of a run's events up to `seq`. `messages` are the run's own; stored ones `first_no` to `last_no` precede
    them."""

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


class EventAnswer(Struct, frozen=True):
    """A stored event; `data` has the shape of its type."""

    run_id: str
    seq: int
    type: str
    at: str
    data: dict[str, JSON]


class ThreadAnswer(Struct, frozen=True, kw_only=True):
    thread_id: str
    title: str
    meta: dict[str, JSON]
    active_run: str | None
    messages: int
    created_at: str
    updated_at: str


class MessageAnswer(Struct, frozen=True, kw_only=True):
    """A stored message: its number in the thread, and the run that made it (none: it was added by hand)."""

    no: int
    run_id: str | None
    at: str
    message: Message


class AddedMessage(Struct, frozen=True):
    """The message's number; null while a run holds the thread: it gets one when that run ends."""

    no: int | None


class Health(Struct, frozen=True):
    """`reasons`: why not, by name. `details`: what serves, such as the sandbox that workers reach."""

    status: str
    reasons: dict[str, Any] = {}
    details: dict[str, Any] = {}


LARGEST_INTEGER = 2**53  # what every JSON reader keeps exactly
