"""What the code of one tool call may send to its run: patches of contexts, log lines, reports of its progress."""

from __future__ import annotations

import logging

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.spec import CallRequest

_log = logging.getLogger(__name__)


class CallBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one call, all its tries together."""

    patches: int = 1000
    patch_bytes: int = 4 << 20
    log_lines: int = 10_000
    reports: int = 10_000


class CallAllowance:
    """Counts what a call has sent. The first of a kind that is too many is logged."""

    __slots__ = ("_bounds", "_exceeded", "_lines", "_patch_bytes", "_patches", "_reports", "_request")

    def __init__(self, bounds: CallBounds, request: CallRequest) -> None:
        self._bounds = bounds
        self._request = request
        self._patches = self._patch_bytes = self._lines = self._reports = 0
        self._exceeded: set[str] = set()

    def patch(self, patch: dict[str, JSON]) -> None:
        """Count a patch. Raises ToolExecutionError (`tool_limit`) if the call has sent too many, or too large ones."""
        size = len(msgspec.json.encode(patch))
        if self._patches >= self._bounds.patches:
            raise self._refused(f"a call changes contexts at most {self._bounds.patches} times (CALL_PATCHES)")
        if self._patch_bytes + size > self._bounds.patch_bytes:
            raise self._refused(
                f"the patches of a call have at most {self._bounds.patch_bytes} bytes together (CALL_PATCH_BYTES)"
            )
        self._patches += 1
        self._patch_bytes += size

    def report(self) -> bool:
        """Count a report of progress. Returns False if it is to be dropped."""
        self._reports += 1
        return self._reports <= self._bounds.reports or self._drop(
            f"it reports its progress more than {self._bounds.reports} times (CALL_PROGRESS_REPORTS)"
        )

    def log_line(self) -> bool:
        """Count a line for the log. Returns False if it is to be dropped."""
        self._lines += 1
        return self._lines <= self._bounds.log_lines or self._drop(
            f"it logs more than {self._bounds.log_lines} lines (CALL_LOG_LINES)"
        )

    def _drop(self, what: str) -> bool:
        self._say(f"{what}: what follows is dropped")
        return False

    def _refused(self, text: str) -> ToolExecutionError:
        self._say(text)
        return ToolExecutionError(text, code="tool_limit")

    def _say(self, text: str) -> None:
        """Log a sentence about the call, once."""
        if text not in self._exceeded:
            self._exceeded.add(text)
            request = self._request
            facts = {"run_id": request.run_id, "call": request.call, "tool": request.spec.name}
            _log.warning("tool %s: %s", request.spec.name, text, extra=facts)
