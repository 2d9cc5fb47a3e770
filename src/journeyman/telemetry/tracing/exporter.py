"""Exports the trace of each run that ended: a reader of the journal, behind the commit of the run's end."""

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
from journeyman.telemetry.tracing.spans import Span, spans

log = logging.getLogger(__name__)

MOST_WAITING = 1000  # runs that ended and are not read yet
MOST_EVENTS = 10_000  # of one run that are read
PAGE = 1000
CLOSE_SECONDS = 5.0

Read = Callable[[str, int, int], Awaitable[Sequence[Entry]]]  # stream, after, limit


class Sink(Protocol):
    """Where spans go. `export` only hands over; `close` may block: it is left behind after CLOSE_SECONDS."""

    def export(self, spans: Sequence[Span]) -> None: ...

    def close(self) -> None: ...


class Wanted(msgspec.Struct, frozen=True):
    """What the standard variables ask for, and what of it cannot be had."""

    traces: bool = False
    metrics: bool = False
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.traces or self.metrics


def wanted(environ: Mapping[str, str]) -> Wanted:
    """By OpenTelemetry's own variables: without an endpoint nothing is exported, and no package is imported."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted()
    problems: list[str] = []
    traces, metrics = (_wants(signal, environ, problems) for signal in ("TRACES", "METRICS"))
    return Wanted(traces, metrics, tuple(problems))


def header_values(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the standard variables say to send to a collector: secrets, as a rule, each whole and without its scheme."""
    found: list[str] = []
    for signal in ("", "TRACES_", "METRICS_", "LOGS_"):
        for pair in environ.get(f"OTEL_EXPORTER_OTLP_{signal}HEADERS", "").split(","):
            value = unquote(pair.partition("=")[2].strip())
            found += (value, value.rpartition(" ")[2])
    return tuple(dict.fromkeys(filter(None, found)))


def _wants(signal: str, environ: Mapping[str, str], problems: list[str]) -> bool:
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip() or "otlp"
    if exporter == "none" or not any(environ.get(name) for name in endpoints):
        return False
    if exporter != "otlp":
        problems.append(f"OTEL_{signal}_EXPORTER={exporter} is not supported: use otlp or none")
        return False
    general = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or general or "http/protobuf"
    if protocol != "http/protobuf":
        problems.append(f"OTLP over {protocol} is not supported: use http/protobuf (port 4318 of most collectors)")
    return protocol == "http/protobuf"


class Traces:
    """One task that reads what ended and hands its spans on. What it cannot keep up with is left out, and told."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._ended: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def ended(self, run_id: str) -> None:
        """The run's end is committed."""
        try:
            self._ended.put_nowait(run_id)
        except asyncio.QueueFull:
            self.lost += 1
            if self.lost == 1:
                log.warning("more runs end than traces can be exported: some are left out")

    def start(self, read: Read) -> None:
        self._task = asyncio.create_task(self._export(read), name="traces")

    async def aclose(self) -> None:
        """Export what waits, within a bound; idempotent."""
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
        if not await _within(CLOSE_SECONDS, self._sink.close):
            log.warning("the collector of traces does not answer: what waited for it is lost")

    async def _export(self, read: Read) -> None:
        while True:
            run_id = await self._ended.get()
            try:
                self._sink.export(spans(run_id, await _entries(read, run_id)))
            except Exception:  # the root of the task: one run's trace must not take the next one's along
                log.exception("a trace could not be exported", extra={"run_id": run_id})
            finally:
                self._ended.task_done()


async def _within(seconds: float, work: Callable[[], None]) -> bool:
    """Do blocking work in a thread that the process does not wait for at its end. False: it was not done in time."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="traces-close", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done.wait()
    except TimeoutError:
        return False


async def _entries(read: Read, run_id: str) -> list[Entry]:
    found: list[Entry] = []
    while len(found) < MOST_EVENTS:
        page = await read(run_id, found[-1].seq if found else 0, PAGE)
        found += page
        if len(page) < PAGE:
            break
    return found
