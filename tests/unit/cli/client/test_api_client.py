from __future__ import annotations

from journeyman.cli.client.api_client import Frame, error_of_answer, frames
from journeyman.errors import (
    ForbiddenError,
    ServiceError,
    StateError,
)

STREAM = (
    b': ping\r\nid: 1\nevent: run_accepted\ndata: {"seq":1}\n\nevent: delta\ndata: {"text":\ndata: "a"}\n\nevent: lost'
)


FRAMES = [Frame("run_accepted", {"seq": 1}, 1), Frame("delta", {"text": "a"})]


def test_refusals_by_status() -> None:
    problem = b'{"error": "No.", "code": "thread_busy"}'
    assert isinstance(error_of_answer(409, problem), StateError)
    assert isinstance(error_of_answer(502, problem), ServiceError)
    assert error_of_answer(409, problem).code == "thread_busy"
    assert "JOURNEYMAN_API_KEY" in error_of_answer(401, problem).message
    assert isinstance(error_of_answer(403, problem), ForbiddenError)
    assert "without saying why" in error_of_answer(500, b"<html>").message


def test_events_may_come_in_any_pieces() -> None:
    assert list(frames(STREAM.splitlines(keepends=True))) == FRAMES
