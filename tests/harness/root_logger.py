"""The root logger, put back as it was: servers and commands set it up for a process of their own."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from journeyman.telemetry.logs import setup as logs


@contextmanager
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)


@contextmanager
def json_lines() -> Iterator[io.StringIO]:
    """What is logged meanwhile, one JSON object a line."""
    sink = io.StringIO()
    with restored():
        logs.configure("INFO", "json", stream=sink)
        yield sink
