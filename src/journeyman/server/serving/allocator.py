"""A setting of the C library's allocator for a process that only serves."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # of malloc.h
_LARGE_BYTES = 1 << 20


def return_large_blocks() -> None:
    """Let the memory of large texts go back to the system when they are freed.

    glibc would raise its threshold with each large block that is freed, and keep such blocks from then on: a server
    that once sent many large answers would stay as large. Other C libraries have no such setting and are left alone.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
