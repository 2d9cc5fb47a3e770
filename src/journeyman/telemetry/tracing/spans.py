"""A run's events as spans, by the GenAI semantic conventions of OpenTelemetry. Pure: no SDK is needed to read a trace.

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
from journeyman.telemetry.logs.formatters import by_shape

Value = str | int | float | bool | tuple[str, ...]
OWN = "journeyman"
GATEWAY = "openai"  # the protocol that the gateway speaks, whoever is behind it
_OWN_MODELS = ("offline", "script:", "replay:")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One operation: times in µs since the epoch; `error` is a stable code."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: Literal["internal", "client"]
    start: int
    end: int
    attributes: dict[str, Value]
    error: str | None = None
    message: str = ""


class _Open(msgspec.Struct):
    name: str
    kind: Literal["internal", "client"]
    start: int
    attributes: dict[str, Value]
    parent_id: str | None


def spans(run_id: str, entries: Iterable[Entry]) -> tuple[Span, ...]:
    """The run's spans in the order of their ends, the run itself last. Of a run under way: those that ended.

    Events that a fork copied happened in another run, and are left out.
    """
    trace = _Trace(run_id)
    for entry in entries:
        event = entry.event
        if entry.seq == 1 and isinstance(event, RunAccepted):
            trace.accepted(entry.at, event)
        elif entry.seq > trace.copied:
            trace.step(entry.at, event)
    return tuple(trace.ended)


class _Trace:
    """The fold: what is open by step, what has ended."""

    def __init__(self, run_id: str) -> None:
        self.copied = 0
        self.ended: list[Span] = []
        self._run_id = run_id
        self._trace_id = trace_of(run_id, None)
        self._run: _Open | None = None
        self._open: dict[str, _Open] = {}  # by the ids of their spans
        self._nodes: dict[Path, str] = {}  # that are entered -> their spans
        self._usage = Usage()
        self._steps: dict[type[Any], Callable[[int, Any], None]] = {
            RunStarted: self._started,
            ModelCalled: self._model_called,
            ModelReplied: self._model_replied,
            ModelFailed: self._model_failed,
            HistorySummarized: self._summarized,
            ToolCallStarted: self._tool_started,
            ToolCallFinished: self._tool_finished,
            ApprovalRequested: self._asked,
            ApprovalGiven: self._answered,
            NodeEntered: self._entered,
            NodeLeft: self._left,
            RunFinished: self._run_finished,
            RunFailed: self._run_failed,
            RunCancelled: self._run_cancelled,
        }

    def accepted(self, at: int, event: RunAccepted) -> None:
        self.copied = event.copied
        parent = event.parent
        self._trace_id = trace_of(parent.run_id if parent else self._run_id, event.trace_id)
        parent_id = step_span(parent.run_id, parent.call) if parent else event.caller_span
        self._run = _Open(*_root(event), at, _identity(self._run_id, event), parent_id)

    def step(self, at: int, event: Event) -> None:
        if self._run is None:
            return
        if self.copied and not self.ended and not self._open:
            self._run.start = max(self._run.start, at)  # a fork begins where its own events do
            self.copied = 0
        fold = self._steps.get(type(event))
        if fold is not None:
            fold(at, event)

    def _started(self, at: int, event: RunStarted) -> None:
        if self._run is not None and at > self._run.start:
            self._run.attributes[f"{OWN}.queue_seconds"] = (at - self._run.start) / 1_000_000

    def _model_called(self, at: int, event: ModelCalled) -> None:
        own = event.model.startswith(_OWN_MODELS)
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": OWN if own else GATEWAY,
            "gen_ai.request.model": event.model,
            f"{OWN}.call": event.call,
            f"{OWN}.attempt": event.attempt,
        }
        self._open[self._of(event.call, event.attempt)] = self._begun(
            f"chat {event.model}", at, attributes, event.path, "client"
        )

    def _model_replied(self, at: int, event: ModelReplied) -> None:
        self._usage = self._usage + event.usage
        said: dict[str, Value] = {"gen_ai.response.finish_reasons": (event.finish_reason,), **_tokens(event.usage)}
        if event.model:
            said["gen_ai.response.model"] = event.model
        self._end(self._of(event.call, event.attempt), at, said)

    def _summarized(self, at: int, event: HistorySummarized) -> None:
        self._usage = self._usage + event.usage

    def _model_failed(self, at: int, event: ModelFailed) -> None:
        self._end(self._of(event.call, event.attempt), at, {}, event.error)

    def _tool_started(self, at: int, event: ToolCallStarted) -> None:
        self._open.setdefault(self._of(event.call), self._tool(at, event))

    def _tool_finished(self, at: int, event: ToolCallFinished) -> None:
        self._open.setdefault(self._of(event.call), self._tool(at, event))
        said: dict[str, Value] = {f"{OWN}.attempts": event.attempts, f"{OWN}.cached": event.cached}
        self._end(self._of(event.call), at, said, event.error)

    def _tool(self, at: int, event: ToolCallStarted | ToolCallFinished) -> _Open:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": event.call_id,
            f"{OWN}.call": event.call,
        }
        return self._begun(f"execute_tool {event.tool}", at, attributes, event.path)

    def _asked(self, at: int, event: ApprovalRequested) -> None:
        attributes: dict[str, Value] = {f"{OWN}.approval.kind": event.kind, f"{OWN}.call": event.call}
        name = f"approval {event.tool}" if event.tool else "approval"
        self._open[self._of(event.approval)] = self._begun(name, at, attributes, event.path)

    def _answered(self, at: int, event: ApprovalGiven) -> None:
        said: dict[str, Value] = {f"{OWN}.approval.decision": event.decision}
        self._end(self._of(event.approval), at, said)

    def _run_finished(self, at: int, event: RunFinished) -> None:
        stopped: dict[str, Value] = {f"{OWN}.stopped_by": event.stopped_by} if event.stopped_by else {}
        self._end_run(at, "finished", stopped)

    def _run_failed(self, at: int, event: RunFailed) -> None:
        self._end_run(at, "failed", {}, event.error)

    def _run_cancelled(self, at: int, event: RunCancelled) -> None:
        self._end_run(at, "cancelled", {f"{OWN}.cancel_reason": event.reason})

    def _entered(self, at: int, event: NodeEntered) -> None:
        if event.call:  # the node `end` is entered and has no work
            attributes: dict[str, Value] = {f"{OWN}.node": event.path.node, f"{OWN}.visit": event.path.visit}
            self._open[self._node(event)] = self._begun(f"node {event.path.node}", at, attributes, ROOT)
            self._nodes[event.path] = self._node(event)

    def _left(self, at: int, event: NodeLeft) -> None:
        self._nodes.pop(event.path, None)
        self._end(self._node(event), at, {}, event.error)

    def _node(self, event: NodeEntered | NodeLeft) -> str:
        """A child run stands under its step: under the first attempt, which is the usual one."""
        return self._of(event.call, event.attempt if event.attempt > 1 else 0)

    def _begun(
        self,
        name: str,
        at: int,
        attributes: dict[str, Value],
        path: Path,
        kind: Literal["internal", "client"] = "internal",
    ) -> _Open:
        return _Open(name, kind, at, attributes, self._nodes.get(path, run_span(self._run_id)))

    def _of(self, call: str, attempt: int = 0) -> str:
        return step_span(self._run_id, call, attempt)

    def _end(self, span_id: str, at: int, said: dict[str, Value], error: Failure | None = None) -> None:
        opened = self._open.pop(span_id, None)
        if opened is not None:
            self.ended.append(self._span(opened, span_id, at, said, error))

    def _end_run(self, at: int, status: str, said: dict[str, Value], error: Failure | None = None) -> None:
        assert self._run is not None
        for span_id, opened in self._open.items():  # an approval that nobody answered
            self.ended.append(self._span(opened, span_id, at, {}, None))
        self._open.clear()
        said = {f"{OWN}.status": status, **_tokens(self._usage), **said}
        self.ended.append(self._span(self._run, run_span(self._run_id), at, said, error))

    def _span(self, opened: _Open, span_id: str, at: int, said: dict[str, Value], error: Failure | None) -> Span:
        attributes = {**opened.attributes, **said}
        if error is not None:
            attributes["error.type"] = error.code
        return Span(
            trace_id=self._trace_id,
            span_id=span_id,
            parent_id=opened.parent_id,
            name=opened.name,
            kind=opened.kind,
            start=opened.start,
            end=max(at, opened.start),
            attributes=attributes,
            error=error.code if error else None,
            message=by_shape(error.message) if error else "",
        )


def _root(event: RunAccepted) -> tuple[str, Literal["internal"]]:
    if event.direct is not None:
        return f"run {event.direct.tool}", "internal"
    return f"invoke_agent {event.agent}" if event.agent else "invoke_agent", "internal"


def _identity(run_id: str, event: RunAccepted) -> dict[str, Value]:
    known = {
        "gen_ai.operation.name": None if event.direct else "invoke_agent",
        "gen_ai.provider.name": OWN,
        "gen_ai.agent.name": event.agent,
        "gen_ai.agent.version": event.version,
        "gen_ai.conversation.id": None if event.direct else ThreadRef.parse(event.thread).id,
        f"{OWN}.run_id": run_id,
        f"{OWN}.request_id": event.request_id,
        f"{OWN}.principal": event.principal,
    }
    return {name: value for name, value in known.items() if value is not None}


def _tokens(usage: Usage) -> dict[str, Value]:
    said: dict[str, Value] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cached_tokens:
        said["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    if usage.cost_usd is not None:
        said[f"{OWN}.cost_usd"] = usage.cost_usd
    return said
