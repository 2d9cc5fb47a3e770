"""Open calls: which answers of a human still count."""

from __future__ import annotations

import pytest

from journeyman.events.open_calls import CallState, CallStatus, unallowed_decisions


def call(status: CallStatus, **changes: object) -> CallState:
    return CallState(call="m1.0", call_id="c", tool="pay", arguments={}, status=status, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "approval", "again"),
    [("asked", "a1", True), ("orphaned", "a1", True), ("waiting", "a1", False), ("asked", None, False)],
)
def test_a_call_that_runs_anew_is_asked_about_anew(status: CallStatus, approval: str | None, again: bool) -> None:
    assert call(status, approval=approval).asks_again is again


@pytest.mark.parametrize(
    ("before", "status", "decision"),
    [
        (call("answered", decision="approve"), "asked", None),
        (call("answered", decision="approve", attempt=1), "orphaned", None),
        (call("answered", decision="retry", attempt=2), "orphaned", None),
        (call("answered", decision="deny"), "answered", "deny"),
        (call("answered", decision="done"), "answered", "done"),
        (call("started", decision="approve"), "started", None),
    ],
)
def test_a_fork_keeps_no_permission_of_its_parent(before: CallState, status: CallStatus, decision: str | None) -> None:
    after = unallowed_decisions(before)
    assert (after.status, after.decision) == (status, decision)
