"""What a server says once it takes requests."""

from __future__ import annotations

import pytest

from journeyman.server.serving.ready_line import ready_line

URL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("resumed", "waiting", "said"),
    [
        (0, 0, "(a, b)"),
        (1, 0, "(a, b, 1 run resumed)"),
        (2, 1, "(a, b, 2 runs resumed, 1 approval waits: see `journeyman approvals`)"),
        (0, 100, "(a, b, 100 approvals wait: see `journeyman approvals`)"),
        (0, 101, "(a, b, more than 100 approvals wait: see `journeyman approvals`)"),
    ],
)
def test_what_was_resumed_and_what_waits(resumed: int, waiting: int, said: str) -> None:
    line = ready_line(URL, ["b", "a"], "offline", resumed=resumed, waiting=waiting)
    assert line == f"Journeyman is ready on {URL} {said}, models: offline"


def test_without_an_agent_and_a_model() -> None:
    assert ready_line(URL, (), "", resumed=0, waiting=0) == f"Journeyman is ready on {URL} (no agent)"
