"""Turns of calls after a service refused one, or was away."""

from __future__ import annotations

from journeyman.resilience.pace import FORGOTTEN_SECONDS, Pace


def turns(pace: Pace, since: float, seconds: float) -> list[float]:
    """Return the times of the calls that are made in these seconds."""
    made: list[float] = []
    while (at := since + pace.take_turn(since)) < since + seconds:
        made.append(at)
    return made


def test_calls_are_twice_as_many_each_second() -> None:
    made = turns(Pace(20.0, 100.0), 100.0, 4.0)
    assert made[0] == 100.0
    counts = [sum(100 + second <= at < 101 + second for at in made) for second in range(4)]
    assert all(abs(count - 20 * 2**second) <= 3 for second, count in enumerate(counts)), counts


def test_a_refusal_closes_it_and_the_pace_stays_below_what_was_taken() -> None:
    pace, now = Pace(20.0, 0.0), 0.0
    for _ in range(61):
        now = pace.take_turn(0.0)
    taken = sum(now - 1 <= at <= now for at in pace._turns) - 1
    pace.refused(now, 3.0)
    assert pace.closed_for(now) == 3.0
    pace.refused(now + 0.1, 1.0)  # of the same moment
    assert pace.closed_for(now + 0.1) == 2.9
    made = turns(pace, now + 3.0, 10.0)
    assert made[0] == now + 3.0
    most = max(sum(at <= other < at + 1 for other in made) for at in made)
    assert most <= taken + 2


def test_it_is_over_when_nothing_is_paced_any_more() -> None:
    pace = Pace(20.0, 0.0)
    pace.take_turn(0.0)
    assert not pace.is_over(5.0)
    assert pace.is_over(7.0)
    pace.refused(7.0, 1.0)
    assert not pace.is_over(8.0)
    assert pace.is_over(9.0 + FORGOTTEN_SECONDS)
