"""Errors as answers: statuses, words, and what stays in the log."""

from __future__ import annotations

import inspect

import pytest

from journeyman import errors
from journeyman.api.problems import (
    STATUS_OF_CLASS,
    FieldProblem,
    GatewayFailure,
    RequestError,
    answer_problem,
    problem_of,
    problem_retry_after,
    status_of,
)
from journeyman.api.security.request_context import RequestContext
from journeyman.ids import SequentialIds

CASES = [
    (errors.ValidationError("x"), 400),
    (errors.ToolValidationError("x", code="invalid_arguments"), 400),
    (errors.ToolNotFoundError("x"), 404),
    (errors.NotFoundError("x"), 404),
    (errors.StateError("x", code="run_ended"), 409),
    (errors.ThreadBusyError("x"), 409),
    (errors.QueueFullError("x"), 429),
    (errors.IdempotencyError("x"), 422),
    (errors.ResourceError("x"), 503),
    (errors.ResourceError("x", code="shutting_down"), 503),
    (errors.StorageError("x"), 503),
    (errors.StorageError("x", code="storage_full"), 507),
    (errors.ServiceError("x"), 502),
    (errors.ServiceUnavailableError("x"), 503),
    (errors.ServiceTimeoutError("x"), 504),
    (errors.ConfigurationError("x"), 500),
    (RequestError("x", status=415), 415),
    (RuntimeError("x"), 500),
]


def _context() -> RequestContext:
    return RequestContext(None, "req_1", {})


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda value: f"{value!r}")
def test_status(error: Exception, status: int) -> None:
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("gateway_unreachable", 502),
        ("gateway_bad_reply", 502),
        ("gateway_cut_stream", 502),
        ("gateway_auth", 502),
        ("gateway_rate_limited", 503),
        ("gateway_circuit_open", 503),
        ("gateway_timeout", 504),
    ],
)
def test_gateway(code: str, status: int) -> None:
    response = answer_problem(
        GatewayFailure("x", code=code, error_id="e", run_id="r", thread_id="t"), _context(), SequentialIds()
    )
    assert response.status_code == status
    assert ("retry-after" in response.headers) == (status == 503)
    assert response.headers["content-type"] == "application/problem+json"


def test_every_error_has_a_status() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.BaseError)]
    assert all(any(parent in STATUS_OF_CLASS for parent in kind.__mro__) for kind in kinds)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("sk-secret in /home/x.py"),
        errors.StorageError("cannot write /home/x.db"),
        errors.ConfigurationError("sk-secret"),
        errors.ToolExecutionError("sk-secret", detail="Traceback"),
    ],
)
def test_what_the_log_knows_the_client_does_not(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    problem = problem_of(error, SequentialIds())
    assert "sk-secret" not in repr(problem)
    assert "/home" not in repr(problem)
    assert caplog.records[0].error_id == problem.error_id == "err_1"  # type: ignore[attr-defined]
    assert caplog.records[0].exc_info


def test_arguments_of_a_tool_that_do_not_fit_are_named_with_what_is_wrong() -> None:
    error = errors.ToolValidationError("a.b: x", code="invalid_arguments", fields=[("a.b", "no sk-secret")])
    problem = problem_of(error, SequentialIds(), lambda text: text.replace("sk-secret", "[secret]"))
    assert problem.errors == [FieldProblem("a.b", "no [secret]")]


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert (
        answer_problem(errors.ResourceError("x", retry_after=2.1), _context(), SequentialIds()).headers["retry-after"]
        == "3"
    )
    assert answer_problem(errors.QueueFullError("x"), _context(), SequentialIds()).headers["retry-after"] == "1"


def test_secrets_are_taken_out_of_every_sentence() -> None:
    """What a caller sent may stand in it."""

    def mask(text: str) -> str:
        return text.replace("hunter2222", "[secret]")

    unknown = problem_of(RequestError("unknown field hunter2222", path="a.hunter2222"), SequentialIds(), mask)
    assert "hunter2222" not in repr(unknown)
    assert unknown.errors == [FieldProblem("a.[secret]", "unknown field [secret]")]
    assert problem_of(errors.NotFoundError("no run 'hunter2222'"), SequentialIds(), mask).error == "no run '[secret]'"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "The server has no memory for this request now."),
        (RuntimeError("can't start new thread"), "The server cannot start a thread for this request now."),
        (OSError(24, "Too many open files"), "The server cannot open a file or connection for this request now."),
    ],
)
def test_a_lack_of_memory_threads_or_files_passes(error: Exception, sentence: str) -> None:
    problem = problem_of(error, SequentialIds())
    assert (problem.status, problem.code, problem.error) == (503, "exhausted", f"{sentence} Try again in a moment.")
    assert problem_retry_after(error, problem.status) == 1
