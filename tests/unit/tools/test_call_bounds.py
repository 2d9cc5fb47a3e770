"""What the code of one call may send to its run."""

from __future__ import annotations

import logging

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.tools.call_bounds import CallBounds
from journeyman.tools.spec import CallRequest, StoredTool
from journeyman.tools.tool_host import RunToolHost
from tests.harness.tool_fixtures import RecordingHost

BOUNDS = CallBounds(patches=2, patch_bytes=100, log_lines=3, reports=4)


def made(run: RecordingHost) -> RunToolHost:
    spec = StoredTool(name="look", description="Look.", parameters={"type": "object"}).spec()
    request = CallRequest(
        spec=spec, arguments={}, call="m1.0", run_id="run_1", thread_id="t", principal="ann", idempotency_key="k"
    )
    return RunToolHost(run, request, None, BOUNDS)


async def test_patches_are_bounded_in_number(caplog: pytest.LogCaptureFixture) -> None:
    run = RecordingHost()
    host = made(run)
    for number in range(2):
        await host.change_context("thread", {"a": number})
    for _ in range(2):
        with pytest.raises(ToolExecutionError, match="at most 2 times") as refused:
            await host.change_context("global", {"a": 3})
    assert refused.value.code == "tool_limit"
    assert len(caplog.messages) == 1
    assert len(run.patches) == 2


async def test_patches_are_bounded_in_bytes_also_where_they_leave_nothing() -> None:
    """A patch that removes what is not there is as large as it likes, and leaves an empty context."""
    run = RecordingHost()
    with pytest.raises(ToolExecutionError, match="at most 100 bytes together"):
        await made(run).change_context("thread", {"x" * 100: None})
    assert run.patches == []


async def test_progress_and_log_lines_are_dropped_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    run = RecordingHost()
    host = made(run)
    for number in range(9):
        host.progress(float(number))
    assert [host.may_log() for _ in range(5)] == [True] * 3 + [False] * 2
    assert run.shown == [0.0, 1.0, 2.0, 3.0]
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "it reports its progress more than 4 times (CALL_PROGRESS_REPORTS): what follows is dropped",
        "it logs more than 3 lines (CALL_LOG_LINES): what follows is dropped",
    ]
