"""What a tool raised, as a failure that a model may read."""

from __future__ import annotations

import pytest

from journeyman.errors import ServiceTimeoutError, ToolExecutionError
from journeyman.tools.failures import (
    DETAIL_CAP,
    MESSAGE_CAP,
    TransientToolError,
    detail_of,
    failure_of,
    is_transient,
    readable,
    without_paths,
)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute"),
        (OSError("no file /srv/app/keys.txt here"), "OSError: no file …/keys.txt here"),
        (ValueError("half \ud83d"), "ValueError: half \ufffd"),
    ],
)
def test_a_failure_is_type_and_text_without_paths(exc: Exception, text: str) -> None:
    assert readable(exc) == text


def test_a_group_names_its_members() -> None:
    inner = ExceptionGroup("inner", [ValueError("bad /srv/app/x.py"), Mute()])
    group = ExceptionGroup("unhandled errors in a TaskGroup", [inner, KeyError("k")])
    assert readable(group) == (
        "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions): "
        "ExceptionGroup: inner (2 sub-exceptions): ValueError: bad …/x.py; Mute; KeyError: 'k'"
    )
    deep: Exception = ValueError("end")
    for _ in range(500):
        deep = ExceptionGroup("g", [deep] * 3)
    assert len(readable(deep)) <= MESSAGE_CAP


def test_addresses_are_no_paths() -> None:
    assert without_paths("see https://x.example/a/b and /a") == "see https://x.example/a/b and /a"


def test_texts_are_capped_and_the_end_of_a_traceback_is_kept() -> None:
    assert len(readable(ValueError("x" * 9000))) == MESSAGE_CAP
    long = detail_of(ValueError("x" * 9000 + "end"))
    assert len(long) == DETAIL_CAP
    assert long.rstrip().endswith("end")


@pytest.mark.parametrize(
    ("exc", "transient"),
    [(ConnectionResetError(), True), (TimeoutError(), True), (FileNotFoundError(), False), (ValueError(), False)],
)
def test_only_what_looks_like_the_network_is_tried_again(exc: Exception, transient: bool) -> None:
    assert is_transient(exc) is transient
    assert isinstance(failure_of(exc), TransientToolError) is transient


def test_an_error_of_a_service_keeps_its_code_and_is_not_tried_again() -> None:
    failure = failure_of(ServiceTimeoutError("late at /srv/app/x.py"))
    assert (type(failure), failure.code, failure.message) == (ToolExecutionError, "service_timeout", "late at …/x.py")
