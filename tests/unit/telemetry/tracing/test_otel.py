from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

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
from journeyman.telemetry.tracing.otel import OtelSink
from journeyman.telemetry.tracing.spans import spans_of_run

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


async def test_the_sdk_gets_the_spans_unchanged() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    resource = Resource({"service.name": "test"})
    sink = OtelSink(resource, SimpleSpanProcessor(exporter), MeterProvider([reader], shutdown_on_exit=False))
    sink.export(spans_of_run("r1", await read("r1", 0, 100)))

    chat, call, run = exporter.get_finished_spans()
    assert (chat.name, chat.kind) == ("chat gpt-5", SpanKind.CLIENT)
    assert (chat.start_time, chat.end_time) == (3 * 10**9, 4 * 10**9)
    assert {format(span.context.trace_id, "032x") for span in (chat, call, run)} == {TRACE}
    assert chat.parent is not None
    assert call.parent is not None
    assert chat.parent.span_id == call.parent.span_id == run.context.span_id
    assert run.parent is not None
    assert (format(run.parent.span_id, "016x"), run.parent.is_remote) == (CALLER, True)
    assert (run.status.status_code, run.status.description) == (StatusCode.ERROR, "silent")
    assert run.attributes is not None
    assert run.attributes["error.type"] == "gateway_timeout"
    assert (call.status.status_code, call.kind) == (StatusCode.UNSET, SpanKind.INTERNAL)
    assert run.resource.attributes["service.name"] == "test"


async def test_the_sdk_measures_operations_and_tokens() -> None:
    reader = InMemoryMetricReader()
    sink = OtelSink(Resource({}), None, MeterProvider([reader], shutdown_on_exit=False))
    sink.export(spans_of_run("r1", await read("r1", 0, 100)))
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {each.name: each for each in data.resource_metrics[0].scope_metrics[0].metrics}
    durations = {
        str((point.attributes or {})["gen_ai.operation.name"]): point
        for point in metrics["gen_ai.client.operation.duration"].data.data_points
    }
    assert {name: point.sum for name, point in durations.items()} == {
        "chat": 1.0,
        "execute_tool": 0.0,
        "invoke_agent": 5.0,
    }
    assert durations["invoke_agent"].attributes["error.type"] == "gateway_timeout"
    tokens = metrics["gen_ai.client.token.usage"].data.data_points
    assert {(point.attributes or {})["gen_ai.token.type"]: point.sum for point in tokens} == {
        "input": 100,
        "output": 20,
    }
    sink.close()
