"""Recognizes errors whose cause is that the system gives this process no more memory, threads or open files."""

from __future__ import annotations

import errno
from typing import Literal

Resource = Literal["memory", "threads", "files"]

_MAPPING = ("failed to map segment", "cannot allocate memory")  # what the loader of extension modules says


def exhausted_by(error: BaseException) -> Resource | None:
    """Return what the system did not give, by an error or those behind it. None: the error has another cause."""
    cause: BaseException | None = error
    while cause is not None:
        if (resource := _exhausted(cause)) is not None:
            return resource
        cause = cause.__cause__ or cause.__context__
    return None


def _exhausted(error: BaseException) -> Resource | None:
    text = str(error).lower()
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "files"
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "memory"
    if isinstance(error, ImportError | OSError) and any(words in text for words in _MAPPING):
        return "memory"
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return "threads"
    return None
