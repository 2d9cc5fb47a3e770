"""What callers hand to the runtime and get from it: plain frozen data, the same for every face."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import Decision, Failure, Multitask
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message, Part, Usage
from journeyman.events.quota import Quota
from journeyman.journal.journal import ApprovalRow, RunStatus


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An Idempotency-Key with the route it came by and the hash of the body it came with."""

    route: str
    key: str
    body_hash: str


class BilledKey(msgspec.Struct, frozen=True):
    """An API key that pays beside its principal: it has a quota of its own."""

    key: str
    quota: Quota


class StartRun(msgspec.Struct, frozen=True, kw_only=True):
    """A message for an agent."""

    input: Message
    agent: str | None = None  # None: the only agent, or DEFAULT_AGENT
    thread_id: str | None = None  # None: a new thread
    context: dict[str, JSON] | None = None  # merge patch of the thread's context
    multitask: Multitask = "queue"
    stream: bool = False  # somebody will watch: the gateway is asked to stream
    key: IdempotencyKey | None = None
    payer: BilledKey | None = None
    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None


class MessageEdit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a fork puts in the place of another, or adds at the end."""

    content: tuple[Part, ...]
    replace: int | None = None  # the seq of the event whose message it replaces: its role and calls stay
    role: Literal["user", "assistant"] = "user"  # of one that is added


class ForkRun(msgspec.Struct, frozen=True, kw_only=True):
    """A new run that begins as another did."""

    run_id: str
    at: int
    messages: tuple[MessageEdit, ...] = ()
    context: dict[str, JSON] | None = None  # merge patch of the thread's context
    prompt: str | None = None
    version: str | None = None  # of the agent; `current`: the one that is served now; None: the parent's
    key: IdempotencyKey | None = None
    payer: BilledKey | None = None
    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None


class StartCall(msgspec.Struct, frozen=True, kw_only=True):
    """A lone tool call, recorded as a run without an agent."""

    tool: str
    arguments: dict[str, JSON]
    agent: str | None = None  # whose policies apply beside the code's; None: the strictest of all that list it
    unlisted: bool = False  # may it be a tool that no agent lists?
    stream: bool = False
    key: IdempotencyKey | None = None
    payer: BilledKey | None = None
    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Accepted and durable."""

    run_id: str
    thread_id: str
    replayed: bool = False  # an earlier request with the same Idempotency-Key made this run


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands, or how it ended."""

    run_id: str
    thread_id: str
    agent: str | None
    version: str | None
    status: RunStatus
    response: str = ""
    model: str = ""
    usage: Usage = Usage()
    stopped_by: str | None = None
    waiting_for: str | None = None  # approval | thread | worker; None: it is over or under way
    error: Failure | None = None
    approvals: tuple[ApprovalRow, ...] = ()
    tool: str | None = None  # of a lone call
    duration_ms: float = 0.0
    cached: bool = False
    last_seq: int = 0
    forked_from: str | None = None  # the run that this one is a fork of, and the seq up to which it was copied
    forked_at: int | None = None


class HumanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A human's answer to one approval."""

    approval: str
    decision: Decision
    arguments: dict[str, JSON] | None = None
    result: str | None = None


def result_of(state: AgentState) -> RunResult:
    """What a caller is told of the run as it stands."""
    direct = state.direct_call
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
        error=state.error,
        tool=state.direct.tool if state.direct else None,
        duration_ms=direct.duration_ms if direct else 0.0,
        cached=direct.cached if direct else False,
        last_seq=state.seq,
        forked_from=state.forked.parent if state.forked else None,
        forked_at=state.forked.at if state.forked else None,
    )
