"""Makes spans of a run's events, by the GenAI semantic conventions of OpenTelemetry. Pure: it needs no SDK.

Names and attributes: semantic-conventions 1.41, gen-ai-agent-spans and gen-ai-spans (status: development).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.events import (
    ROOT,
    ApprovalGiven,
    ApprovalRequested,
    Event,
    Failure,
    HistorySummarized,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Path,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import Usage
from journeyman.events.streams import ThreadRef
from journeyman.events.trace import run_span, step_span, trace_of
from journeyman.telemetry.logs.formatters import mask_by_shape

Value = str | int | float | bool | tuple[str, ...]
Kind = Literal["internal", "client"]
OWN_PREFIX = "journeyman"  # of attributes that the conventions do not have
GATEWAY_PROVIDER = "openai"  # the protocol of the gateway, for any provider behind it
_OWN_MODELS = ("offline", "script:", "replay:")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. Times are microseconds since the epoch; `error` is a stable error code, and `message` its text."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: Kind
    start: int
    end: int
    attributes: dict[str, Value]
    error: str | None = None
    message: str = ""


class _OpenSpan(msgspec.Struct, frozen=True):
    """A span that has begun."""

    name: str
    kind: Kind
    start: int
    attributes: dict[str, Value]
    parent_id: str | None


def spans_of_run(run_id: str, entries: Iterable[Entry]) -> tuple[Span, ...]:
    """Return the spans of a run in the order of their ends, the span of the run itself last.

    For a run in progress, these are the spans that have ended. Events that a fork copied are left out, since they
    happened in another run.
    """
    trace = _TraceFold(run_id)
    for entry in entries:
        trace.apply(entry.seq, entry.at, entry.event)
    return tuple(trace.ended)


def open_spans(run_id: str, entries: Iterable[Entry], at: int) -> tuple[Span, ...]:
    """Return the spans of a run that have not ended, as they are at time `at` (µs since the epoch), the run's own last.

    Empty: the run has ended.
    """
    trace = _TraceFold(run_id)
    for entry in entries:
        trace.apply(entry.seq, entry.at, entry.event)
    return trace.still_open(at)


class _TraceFold:
    """Folds the events of one run into spans, in the order of their seqs."""

    def __init__(self, run_id: str) -> None:
        self.ended: list[Span] = []
        self._copied = 0  # events at the start that a fork copied
        self._run_id = run_id
        self._trace_id = trace_of(run_id, None)
        self._run: _OpenSpan | None = None
        self._open: dict[str, _OpenSpan] = {}  # by span id
        self._nodes: dict[Path, str] = {}  # open node -> span id
        self._usage = Usage()
        self._handlers: dict[type[Any], Callable[[int, Any], None]] = {
            RunStarted: self._run_started,
            ModelCalled: self._model_called,
            ModelReplied: self._model_replied,
            ModelFailed: self._model_failed,
            HistorySummarized: self._history_summarized,
            ToolCallStarted: self._tool_started,
            ToolCallFinished: self._tool_finished,
            ApprovalRequested: self._approval_requested,
            ApprovalGiven: self._approval_given,
            NodeEntered: self._node_entered,
            NodeLeft: self._node_left,
            RunFinished: self._run_finished,
            RunFailed: self._run_failed,
            RunCancelled: self._run_cancelled,
        }

    def apply(self, seq: int, at: int, event: Event) -> None:
        """Apply one event, committed at `at`. Events without a span are ignored."""
        if seq == 1 and isinstance(event, RunAccepted):
            self._accepted(at, event)
        elif seq > self._copied and self._run is not None:
            if (
                self._copied and not self.ended and not self._open
            ):  # a fork begins with the first event that it did not copy
                self._run = msgspec.structs.replace(self._run, start=max(self._run.start, at))
                self._copied = 0
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(at, event)

    def still_open(self, at: int) -> tuple[Span, ...]:
        """Return the open spans, as if they ended at time `at`."""
        if self._run is None or (self.ended and self.ended[-1].span_id == run_span(self._run_id)):
            return ()
        begun = [*self._open.items(), (run_span(self._run_id), self._run)]
        return tuple(self._span(span, span_id, at, {}, None) for span_id, span in begun)

    def _accepted(self, at: int, event: RunAccepted) -> None:
        self._copied = event.copied
        parent = event.parent
        self._trace_id = trace_of(parent.run_id if parent else self._run_id, event.trace_id)
        parent_id = step_span(parent.run_id, parent.call) if parent else event.caller_span
        self._run = _OpenSpan(_root_name(event), "internal", at, _root_attributes(self._run_id, event), parent_id)

    def _run_started(self, at: int, event: RunStarted) -> None:
        if self._run is not None and at > self._run.start:
            self._run.attributes[f"{OWN_PREFIX}.queue_seconds"] = (at - self._run.start) / 1_000_000

    def _model_called(self, at: int, event: ModelCalled) -> None:
        own = event.model.startswith(_OWN_MODELS)
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": OWN_PREFIX if own else GATEWAY_PROVIDER,
            "gen_ai.request.model": event.model,
            f"{OWN_PREFIX}.call": event.call,
            f"{OWN_PREFIX}.attempt": event.attempt,
        }
        if event.gateway:
            attributes[f"{OWN_PREFIX}.gateway"] = event.gateway
        self._end(self._span_id(event.call, event.attempt - 1), at, {})  # a crash, or too long a request, ended it
        span_id = self._span_id(event.call, event.attempt)
        self._open[span_id] = self._open_span(f"chat {event.model}", at, attributes, event.path, "client")

    def _model_replied(self, at: int, event: ModelReplied) -> None:
        self._usage = self._usage + event.usage
        attributes: dict[str, Value] = {
            "gen_ai.response.finish_reasons": (event.finish_reason,),
            **_usage_attributes(event.usage),
        }
        if event.model:
            attributes["gen_ai.response.model"] = event.model
        if event.gateway:
            attributes[f"{OWN_PREFIX}.gateway"] = event.gateway
        self._end(self._span_id(event.call, event.attempt), at, attributes)

    def _history_summarized(self, at: int, event: HistorySummarized) -> None:
        self._usage = self._usage + event.usage

    def _model_failed(self, at: int, event: ModelFailed) -> None:
        self._end(self._span_id(event.call, event.attempt), at, {}, event.error)

    def _tool_started(self, at: int, event: ToolCallStarted) -> None:
        self._open.setdefault(self._span_id(event.call), self._tool_span(at, event))

    def _tool_finished(self, at: int, event: ToolCallFinished) -> None:
        self._open.setdefault(self._span_id(event.call), self._tool_span(at, event))
        attributes: dict[str, Value] = {f"{OWN_PREFIX}.attempts": event.attempts, f"{OWN_PREFIX}.cached": event.cached}
        self._end(self._span_id(event.call), at, attributes, event.error)

    def _tool_span(self, at: int, event: ToolCallStarted | ToolCallFinished) -> _OpenSpan:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": event.call_id,
            f"{OWN_PREFIX}.call": event.call,
        }
        return self._open_span(f"execute_tool {event.tool}", at, attributes, event.path)

    def _approval_requested(self, at: int, event: ApprovalRequested) -> None:
        attributes: dict[str, Value] = {f"{OWN_PREFIX}.approval.kind": event.kind, f"{OWN_PREFIX}.call": event.call}
        name = f"approval {event.tool}" if event.tool else "approval"
        self._open[self._span_id(event.approval)] = self._open_span(name, at, attributes, event.path)

    def _approval_given(self, at: int, event: ApprovalGiven) -> None:
        attributes: dict[str, Value] = {f"{OWN_PREFIX}.approval.decision": event.decision}
        self._end(self._span_id(event.approval), at, attributes)

    def _run_finished(self, at: int, event: RunFinished) -> None:
        stopped: dict[str, Value] = {f"{OWN_PREFIX}.stopped_by": event.stopped_by} if event.stopped_by else {}
        self._end_run(at, "finished", stopped)

    def _run_failed(self, at: int, event: RunFailed) -> None:
        self._end_run(at, "failed", {}, event.error)

    def _run_cancelled(self, at: int, event: RunCancelled) -> None:
        self._end_run(at, "cancelled", {f"{OWN_PREFIX}.cancel_reason": event.reason})

    def _node_entered(self, at: int, event: NodeEntered) -> None:
        if event.call:  # the node `end` has no call, so no span
            attributes: dict[str, Value] = {
                f"{OWN_PREFIX}.node": event.path.node,
                f"{OWN_PREFIX}.visit": event.path.visit,
            }
            self._open[self._node_span_id(event)] = self._open_span(f"node {event.path.node}", at, attributes, ROOT)
            self._nodes[event.path] = self._node_span_id(event)

    def _node_left(self, at: int, event: NodeLeft) -> None:
        self._nodes.pop(event.path, None)
        self._end(self._node_span_id(event), at, {}, event.error)

    def _node_span_id(self, event: NodeEntered | NodeLeft) -> str:
        """Return the id of a node's span. A child run's parent is the span of the first attempt, which is attempt 0."""
        return self._span_id(event.call, event.attempt if event.attempt > 1 else 0)

    def _open_span(
        self,
        name: str,
        at: int,
        attributes: dict[str, Value],
        path: Path,
        kind: Kind = "internal",
    ) -> _OpenSpan:
        return _OpenSpan(name, kind, at, attributes, self._nodes.get(path, run_span(self._run_id)))

    def _span_id(self, call: str, attempt: int = 0) -> str:
        return step_span(self._run_id, call, attempt)

    def _end(self, span_id: str, at: int, attributes: dict[str, Value], error: Failure | None = None) -> None:
        begun = self._open.pop(span_id, None)
        if begun is not None:
            self.ended.append(self._span(begun, span_id, at, attributes, error))

    def _end_run(self, at: int, status: str, attributes: dict[str, Value], error: Failure | None = None) -> None:
        assert self._run is not None
        for span_id, begun in self._open.items():  # an approval without an answer ends with its run
            self.ended.append(self._span(begun, span_id, at, {}, None))
        self._open.clear()
        attributes = {f"{OWN_PREFIX}.status": status, **_usage_attributes(self._usage), **attributes}
        self.ended.append(self._span(self._run, run_span(self._run_id), at, attributes, error))

    def _span(
        self, begun: _OpenSpan, span_id: str, at: int, attributes: dict[str, Value], error: Failure | None
    ) -> Span:
        attributes = {**begun.attributes, **attributes}
        if error is not None:
            attributes["error.type"] = error.code
        return Span(
            trace_id=self._trace_id,
            span_id=span_id,
            parent_id=begun.parent_id,
            name=begun.name,
            kind=begun.kind,
            start=begun.start,
            end=max(at, begun.start),
            attributes=attributes,
            error=error.code if error else None,
            message=mask_by_shape(error.message) if error else "",
        )


def _root_name(event: RunAccepted) -> str:
    if event.direct is not None:
        return f"run {event.direct.tool}"
    return f"invoke_agent {event.agent}" if event.agent else "invoke_agent"


def _root_attributes(run_id: str, event: RunAccepted) -> dict[str, Value]:
    values = {
        "gen_ai.operation.name": None if event.direct else "invoke_agent",
        "gen_ai.provider.name": OWN_PREFIX,
        "gen_ai.agent.name": event.agent,
        "gen_ai.agent.version": event.version,
        "gen_ai.conversation.id": None if event.direct else ThreadRef.parse(event.thread).id,
        f"{OWN_PREFIX}.run_id": run_id,
        f"{OWN_PREFIX}.request_id": event.request_id,
        f"{OWN_PREFIX}.principal": event.principal,
    }
    return {name: value for name, value in values.items() if value is not None}


def _usage_attributes(usage: Usage) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cached_tokens:
        attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    if usage.cost_usd is not None:
        attributes[f"{OWN_PREFIX}.cost_usd"] = usage.cost_usd
    return attributes
