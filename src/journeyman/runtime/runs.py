"""The use cases of runs: start, wait, watch, cancel, answer, look at. Every face calls these and nothing below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from journeyman.events.codec import Entry
from journeyman.events.state import AgentState
from journeyman.journal.journal import ApprovalRow, RunFilter, RunRow
from journeyman.runtime.results import Answer, Frame, RunResult, StartCall, Started, StartRun


class Runs:
    """Every method takes the caller's principal; what belongs to another raises NotFoundError."""

    async def start(self, principal: str, request: StartRun) -> Started:
        """Accept a run: durable when this returns.

        Raises NotFoundError (unknown agent), ValidationError, ThreadBusyError, QueueFullError, IdempotencyError,
        ResourceError (`overloaded`, `shutting_down`).
        """
        raise NotImplementedError

    async def call(self, principal: str, request: StartCall) -> Started:
        """Accept a lone tool call; it has a hidden thread of its own. Raises ToolNotFoundError, ToolValidationError."""
        raise NotImplementedError

    async def wait(self, run_id: str, seconds: float) -> RunResult:
        """How the run ended, or where it stands: returns when it ends, pauses, would wait behind a paused run, or
        after `seconds`. Nothing of it is uncommitted."""
        raise NotImplementedError

    def watch(self, principal: str, run_id: str, after: int = 0, *, until_pause: bool = False) -> AsyncIterator[Frame]:
        """Stored events after `after`, then what happens: entries, deltas, snapshots, progress.

        Ends after the run's end, after Reconnect, and with `until_pause` after run_paused. Close the iterator (aclose)
        when the client goes away. Nothing is buffered for a slow reader. Raises NotFoundError at the first step, and
        ValidationError when `after` lies beyond the run's last event.
        """
        raise NotImplementedError

    async def cancel(self, principal: str, run_id: str, reason: str = "requested") -> RunResult:
        """Ask the run to end; returns when that is durable. Raises StateError `run_ended` if it has ended."""
        raise NotImplementedError

    async def answer(self, principal: str, run_id: str, answers: Sequence[Answer]) -> RunResult:
        """Answer approvals: all in one transaction, each single use. Raises StateError `approval_closed`,
        NotFoundError, ValidationError (a decision that is not among the allowed ones)."""
        raise NotImplementedError

    async def result(self, principal: str, run_id: str) -> RunResult:
        raise NotImplementedError

    async def get(self, principal: str, run_id: str) -> RunRow:
        raise NotImplementedError

    async def list(self, principal: str, where: RunFilter, cursor: int | None, limit: int) -> Sequence[RunRow]:
        """Newest first; the next cursor is the last row's accepted_no."""
        raise NotImplementedError

    async def events(self, principal: str, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        raise NotImplementedError

    async def state(self, principal: str, run_id: str, at: int | None = None) -> AgentState:
        """The fold up to seq `at` (None: all). Raises ValidationError if the run has no such seq."""
        raise NotImplementedError

    async def approvals(self, principal: str, cursor: str | None, limit: int) -> Sequence[ApprovalRow]:
        """What waits for a human, by id."""
        raise NotImplementedError
