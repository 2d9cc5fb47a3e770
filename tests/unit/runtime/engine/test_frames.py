"""Live frames in the form in which clients read them."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.runtime.engine.frames import Delta, Progress, Reconnect, Snapshot


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (Delta("m1", 1, 3, "so"), {"type": "delta", "call": "m1", "attempt": 1, "offset": 3, "text": "so"}),
        (Snapshot("m1", 2, "all"), {"type": "snapshot", "call": "m1", "attempt": 2, "text": "all"}),
        (Progress("m1.0", 0.5), {"type": "progress", "call": "m1.0", "value": 0.5}),
        (Reconnect(), {"type": "reconnect", "reason": "shutdown"}),
    ],
)
def test_the_type_names_the_frame(frame: msgspec.Struct, wire: dict[str, object]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(frame)) == wire
