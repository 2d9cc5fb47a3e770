"""A setting of the C library's allocator for a process that only serves."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # of malloc.h
_M_ARENA_MAX = -8
_LARGE_BYTES = 1 << 20
_ARENAS = 2  # each reserves 64 MB of addresses; the interpreter's lock lets few threads allocate at once


def return_large_blocks() -> None:
    """Let the memory of large texts go back to the system when they are freed.

    glibc would raise its threshold with each large block that is freed, and keep such blocks from then on: a server
    that once sent many large answers would stay as large. It would also give most threads a heap of their own, where
    what they freed stays. Other C libraries have no such settings and are left alone.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
