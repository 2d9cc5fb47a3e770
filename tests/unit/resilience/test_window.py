"""Sliding windows in memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.resilience.rate_limit import MAX_COUNT, Rate
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


@settings(max_examples=10)
@given(st.lists(st.floats(0, 3), max_size=40))
def test_no_period_ever_has_more_than_its_limit_though_requests_are_counted_in_slots(pauses: list[float]) -> None:
    clock, times = ManualClock(), []
    windows, many = MemoryWindows(clock), MAX_COUNT + 1
    for pause in pauses:
        clock.advance(pause)
        admitted = sum(windows.admit_now([Limit("all", Rate(many, 10.0))]).admitted for _ in range(many // 4))
        times += [clock.monotonic()] * admitted
    for end, last in enumerate(times):
        if end >= many:
            assert last - times[end - many] >= 10.0


def test_many_requests_take_no_memory_each() -> None:
    clock = ManualClock()
    windows, limit = MemoryWindows(clock), Limit("all", Rate(1_000_000, 10.0))
    tracemalloc.start()
    for _ in range(10_000):
        clock.advance(0.001)
        result = windows.admit_now([limit])
    assert tracemalloc.get_traced_memory()[0] < 20_000
    tracemalloc.stop()
    assert 1_000_000 - result.remaining == 10_000
    clock.advance(5.0)
    assert 1_000_000 - windows.admit_now([limit]).remaining in range(5_000, 5_110)
