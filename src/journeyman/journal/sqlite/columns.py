"""Runs and threads as column values, in the order of the named queries that write them."""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any

import msgspec

from journeyman.journal.tables import Run, Thread

encode = msgspec.json.Encoder().encode


def new_run_values(run: Run, thread: int) -> tuple[Any, ...]:
    """Return the values for `add_run`. `thread` is the number of the thread's stream."""
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
        run.lacks,
    )


def changed_run_values(run: Run) -> tuple[Any, ...]:
    """Return the values for `save_run`."""
    return (
        run.status,
        run.epoch,
        run.accepted_at,
        run.started_at,
        run.ended_at,
        run.error_code,
        run.error_id,
        run.lacks,
        _or_null(run.reserved),
        run.accepted_no,
    )


def new_thread_values(thread: Thread, number: int) -> tuple[Any, ...]:
    """Return the values for `add_thread`. `number` is that of the thread's stream."""
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
        thread.unreadable,
    )


def changed_thread_values(thread: Thread, number: int) -> tuple[Any, ...]:
    """Return the values for `save_thread`. `number` is that of the thread's stream."""
    return (
        thread.updated_at,
        thread.active_run,
        thread.window_from,
        encode(thread.context),
        thread.erasing,
        _or_null(thread.pinned),
        _or_null(thread.summary),
        thread.unreadable,
        thread.title,
        number,
    )


def checksum(seq: int, type: str, v: int, at: int, data: bytes) -> int:
    """Return the checksum that is stored with an event: CRC-32 of its data, begun with its other columns.

    It is shifted into the range of signed numbers, which SQLite stores in 4 bytes.
    """
    return zlib.crc32(data, (_seed(type) + seq + v + at) & 0xFFFFFFFF) - 0x80000000


@cache
def _seed(type: str) -> int:
    return zlib.crc32(type.encode())


def _or_null(value: Any) -> bytes | None:
    return encode(value) if value else None
