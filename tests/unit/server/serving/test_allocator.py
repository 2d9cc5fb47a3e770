"""Memory of large texts goes back to the system."""

from __future__ import annotations

import os

from benchmarks.usage import rss_mb
from journeyman.server.serving.allocator import return_large_blocks


def test_freed_large_texts_are_given_back() -> None:
    return_large_blocks()
    before = rss_mb(os.getpid())
    for _ in range(3):  # glibc would keep what is freed from the second time on
        texts = [b"x" * ((7 << 20) + number) for number in range(12)]
        kept = [b"y" * 100_000 for _ in texts]  # between them, so that the heap cannot shrink
        del texts
        assert rss_mb(os.getpid()) - before < 40
        assert kept
