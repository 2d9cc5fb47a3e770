"""Tracebacks for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeyman.telemetry.logs.tracebacks import LEAST_FRAMES, readable_traceback


def raised(work: object) -> BaseException:
    with pytest.raises(Exception) as failed:  # noqa: PT011 - any
        work()  # type: ignore[operator]
    return failed.value


def test_frames_of_libraries_are_left_out_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    text = readable_traceback(raised(lambda: json.loads("{")))
    assert 'File "test_tracebacks.py", line' in text
    assert text.count("json/decoder.py") == 1
    assert "site-packages" not in text


def test_causes_and_groups_are_shown() -> None:
    def fail() -> None:
        try:
            json.loads("{")
        except ValueError as exc:
            raise ExceptionGroup("several", [KeyError("a"), OSError("b")]) from exc

    text = readable_traceback(raised(fail))
    assert all(part in text for part in ("JSONDecodeError", "direct cause", "several", "KeyError: 'a'", "OSError: b"))


def test_a_stack_of_libraries_alone_keeps_its_end() -> None:
    exc = raised(lambda: json.loads("{"))
    while exc.__traceback__ is not None and "json" not in exc.__traceback__.tb_frame.f_code.co_filename:
        exc.__traceback__ = exc.__traceback__.tb_next
    assert 1 <= readable_traceback(exc).count("File ") <= LEAST_FRAMES
