"""Errors of runs for protocols whose answer is the reply: what is said if there is none."""

from __future__ import annotations

from typing import NoReturn

from journeyman.api.problems import RequestError
from journeyman.api.responses import raise_gateway_failure
from journeyman.runtime.use_cases.requests import RunResult

_RETRY_SECONDS = 5


class RunError(RequestError):
    """The answer to a request whose run has no reply: it failed, was cancelled, or goes on."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        run_id: str,
        thread_id: str,
        error_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after
        self.run_id = run_id
        self.thread_id = thread_id
        self.error_id = error_id


def raise_without_reply(result: RunResult) -> NoReturn:
    """Raise the error of a run that has no reply."""
    raise_gateway_failure(result)
    run_id, thread_id, error = result.run_id, result.thread_id, result.error
    if result.status == "failed":
        code, text = (error.code, error.message) if error else ("internal_error", "The run failed.")
        error_id = error.error_id if error else None
        raise RunError(text, status=502, code=code, run_id=run_id, thread_id=thread_id, error_id=error_id)
    if result.status == "cancelled":
        text = f"The run {run_id} was cancelled."
        raise RunError(text, status=409, code="run_cancelled", run_id=run_id, thread_id=thread_id)
    waits = f" {result.waiting_reason}" if result.waiting_reason else ""
    text = f"The run {run_id} has no reply yet and goes on.{waits} GET /runs/{run_id} shows it."
    raise RunError(
        text, status=503, code="run_in_progress", run_id=run_id, thread_id=thread_id, retry_after=_RETRY_SECONDS
    )


def shutting_down(run_id: str, thread_id: str) -> RunError:
    """Return the error of a stream that ends because the server shuts down. The run goes on in the next process."""
    text = f"The server is shutting down. The run {run_id} goes on: GET /runs/{run_id} shows its answer."
    return RunError(text, status=503, code="shutting_down", run_id=run_id, thread_id=thread_id, retry_after=1)
