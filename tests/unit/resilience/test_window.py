"""Sliding windows in memory."""

from __future__ import annotations

import pytest

from journeyman.clock import ManualClock
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.window import Limit, MemoryWindows

ANN, ALL = Limit("ann", Rate(2, 10.0)), Limit("all", Rate(3, 10.0))


def test_the_limit_with_the_least_room_is_told() -> None:
    windows = MemoryWindows(ManualClock())
    result = windows.admit_now([ANN, ALL])
    assert (result.admitted, result.limit.key, result.remaining, result.reset) == (True, "ann", 1, 10.0)


def test_a_refusal_takes_nothing_of_any_limit() -> None:
    clock = ManualClock()
    windows = MemoryWindows(clock)
    for _ in range(2):
        windows.admit_now([ANN, ALL])
    clock.advance(4)
    refused = windows.admit_now([ANN, ALL])
    assert (refused.admitted, refused.limit.key, refused.reset) == (False, "ann", 6.0)
    assert windows.admit_now([ALL]).remaining == 0


def test_the_key_longest_unused_is_forgotten() -> None:
    windows = MemoryWindows(ManualClock(), max_keys=2)
    limits = [Limit(name, Rate(1, 10.0)) for name in ("a", "b", "c")]
    assert [windows.admit_now([each]).admitted for each in limits] == [True, True, True]
    assert [windows.admit_now([each]).admitted for each in (limits[2], limits[0])] == [False, True]


@pytest.mark.parametrize(("after", "admitted"), [(9.9, False), (10.0, True)])
def test_a_place_is_free_when_its_time_is_over(after: float, admitted: bool) -> None:
    clock = ManualClock()
    windows = MemoryWindows(clock)
    for _ in range(2):
        windows.admit_now([ANN])
    clock.advance(after)
    assert windows.admit_now([ANN]).admitted is admitted
