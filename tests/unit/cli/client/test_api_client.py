from __future__ import annotations

from journeyman.cli.client.api_client import FailedRunError, Frame, error_from_response, parse_frames
from journeyman.errors import (
    ForbiddenError,
    ServiceError,
    StateError,
)

STREAM = (
    b': ping\r\nid: 1\nevent: run_accepted\ndata: {"seq":1}\n\nevent: delta\ndata: {"text":\ndata: "a"}\n\nevent: lost'
)


FRAMES = [Frame("run_accepted", {"seq": 1}, 1), Frame("delta", {"text": "a"})]


def test_an_error_response_becomes_an_error_by_its_status() -> None:
    problem = b'{"error": "No.", "code": "thread_busy"}'
    assert isinstance(error_from_response(409, problem), StateError)
    assert isinstance(error_from_response(502, problem), ServiceError)
    assert error_from_response(409, problem).code == "thread_busy"
    assert "JOURNEYMAN_API_KEY" in error_from_response(401, problem).message
    assert isinstance(error_from_response(403, problem), ForbiddenError)
    failed = error_from_response(502, b'{"error": "No.", "code": "gateway_error", "run_id": "run_1"}')
    assert isinstance(failed, FailedRunError)
    assert (failed.run_id, failed.status, failed.code) == ("run_1", 502, "gateway_error")
    assert "gave no reason" in error_from_response(500, b"<html>").message


def test_events_are_parsed_from_lines() -> None:
    assert list(parse_frames(STREAM.splitlines(keepends=True))) == FRAMES
