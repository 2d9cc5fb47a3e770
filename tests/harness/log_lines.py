"""Logging set up as the server does it, with its lines kept in memory."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

from journeyman.ids import SequentialIds
from journeyman.telemetry.logs import setup as logs

LOGGER = logging.getLogger("journeyman.test_logs")


class Sink(io.StringIO):
    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def started(format: str | None = "json", **more: Any) -> Sink:
    sink = Sink(more.pop("terminal", False))
    logs.configure(format=format, stream=sink, ids=SequentialIds(), **more)
    return sink
