"""Every error Journeyman raises on purpose: one tree, drawn where it starts.

An error carries facts and never logs, retries or prints. A class exists because somebody catches it.
`code` is a stable word for machines; the message is a sentence for people and says what to do next.
HTTP statuses are given in one place, `journeyman.api.problems`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a user's file. `line` and `column` count from 1; None where there is no such place."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    remedy: str | None = None
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class BaseError(Exception):
    """The root. `code` may be given per instance where one class covers several stable codes."""

    default_code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.retry_after = retry_after  # seconds; None: no advice


class ConfigurationError(BaseError):
    """Settings, an agent file or a tools folder cannot be used. `problems` lists all of them at once."""

    default_code = "configuration_error"

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  {problem}" for problem in self.problems)]))


class ValidationError(BaseError):
    """The caller's input cannot be used; nothing happened."""

    default_code = "invalid_request"


class UnauthenticatedError(BaseError):
    """Nobody knows who is calling: no credential, or one that does not hold. It never says why: send another."""

    default_code = "unauthenticated"


class ForbiddenError(BaseError):
    """The caller is known and may not do this; the message names the missing scope."""

    default_code = "missing_scope"


class ToolError(BaseError):
    """A tool could not do its work."""

    default_code = "tool_error"


class ToolNotFoundError(ToolError):
    """No tool of that name is registered (or listed by the agent)."""

    default_code = "tool_not_found"


class ToolExecutionError(ToolError):
    """The tool ran and failed. `detail` (traceback, captured output) is for operators only."""

    default_code = "tool_failed"

    def __init__(self, message: str, *, code: str | None = None, detail: str | None = None) -> None:
        super().__init__(message, code=code)
        self.detail = detail


class ToolValidationError(ToolError):
    """The tool, or the arguments it was called with, do not have the right shape."""

    default_code = "tool_invalid"


class ToolRegistrationError(ToolError):
    """The tool is well formed but cannot be registered (a duplicate name, not importable)."""

    default_code = "tool_registration"


class StateError(BaseError):
    """The request is well formed but does not fit the state of things."""

    default_code = "conflict"


class NotFoundError(StateError):
    """No such thing, or not the caller's: the two cannot be told apart."""

    default_code = "not_found"


class ThreadBusyError(StateError):
    """The thread has a run and the caller chose `multitask: reject`."""

    default_code = "thread_busy"


class QueueFullError(StateError):
    """The thread's queue holds as many runs as it may."""

    default_code = "queue_full"


class IdempotencyError(StateError):
    """The Idempotency-Key was used before with another body."""

    default_code = "idempotency_mismatch"


class StaleEpochError(StateError):
    """Another writer took the run over: this one must write nothing more."""

    default_code = "stale_epoch"


class ServiceError(BaseError):
    """An outside service (the gateway, an MCP server, an HTTP API) did not do its part.

    `status` is its own HTTP status, where there was one; `detail`, what it said, is for operators only."""

    default_code = "service_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
        self.status = status
        self.detail = detail


class ServiceTimeoutError(ServiceError):
    """The service kept silent for longer than it may."""

    default_code = "service_timeout"


class ServiceUnavailableError(ServiceError):
    """The service cannot be reached, or refuses for now (429, 503)."""

    default_code = "service_unavailable"


class ResourceError(BaseError):
    """Something here is exhausted: a queue, the disk, a worker slot. Try again later."""

    default_code = "overloaded"


class StorageError(ResourceError):
    """The journal could not be written or read."""

    default_code = "storage_unavailable"
