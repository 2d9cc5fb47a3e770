"""The trace exporter reads runs after their end is committed, within limits, and never delays a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    Failure,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunFailed,
    RunStarted,
    ToolCallFinished,
)
from journeyman.events.messages import Usage, assistant
from journeyman.telemetry.tracing.exporter import (
    MAX_WAITING_RUNS,
    ExportConfig,
    TraceExporter,
    export_config,
    header_values,
)
from journeyman.telemetry.tracing.spans import Span

TRACE, CALLER = "a" * 32, "b" * 16


EVENTS = (
    RunAccepted(thread="ann/t", principal="ann", agent="support", trace_id=TRACE, caller_span=CALLER),
    RunStarted(epoch=1),
    ModelCalled(call="m1", model="gpt-5"),
    ModelReplied(call="m1", model="gpt-5", message=assistant(""), usage=Usage(100, 20)),
    ToolCallFinished(call="m1.0", call_id="c", tool="refund", result="ok", attempts=1),
    RunFailed(error=Failure("gateway_timeout", "silent")),
)


async def read(stream: str, after: int, limit: int) -> Sequence[Entry]:
    if stream == "broken":
        raise OSError("the disk is gone")
    drafts = [Codec().draft(event) for event in EVENTS]
    stored = [Entry(stream, seq, each.type, each.v, seq * 1_000_000, each.data) for seq, each in enumerate(drafts, 1)]
    return stored[after : after + limit]


class RecordingSink:
    """A sink that keeps the names of the spans."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.closed = 0

    def export(self, spans: Sequence[Span]) -> None:
        self.names += [span.name for span in spans]

    def close(self) -> None:
        self.closed += 1


async def test_queued_runs_are_exported_before_the_close() -> None:
    sink = RecordingSink()
    traces = TraceExporter(sink)
    traces.start(read)
    for _ in range(2):
        traces.ended("r1")
    await traces.aclose()
    await traces.aclose()
    assert sink.names == 2 * ["chat gpt-5", "execute_tool refund", "invoke_agent support"]
    assert sink.closed == 1


async def test_a_trace_that_cannot_be_read_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    sink = RecordingSink()
    traces = TraceExporter(sink)
    traces.start(read)
    traces.ended("broken")
    traces.ended("r1")
    await traces.aclose()
    assert sink.names[-1] == "invoke_agent support"
    assert [record.run_id for record in caplog.records] == ["broken"]  # type: ignore[attr-defined]


async def test_runs_beyond_the_queue_are_skipped_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    traces = TraceExporter(RecordingSink())
    for _ in range(MAX_WAITING_RUNS + 5):
        traces.ended("r1")
    assert traces.lost == 5
    assert len(caplog.records) == 1
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("environ", "config"),
    [
        ({}, ExportConfig()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ExportConfig()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ExportConfig(True, True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ExportConfig(True, False)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "none"}, ExportConfig(True, False)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "TRUE"}, ExportConfig()),
    ],
)
def test_the_standard_variables_say_what_is_exported(environ: dict[str, str], config: ExportConfig) -> None:
    assert export_config(environ) == config


def test_unsupported_exporters_are_problems() -> None:
    grpc = export_config({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert not grpc
    assert "http/protobuf" in grpc.problems[0]
    other = export_config({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "zipkin"})
    assert (other.traces, other.metrics, len(other.problems)) == (False, True, 1)


def test_header_values_for_a_collector_are_secret() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc-123, x-key = k",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "broken,x=y",
    }
    assert header_values(environ) == ("Bearer abc-123", "abc-123", "k", "y")
    assert header_values({}) == ()
