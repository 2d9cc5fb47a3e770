"""Answers of chat completions and models. A field without a value is left out, unless OpenAI requires its null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from journeyman.events.messages import Usage
from journeyman.events.redaction import redacted_arguments
from journeyman.journal.journal import ApprovalRow
from journeyman.runtime.use_cases.requests import RunResult

FinishReason = Literal["stop", "length", "content_filter"]
_FINISH_REASONS: dict[str | None, FinishReason] = {"length": "length", "content_filter": "content_filter"}
_ENCODER = msgspec.json.Encoder()


class WaitingApproval(Struct, frozen=True):
    """An approval that the run waits for, and the decisions that are valid."""

    approval: str
    run_id: str
    kind: str
    tool: str
    decisions: tuple[str, ...]


class RunFacts(Struct, frozen=True, omit_defaults=True):
    """What OpenAI's form has no field for: the run, what it waits for, and the limit that ended it."""

    run_id: str
    thread_id: str
    approvals: tuple[WaitingApproval, ...] = ()
    stopped_by: str | None = None


class CachedTokens(Struct, frozen=True):
    """How many of the input tokens a prompt cache had."""

    cached_tokens: int


class ChatUsage(Struct, frozen=True):
    """The tokens that the run has used, in all of its model calls."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class AssistantMessage(Struct, frozen=True):
    """The reply. OpenAI requires `refusal`, which is always null here."""

    role: Literal["assistant"]
    content: str
    refusal: None = None
    annotations: tuple[str, ...] = ()


class ChatChoice(Struct, frozen=True):
    """The only choice. OpenAI requires `logprobs`, which is always null here."""

    index: int
    message: AssistantMessage
    finish_reason: FinishReason
    logprobs: None = None


class ChatCompletion(Struct, frozen=True, kw_only=True):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: ChatUsage
    journeyman: RunFacts | UnsetType = UNSET


class ChatDelta(Struct, frozen=True):
    """What a chunk adds to the reply."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True):
    """The only choice of a chunk. `finish_reason` is null until the reply is complete: clients look for that."""

    index: int
    delta: ChatDelta
    finish_reason: FinishReason | None = None


class ChatChunk(Struct, frozen=True, kw_only=True):
    """A part of a streamed answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: ChatUsage | UnsetType = UNSET
    journeyman: RunFacts | UnsetType = UNSET


class OpenAIModel(Struct, frozen=True):
    """An agent as a model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class OpenAIModels(Struct, frozen=True):
    """The agents as models."""

    object: Literal["list"]
    data: Sequence[OpenAIModel]


def chat_usage(usage: Usage) -> ChatUsage:
    """Return what a run has used."""
    total = usage.input_tokens + usage.output_tokens
    return ChatUsage(usage.input_tokens, usage.output_tokens, total, CachedTokens(usage.cached_tokens))


def finish_reason_of(result: RunResult) -> FinishReason:
    """Return why the reply ended. One that a limit ended is incomplete."""
    return "length" if result.stopped_by else _FINISH_REASONS.get(result.finish_reason, "stop")


def facts_of(result: RunResult) -> RunFacts | UnsetType:
    """Return what clients that know Journeyman may want. Unset: nothing but a complete reply."""
    if not result.approvals and not result.stopped_by:
        return UNSET
    waiting = tuple(WaitingApproval(row.id, row.run, row.kind, row.tool, row.decisions) for row in result.approvals)
    return RunFacts(result.run_id, result.thread_id, waiting, result.stopped_by)


def waiting_text(result: RunResult) -> str:
    """Return the sentences that say what a run waits for, and how to answer. A message of the chat is no answer."""
    lines = ["This needs the decision of a human before it can go on. A message in this chat does not decide it."]
    lines += map(_approval_text, result.approvals)
    return "\n\n".join(lines)


def _approval_text(row: ApprovalRow) -> str:
    what = row.message or f"The tool `{row.tool}` is to be called."
    if row.kind == "tool" and row.arguments:
        shown = _ENCODER.encode(redacted_arguments(row.arguments, row.hidden)).decode()
        what = f"{what} Arguments: `{shown}`."
    return (
        f"{what} Answer the approval `{row.id}` with {_listed(row.decisions)}: on the server's page, with "
        f"`journeyman approvals answer {row.id} DECISION`, or by POST /runs/{row.run}/resume."
    )


def _listed(decisions: Sequence[str]) -> str:
    *others, last = [f"`{each}`" for each in decisions]
    return f"{', '.join(others)} or {last}" if others else last
