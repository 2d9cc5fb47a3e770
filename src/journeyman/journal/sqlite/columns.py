"""Working copies of runs and threads as the values of their rows, in the order of the named queries."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.journal.tables import Run, Thread

encode = msgspec.json.Encoder().encode


def blank_run(run: Run, thread: int) -> tuple[Any, ...]:
    """`thread`: the number of its stream."""
    return (
        run.accepted_no,
        run.id,
        thread,
        run.principal,
        run.agent,
        run.version,
        run.parent,
        run.direct,
        run.has_input,
        run.status,
        run.epoch,
        run.accepted_at,
        run.started_at,
        run.ended_at,
        run.error_code,
        run.error_id,
        run.request_id,
        run.trace_id,
        run.key,
        _or_null(run.reserved),
    )


def saved_run(run: Run) -> tuple[Any, ...]:
    return (
        run.status,
        run.epoch,
        run.accepted_at,
        run.started_at,
        run.ended_at,
        run.error_code,
        run.error_id,
        _or_null(run.reserved),
        run.accepted_no,
    )


def blank_thread(thread: Thread, number: int) -> tuple[Any, ...]:
    """`number`: that of its stream."""
    return (
        number,
        thread.key,
        thread.principal,
        thread.thread_id,
        thread.created_at,
        thread.updated_at,
        thread.active_run,
        thread.window_from,
        encode(thread.context),
        thread.title,
        encode(thread.meta),
        thread.erasing,
        _or_null(thread.pinned),
        _or_null(thread.summary),
    )


def saved_thread(thread: Thread, number: int) -> tuple[Any, ...]:
    return (
        thread.updated_at,
        thread.active_run,
        thread.window_from,
        encode(thread.context),
        thread.erasing,
        _or_null(thread.pinned),
        _or_null(thread.summary),
        number,
    )


def _or_null(value: Any) -> bytes | None:
    return encode(value) if value else None
