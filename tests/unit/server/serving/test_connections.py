"""Whether a client has stopped reading."""

from __future__ import annotations

import pytest

from journeyman.server.serving.connections import READ_BYTES, WriteProgress

LARGE = 10 * READ_BYTES


@pytest.mark.parametrize(
    ("buffers", "stopped"),
    [
        ([LARGE] * 4, [False, False, False, True]),
        ([100] * 4, [False, False, False, True]),
        ([0] * 9, [False] * 9),
        ([LARGE - n * READ_BYTES for n in range(9)], [False] * 9),  # reads slowly
        ([100, 0] * 5, [False] * 10),
        ([LARGE - n for n in range(5)], [False, False, False, True, True]),  # a byte a second
        ([100, 200, 300, 400], [False, False, False, True]),  # more is written, and none is read
        ([LARGE, LARGE, 0, LARGE, LARGE, LARGE, LARGE], [False] * 6 + [True]),
    ],
)
def test_a_client_that_reads_next_to_nothing_has_stopped(buffers: list[int], stopped: list[bool]) -> None:
    progress = WriteProgress(3.0)
    assert [progress.has_stopped(unread, float(now)) for now, unread in enumerate(buffers)] == stopped
