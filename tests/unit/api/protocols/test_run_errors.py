"""Errors of runs that have no reply."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from journeyman.api.problems import GatewayFailure, problem_of
from journeyman.api.protocols.run_errors import RunError, raise_without_reply, shutting_down
from journeyman.events.events import Failure
from journeyman.ids import SequentialIds
from journeyman.runtime.use_cases.requests import RunResult

RESULT = RunResult(run_id="run_1", thread_id="t", agent="a", version="v", status="running")


def raised(result: RunResult) -> RunError:
    with pytest.raises(RunError) as caught:
        raise_without_reply(result)
    return caught.value


def test_what_is_said_of_a_run_without_a_reply() -> None:
    failed = raised(replace(RESULT, status="failed", error=Failure("output_invalid", "It does not fit.", "err_7")))
    problem = problem_of(failed, SequentialIds())
    assert (problem.status, problem.code, problem.error, problem.error_id, problem.run_id) == (
        502, "output_invalid", "It does not fit.", "err_7", "run_1",
    )  # fmt: skip
    assert (raised(replace(RESULT, status="cancelled")).status, raised(RESULT).status) == (409, 503)
    waits = raised(replace(RESULT, status="paused", waiting_reason="The gateway is away."))
    assert (waits.code, "The gateway is away." in waits.message, waits.retry_after) == ("run_in_progress", True, 5)
    assert shutting_down("run_1", "t").run_id == "run_1"


def test_a_gateway_that_failed_is_that_error() -> None:
    with pytest.raises(GatewayFailure):
        raise_without_reply(replace(RESULT, status="failed", error=Failure("gateway_timeout", "Too slow.")))
