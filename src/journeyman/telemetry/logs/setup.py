"""Structured logs: the standard library's loggers, written as one JSON object a line, or for people.

Whoever logs uses `logging.getLogger(__name__)`; extra fields go in `extra={…}`; the ids of what is going on are bound
around it. All the work is in the handler, so a record below the level costs one comparison.
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
from journeyman.telemetry.logs.formatters import ConsoleFormatter, JsonFormatter, LineHandler, Masker, PatternFormatter

_NOTHING: Mapping[str, str] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("journeyman_log_ids", default=_NOTHING)
QUIET = {"asyncio": logging.INFO, "uvicorn.access": logging.WARNING}  # at the least


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Give these ids (`lines.IDS`) to every record of this task until the block ends."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**ids: str | None) -> None:
    """The same for the rest of this task: for its first line."""
    _bound.set({**_bound.get(), **{name: value for name, value in ids.items() if value is not None}})


def bind_only(**ids: str | None) -> None:
    """These and none of those that the task was made with: for work of its own, whoever began it."""
    _bound.set({name: value for name, value in ids.items() if value is not None})


def configure(
    level: str = "INFO",
    format: str | None = None,
    secrets: Sequence[str] = (),
    *,
    stream: TextIO | None = None,
    ids: Ids | None = None,
) -> None:
    """Send every record of this process to `stream` (stderr), in place of whatever handlers the root logger had.

    Args:
        level: DEBUG to CRITICAL.
        format: json, console or a %-style pattern; None: console on a terminal, else json.
        secrets: values to mask wherever they stand; shorter than 8 characters they are not.
        ids: makes the error_id of an exception that was logged without one.
    """
    stream = stream or sys.stderr
    handler: logging.Handler = logging.NullHandler()
    if stream is not None:  # Python gives none where descriptor 2 was closed
        handler = LineHandler(stream, Masker(secrets))
        handler.setFormatter(_formatter(format, stream, ids or RandomIds()))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(True)


def _formatter(format: str | None, stream: TextIO, ids: Ids) -> logging.Formatter:
    terminal = stream.isatty()
    match format or ("console" if terminal else "json"):
        case "json":
            return JsonFormatter(_bound.get, ids)
        case "console":
            return ConsoleFormatter(_bound.get, ids, colours=terminal)
        case pattern:
            return PatternFormatter(pattern, _bound.get)
