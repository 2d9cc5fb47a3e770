"""Names of streams."""

from __future__ import annotations

import pytest
from journeyman.journal.streams import is_run

from journeyman.journal.journal import principal_stream, thread_stream


@pytest.mark.parametrize(
    ("stream", "run"), [("run_1", True), (thread_stream("ann/t"), False), (principal_stream("ann"), False)]
)
def test_a_stream_is_a_run_unless_its_name_says_otherwise(stream: str, run: bool) -> None:
    assert is_run(stream) is run
