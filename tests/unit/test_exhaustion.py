"""Which errors come from a lack of memory, threads or files."""

from __future__ import annotations

import errno

import pytest

from journeyman.exhaustion import exhausted_by


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (ImportError("_core.so: failed to map segment from shared object"), "memory"),
        (RuntimeError("can't start new thread"), "threads"),
        (OSError(errno.EMFILE, "Too many open files"), "files"),
        (OSError(errno.ENFILE, "Too many open files in system"), "files"),
        (RuntimeError("no running event loop"), None),
        (ImportError("no module named 'x'"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), None),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_errors_and_those_behind_them(error: Exception, resource: str | None, wrapped: bool) -> None:
    outer = RuntimeError("something failed")
    outer.__cause__ = error
    assert exhausted_by(outer if wrapped else error) == resource
