from __future__ import annotations

from typing import NamedTuple

from journeyman.journal.sqlite.accept_lane import AcceptLane, AcceptPlaces


class Work(NamedTuple):
    owner: str
    name: str
    weight: int = 1


def filled(*works: Work, limit: int = 9, share: int = 9) -> AcceptLane[Work]:
    lane: AcceptLane[Work] = AcceptLane(AcceptPlaces(limit, share))
    for work in works:
        assert lane.refusal(work.owner) is None
        lane.put(work)
    return lane


def test_owners_take_turns() -> None:
    lane = filled(Work("ann", "1"), Work("ann", "2"), Work("ann", "3"), Work("bob", "4"), Work("cat", "5"))
    taken = [work.name for _ in range(5) if (work := lane.take(None)) is not None]
    assert taken == ["1", "4", "5", "2", "3"]
    assert lane.take(None) is None
    assert not lane


def test_what_does_not_fit_keeps_its_turn() -> None:
    lane = filled(Work("ann", "large", 5), Work("bob", "small"))
    assert lane.take(4) is None
    assert lane.take(5) == Work("ann", "large", 5)


def test_a_share_and_a_limit_are_refused_until_a_place_is_free() -> None:
    first = Work("ann", "1")
    lane = filled(first, Work("ann", "2"), limit=3, share=2)
    refusal = lane.refusal("ann")
    assert refusal is not None
    assert "Too many of your requests" in refusal.message
    lane.put(Work("bob", "3"))
    full = lane.refusal("cat")
    assert full is not None
    assert (full.code, full.retry_after) == ("overloaded", 1)
    assert lane.take(None) == first
    assert lane.refusal("ann") is not None  # it is being written
    lane.settle(first)
    assert lane.refusal("ann") is None
