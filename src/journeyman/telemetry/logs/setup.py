"""Configures logging, and binds ids such as the run's to the log records of a task.

Modules log with `logging.getLogger(__name__)` of the standard library and pass extra fields in `extra={…}`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TextIO

from journeyman.ids import Ids, RandomIds
from journeyman.telemetry.logs.formatters import (
    ON_TERMINAL,
    ConsoleFormatter,
    JsonFormatter,
    LineHandler,
    Masker,
    PatternFormatter,
)

QUIET_LOGGERS = {"asyncio": logging.INFO, "uvicorn.access": logging.WARNING}  # logger -> its lowest level

_NO_IDS: Mapping[str, str] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("journeyman_log_ids", default=_NO_IDS)


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Add these ids (`formatters.IDS`) to the log records of the current task inside the block. None is left out."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**ids: str | None) -> None:
    """Add these ids to the log records of the current task from now on. None is left out."""
    _bound.set({**_bound.get(), **{name: value for name, value in ids.items() if value is not None}})


def bind_only(**ids: str | None) -> None:
    """Replace the ids of the current task, so that it does not keep those of the task that made it."""
    _bound.set({name: value for name, value in ids.items() if value is not None})


def configure(
    level: str = "INFO",
    format: str | None = None,
    secrets: Sequence[str] = (),
    *,
    stream: TextIO | None = None,
    ids: Ids | None = None,
    ended_runs: bool = True,
) -> None:
    """Write the log records of this process to `stream` (stderr by default). Replaces the root logger's handlers.

    Args:
        level: DEBUG to CRITICAL.
        format: json, console or a %-style pattern. None means console on a terminal, else json.
        secrets: Values to mask in every line. Values shorter than 8 characters are not masked.
        stream: Where the lines are written.
        ids: Makes the error_id of exceptions that are logged without one.
        ended_runs: Whether the line of a run that has ended or paused is written.
    """
    stream = stream or sys.stderr
    handler: logging.Handler = logging.NullHandler()
    if stream is not None:  # sys.stderr is None if descriptor 2 was closed at the start
        mask = Masker(secrets)
        handler = LineHandler(stream, mask)
        handler.setFormatter(_formatter(format, stream, ids or RandomIds(), mask))
        if not ended_runs:
            handler.addFilter(lambda record: not hasattr(record, ON_TERMINAL))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, lowest in QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    logging.captureWarnings(True)


def _formatter(format: str | None, stream: TextIO, ids: Ids, mask: Masker) -> logging.Formatter:
    terminal = stream.isatty()
    match format or ("console" if terminal else "json"):
        case "json":
            return JsonFormatter(_bound.get, ids)
        case "console":
            return ConsoleFormatter(_bound.get, ids, mask, terminal=terminal)
        case pattern:
            return PatternFormatter(pattern, _bound.get)
