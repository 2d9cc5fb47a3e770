"""Exports the trace of each run after the commit of its end, from the events in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

import msgspec

from journeyman.events.codec import Entry
from journeyman.telemetry.tracing.spans import Span, spans_of_run

log = logging.getLogger(__name__)

MAX_WAITING_RUNS = 1000  # ended and not read yet
MAX_EVENTS = 10_000  # read of one run
PAGE_SIZE = 1000
CLOSE_SECONDS = 5.0

Read = Callable[[str, int, int], Awaitable[Sequence[Entry]]]  # stream, after, limit


class SpanSink(Protocol):
    """Where spans are exported to."""

    def export(self, spans: Sequence[Span]) -> None:
        """Take the spans without blocking."""
        ...

    def close(self) -> None:
        """Send what is still buffered. May block; the exporter stops waiting for it after CLOSE_SECONDS."""
        ...


class ExportConfig(msgspec.Struct, frozen=True):
    """What OpenTelemetry's environment variables ask to export. `problems` names what is not supported."""

    traces: bool = False
    metrics: bool = False
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.traces or self.metrics


def export_config(environ: Mapping[str, str]) -> ExportConfig:
    """Read OpenTelemetry's environment variables. Without an endpoint nothing is exported."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ExportConfig()
    problems: list[str] = []
    traces, metrics = (_is_exported(signal, environ, problems) for signal in ("TRACES", "METRICS"))
    return ExportConfig(traces, metrics, tuple(problems))


def header_values(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the header values that are sent to a collector, which are usually secrets.

    A value with a scheme, such as `Bearer abc`, is returned whole and without its scheme.
    """
    values: list[str] = []
    for signal in ("", "TRACES_", "METRICS_", "LOGS_"):
        for pair in environ.get(f"OTEL_EXPORTER_OTLP_{signal}HEADERS", "").split(","):
            value = unquote(pair.partition("=")[2].strip())
            values += (value, value.rpartition(" ")[2])
    return tuple(dict.fromkeys(filter(None, values)))


def _is_exported(signal: str, environ: Mapping[str, str], problems: list[str]) -> bool:
    """Return whether a signal is exported. Appends to `problems` what is not supported."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip() or "otlp"
    if exporter == "none" or not any(environ.get(name) for name in endpoints):
        return False
    if exporter != "otlp":
        problems.append(f"OTEL_{signal}_EXPORTER={exporter} is not supported. Use otlp or none.")
        return False
    shared = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or shared or "http/protobuf"
    if protocol != "http/protobuf":
        problems.append(f"OTLP over {protocol} is not supported. Use http/protobuf (port 4318 of most collectors).")
    return protocol == "http/protobuf"


class TraceExporter:
    """Exports the traces of ended runs in one task. If it falls behind, runs are skipped, and counted in `lost`."""

    def __init__(self, sink: SpanSink) -> None:
        self.lost = 0
        self._sink = sink
        self._ended: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING_RUNS)
        self._task: asyncio.Task[None] | None = None

    def ended(self, run_id: str) -> None:
        """Queue a run whose end is committed."""
        try:
            self._ended.put_nowait(run_id)
        except asyncio.QueueFull:
            self.lost += 1
            if self.lost == 1:
                log.warning("runs end faster than their traces can be exported; some traces are skipped")

    def start(self, read: Read) -> None:
        """Start the export. `read` reads the journal."""
        self._task = asyncio.create_task(self._export(read), name="traces")

    async def aclose(self) -> None:
        """Export the queued runs, for at most CLOSE_SECONDS, and close the sink. Can be called again."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._ended.join()
        except TimeoutError:
            log.warning("traces of %d runs were not exported in time", self._ended.qsize())
        task.cancel()
        await asyncio.wait([task])
        if not await _run_in_thread(self._sink.close, CLOSE_SECONDS):
            log.warning("the collector of traces does not answer; the spans that were not sent are lost")

    async def _export(self, read: Read) -> None:
        while True:
            run_id = await self._ended.get()
            try:
                self._sink.export(spans_of_run(run_id, await _read_entries(read, run_id)))
            except Exception:  # one trace that cannot be exported must not end the task
                log.exception("a trace could not be exported", extra={"run_id": run_id})
            finally:
                self._ended.task_done()


async def _run_in_thread(work: Callable[[], None], seconds: float) -> bool:
    """Run blocking work in a daemon thread, which does not delay the end of the process.

    Returns False if the work is not done after `seconds`.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop was closed after the timeout
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="traces-close", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done.wait()
    except TimeoutError:
        return False


async def _read_entries(read: Read, run_id: str) -> list[Entry]:
    entries: list[Entry] = []
    while len(entries) < MAX_EVENTS:
        page = await read(run_id, entries[-1].seq if entries else 0, PAGE_SIZE)
        entries += page
        if len(page) < PAGE_SIZE:
            break
    return entries
