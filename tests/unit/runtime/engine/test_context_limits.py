"""What callers may name, and how much a context may hold."""

from __future__ import annotations

import pytest

from journeyman.errors import ValidationError
from journeyman.runtime.engine.context_limits import CONTEXT_CAP, check_context, check_thread_id


@pytest.mark.parametrize("thread", ["t", "...", "a.b~c:d@e+f=g-h_i", "x" * 200])
def test_thread_ids(thread: str) -> None:
    assert check_thread_id(thread) == thread


@pytest.mark.parametrize("thread", ["", ".", "..", "a/b", "a b", "t\n", "ä", "x" * 201])
def test_what_is_no_thread_id(thread: str) -> None:
    with pytest.raises(ValidationError):
        check_thread_id(thread)


def test_a_context_is_measured_as_it_is_after_the_patch() -> None:
    full = {"a": "x" * (CONTEXT_CAP - 100)}
    check_context(full, {"b": 1})
    check_context(full, {"a": None, "b": "x" * (CONTEXT_CAP - 100)})
    with pytest.raises(ValidationError, match="32 KiB"):
        check_context(full, {"b": "x" * 100})
