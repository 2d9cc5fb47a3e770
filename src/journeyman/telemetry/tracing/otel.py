"""Exports spans and GenAI metrics through the OpenTelemetry SDK (extra `otel`). Imported only if it is configured."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from journeyman.telemetry.tracing.exporter import ExportConfig
from journeyman.telemetry.tracing.spans import Span, Value

SCOPE = "journeyman"
CLOSE_MILLISECONDS = 5000.0
UNNAMED_SERVICE = "unknown_service"  # the SDK's name of a service without a name
_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
_TOKEN_BOUNDS = [4.0**power for power in range(14)]  # as the conventions define them
_SECONDS_BOUNDS = [0.01 * 2**power for power in range(14)]
_LABELS = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.tool.name", "error.type")


class OtelSink:
    """A SpanSink over the SDK: a processor exports spans, and meters export metrics. Either may be None."""

    def __init__(
        self, resource: Resource, processor: SpanProcessor | None = None, meters: MeterProvider | None = None
    ) -> None:
        self._resource = resource
        self._processor = processor
        self._meters = meters
        meter = (meters or MeterProvider()).get_meter(SCOPE)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS,
        )
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS_BOUNDS,
        )

    @classmethod
    def over_http(cls, config: ExportConfig, version: str) -> OtelSink:
        """Return a sink that exports over OTLP/HTTP. The SDK reads the OTEL_… environment variables."""
        resource = Resource.create({"service.version": version})
        if str(resource.attributes.get("service.name", UNNAMED_SERVICE)).startswith(UNNAMED_SERVICE):
            resource = resource.merge(Resource({"service.name": SCOPE}))
        processor = BatchSpanProcessor(OTLPSpanExporter()) if config.traces else None
        if not config.metrics:
            return cls(resource, processor)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        return cls(resource, processor, MeterProvider([reader], resource, shutdown_on_exit=False))

    def export(self, spans: Sequence[Span]) -> None:
        """Hand the spans to the SDK, which sends them in the background."""
        for span in spans:
            if self._processor is not None:
                self._processor.on_end(self._to_readable(span))
            if self._meters is not None:
                self._measure(span)

    def close(self) -> None:
        """Send what is still buffered. The SDK's exporters limit the time themselves."""
        if self._processor is not None:
            self._processor.shutdown()
        if self._meters is not None:
            self._meters.shutdown(CLOSE_MILLISECONDS)

    def _to_readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name,
            _span_context(span.trace_id, span.span_id, remote=False),
            _span_context(span.trace_id, span.parent_id, remote=True) if span.parent_id else None,
            self._resource,
            span.attributes,
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.message) if span.error else Status(),
            start_time=span.start * 1000,
            end_time=span.end * 1000,
            instrumentation_scope=InstrumentationScope(SCOPE),
        )

    def _measure(self, span: Span) -> None:
        """Record the span's duration and tokens. Only attributes with a limited set of values become labels."""
        if "gen_ai.operation.name" not in span.attributes:
            return
        labels: dict[str, Value] = {name: span.attributes[name] for name in _LABELS if name in span.attributes}
        self._seconds.record((span.end - span.start) / 1_000_000, labels)
        if span.kind != "client":  # the tokens of a run are the sum of its model calls, which are counted already
            return
        for kind in ("input", "output"):
            count = span.attributes.get(f"gen_ai.usage.{kind}_tokens")
            if isinstance(count, int):
                self._tokens.record(count, {**labels, "gen_ai.token.type": kind})


def _span_context(trace_id: str, span_id: str, *, remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED))
