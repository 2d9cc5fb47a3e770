"""Keeps what the code of tools prints in worker processes, so that operators find it beside the run."""

from __future__ import annotations

import logging

from journeyman.clock import Clock
from journeyman.errors import BaseError
from journeyman.events.codec import Codec
from journeyman.journal.journal import Batch, Journal, ToolOutputRow
from journeyman.telemetry.logs.formatters import mask_by_shape
from journeyman.tools.spec import CallRequest

KEPT_BYTES = 4096  # of the output of one call: its end

log = logging.getLogger(__name__)


class ToolOutputs:
    """Stores the end of each call's output, with secrets masked. Nothing waits for it, and no call fails by it."""

    def __init__(self, journal: Journal, codec: Codec, clock: Clock) -> None:
        self._journal = journal
        self._codec = codec
        self._clock = clock

    def keep(self, request: CallRequest, text: str) -> None:
        """Store what this call printed, in place of what an earlier attempt of it did."""
        masked = mask_by_shape(self._codec.clean(text))  # before it is cut, which could leave a part of a secret
        row = ToolOutputRow(
            run=request.run_id,
            call=request.call,
            tool=request.spec.name,
            at=self._clock.now(),
            text=last_bytes(masked, KEPT_BYTES),
        )
        try:
            self._journal.submit(Batch(at=row.at, appends=(), outputs=(row,)))
        except BaseError as exc:
            log.debug("the output of call %s is not stored: %s", request.call, exc.message)


def last_bytes(text: str, most: int) -> str:
    """Return the end of a text that takes at most this many bytes in UTF-8."""
    data = text.encode()
    return text if len(data) <= most else data[-most:].decode(errors="ignore")
