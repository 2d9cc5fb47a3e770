from __future__ import annotations

import pytest

from journeyman.clock import ManualClock
from journeyman.tools.builtin.current_time import CurrentTime


async def test_current_time_in_a_zone():
    clock = ManualClock(now=1_700_000_000_000_000)
    assert await CurrentTime(clock).run() == "2023-11-14T22:13:20+00:00"
    assert await CurrentTime(clock).run("Asia/Tokyo") == "2023-11-15T07:13:20+09:00"


@pytest.mark.parametrize("zone", ["Nowhere/Town", "../../etc/passwd", "/etc/passwd", "", "a\x00b", "x" * 5000])
async def test_no_such_zone(zone):
    with pytest.raises(ValueError, match="there is no time zone"):
        await CurrentTime(ManualClock()).run(zone)
