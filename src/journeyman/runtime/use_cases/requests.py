"""Requests to the use cases and their results: plain frozen data, the same for HTTP, the command line and programs."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import Decision, Failure, Multitask, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message, Part, Usage
from journeyman.events.origin import UNKNOWN_ORIGIN, RequestOrigin
from journeyman.journal.journal import ApprovalRow, RunStatus

CHAT = "chat"  # the kind of the id of a conversation's hidden thread


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An idempotency key, the route that it was sent to, and the hash of the request's body."""

    route: str
    key: str
    body_hash: str


class StartRun(msgspec.Struct, frozen=True, kw_only=True):
    """A request to start a run: a message for an agent."""

    input: Message
    agent: str | None = None  # None: the only agent, or DEFAULT_AGENT
    thread_id: str | None = None  # None: a new thread
    context: dict[str, JSON] | None = None  # JSON Merge Patch of the thread's context
    multitask: Multitask = "queue"
    stream: bool = False  # the gateway is asked to stream, since a client follows the run
    key: IdempotencyKey | None = None
    origin: RequestOrigin = UNKNOWN_ORIGIN
    hidden: bool = False  # `thread_id` is that of a hidden thread; None: a new one
    seed: tuple[Message, ...] = ()  # what the caller says was said before, on a thread that is made with the run


class MessageEdit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a fork replaces, or adds at the end."""

    content: tuple[Part, ...]
    replace: int | None = None  # the seq of the message's event; its role and calls stay. None: it is added
    role: Literal["user", "assistant"] = "user"  # of an added message


class ForkRun(msgspec.Struct, frozen=True, kw_only=True):
    """A request to fork a run: events 1 to `at` are copied, then edited."""

    run_id: str
    at: int
    messages: tuple[MessageEdit, ...] = ()
    context: dict[str, JSON] | None = None  # merge patch of the thread's context
    prompt: str | None = None
    version: str | None = None  # of the agent; `current`: the one in use now; None: the parent's
    key: IdempotencyKey | None = None
    origin: RequestOrigin = UNKNOWN_ORIGIN


class RetryRun(msgspec.Struct, frozen=True, kw_only=True):
    """A request to retry a run that failed: a new run on its thread goes on from before the failure."""

    run_id: str
    key: IdempotencyKey | None = None
    origin: RequestOrigin = UNKNOWN_ORIGIN


class StartCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a direct tool call, recorded as a run without an agent."""

    tool: str
    arguments: dict[str, JSON]
    agent: str | None = None  # whose tool policies apply; None: the strictest of all agents that list it
    unlisted: bool = False  # whether a tool that no agent lists may be called
    stream: bool = False
    key: IdempotencyKey | None = None
    origin: RequestOrigin = UNKNOWN_ORIGIN


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A started run, which is durable."""

    run_id: str
    thread_id: str
    replayed: bool = False  # an earlier request with the same idempotency key made this run


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run, or its status so far."""

    run_id: str
    thread_id: str
    agent: str | None
    version: str | None
    status: RunStatus
    response: str = ""
    model: str = ""
    usage: Usage = Usage()
    stopped_by: str | None = None
    finish_reason: str | None = None  # of the last reply; None: the model has not replied
    # approval | thread | worker | what it lacks: agent | tool | node | gateway | release; None: it is over or running
    waiting_for: str | None = None
    waiting_reason: str | None = None  # a sentence about what it lacks, or what the run ahead lacks; None: nothing
    error: Failure | None = None
    approvals: tuple[ApprovalRow, ...] = ()
    tool: str | None = None  # of a direct call
    duration_ms: float = 0.0
    cached: bool = False
    last_seq: int = 0
    forked_from: str | None = None  # the run that this one was copied from, up to the seq `forked_at`
    forked_at: int | None = None
    retried_from: str | None = None  # the failed run that this one retries
    input: Message | None = None  # of a run that a message started


class HumanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A human's answer to one approval."""

    approval: str
    decision: Decision
    arguments: dict[str, JSON] | None = None
    result: str | None = None


class ApprovalOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of an approval: its answer, the status of its run, and the end of its tool call."""

    approval: ApprovalRow
    status: RunStatus
    call: ToolCallFinished | None = None  # None: the call has not ended since it asked, or no call asked


def result_of(state: AgentState) -> RunResult:
    """Return the result of a run, or its status so far."""
    direct, forked = state.direct_call, state.forked if state.retries is None else None
    return RunResult(
        run_id=state.run_id,
        thread_id=state.thread_id,
        agent=state.agent,
        version=state.version,
        status=state.status,
        response=state.output if state.status == "finished" else "",
        model=state.model,
        usage=state.usage,
        stopped_by=state.stopped_by,
        finish_reason=state.finish_reason or None,
        error=state.error,
        tool=state.direct.tool if state.direct else None,
        duration_ms=direct.duration_ms if direct else 0.0,
        cached=direct.cached if direct else False,
        last_seq=state.seq,
        forked_from=forked.parent if forked else None,
        forked_at=forked.at if forked else None,
        retried_from=state.retries,
        input=state.input,
    )
