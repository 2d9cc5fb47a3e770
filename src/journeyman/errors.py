"""The tree of all errors that Journeyman raises on purpose.

An error carries facts; it never logs, retries or prints. Each class exists because some code catches it.
`code` is a stable word for programs; the message is a sentence for people that says what to do next.
`journeyman.api.problems` maps the classes to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a user's file or setting. `line` and `column` count from 1; None if the location is unknown."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    remedy: str | None = None
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        location = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{location}: {self.message}" if location else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class BaseError(Exception):
    """The base class of all errors. Pass `code` where one class covers several stable codes."""

    default_code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.retry_after = retry_after  # seconds; None: retrying does not help, or the delay is unknown


class ConfigurationError(BaseError):
    """Raised when settings, an agent file or a tools folder cannot be used.

    `problems` lists every mistake at once: correct them and start again.
    """

    default_code = "configuration_error"

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  {problem}" for problem in self.problems)]))


class NodeCodeError(ConfigurationError):
    """Raised when the code of graph nodes cannot be used. `node` is the first of them."""

    def __init__(self, message: str, problems: Iterable[Problem] = (), *, node: str) -> None:
        super().__init__(message, problems)
        self.node = node


class ValidationError(BaseError):
    """Raised when a caller's input is invalid. Nothing was changed: correct the input and send it again."""

    default_code = "invalid_request"


class UnauthenticatedError(BaseError):
    """Raised when a request has no credential, or an invalid one: send a valid credential.

    The message never says why a credential is invalid, since that would help to guess one.
    """

    default_code = "unauthenticated"


class ForbiddenError(BaseError):
    """Raised when an authenticated caller lacks a permission: use a key with the scope that the message names."""

    default_code = "missing_scope"


class ToolError(BaseError):
    """The base class of errors about tools."""

    default_code = "tool_error"


class ToolNotFoundError(ToolError):
    """Raised when no tool of this name is registered, or the agent does not list it: correct the name."""

    default_code = "tool_not_found"


class ToolExecutionError(ToolError):
    """Raised when a tool ran and failed.

    The message may be given to a model; `detail` (traceback, captured output) is for operators only.
    """

    default_code = "tool_failed"

    def __init__(self, message: str, *, code: str | None = None, detail: str | None = None) -> None:
        super().__init__(message, code=code)
        self.detail = detail


class ToolValidationError(ToolError):
    """Raised when a tool's definition, or the arguments of a call, are invalid: correct what the message names.

    `fields` are the arguments that do not fit, each as its path and what is wrong with it.
    """

    default_code = "tool_invalid"

    def __init__(self, message: str, *, code: str | None = None, fields: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message, code=code)
        self.fields = tuple(fields)


class ToolRegistrationError(ToolError):
    """Raised when a valid tool cannot be registered, for example because its name is taken: rename or move it."""

    default_code = "tool_registration"


class StateError(BaseError):
    """Raised when a valid request conflicts with the current state of a run, thread or key: read the state first."""

    default_code = "conflict"


class NotFoundError(StateError):
    """Raised when an object does not exist or belongs to another principal, which look the same: correct the id."""

    default_code = "not_found"


class ThreadBusyError(StateError):
    """Raised when the thread already has a run and the request says `multitask: reject`: wait, queue or interrupt."""

    default_code = "thread_busy"


class QueueFullError(StateError):
    """Raised when the thread's queue has reached its limit: wait for a run to end."""

    default_code = "queue_full"


class IdempotencyError(StateError):
    """Raised when an Idempotency-Key was used before with another body: send a new key."""

    default_code = "idempotency_mismatch"


class StaleEpochError(StateError):
    """Raised when another process has taken the run over: stop driving it and write nothing more."""

    default_code = "stale_epoch"


class ServiceError(BaseError):
    """Raised when an external service (the gateway, an MCP server, an HTTP API) fails or cannot be used.

    `status` is the service's HTTP status, if it sent one. `detail` quotes its answer and is for operators only.
    """

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
    """Raised when a service sent nothing within its time limit: try again, or raise the limit."""

    default_code = "service_timeout"


class ServiceUnavailableError(ServiceError):
    """Raised when a service is unreachable or overloaded (429, 503): try again after `retry_after` seconds."""

    default_code = "service_unavailable"


class ResourceError(BaseError):
    """Raised when a local resource is exhausted, such as a queue or a worker process: try again later."""

    default_code = "overloaded"


class StorageError(ResourceError):
    """Raised when the journal cannot be read or written: check the disk and its free space."""

    default_code = "storage_unavailable"


class HistoryUnreadableError(StorageError):
    """Raised when a stored event cannot be decoded while the journal is healthy: use another thread, or a fork."""

    default_code = "history_unreadable"


class JournalLostError(StorageError):
    """Raised when the journal's file was removed or replaced, or another program wrote to it: repair and restart.

    `reason` says which of these, without the path.
    """

    default_code = "journal_lost"

    def __init__(self, message: str, reason: str = "the journal's file was lost") -> None:
        super().__init__(message)
        self.reason = reason
