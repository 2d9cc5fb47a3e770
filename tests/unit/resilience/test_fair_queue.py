"""Owners take turns, and keep their own order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.resilience.fair_queue import FairQueue


def drained(queue: FairQueue[int]) -> list[tuple[str, int]]:
    taken = []
    while (turn := queue.take(lambda owner: True)) is not None:
        taken.append(turn)
    return taken


def test_one_owner_does_not_stand_before_all_of_another() -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(1000):
        queue.put("greedy", item)
    queue.put("other", 1000)
    assert [queue.take(lambda owner: True) for _ in range(3)] == [("greedy", 0), ("other", 1000), ("greedy", 1)]


def test_an_owner_that_may_not_keeps_its_turn() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.put("a", 1)
    queue.put("b", 2)
    assert queue.take(lambda owner: owner == "b") == ("b", 2)
    assert queue.take(lambda owner: owner == "b") is None
    assert 1 in queue
    assert drained(queue) == [("a", 1)]


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20))), st.sets(st.integers(0, 20)))
def test_nothing_is_lost_and_no_owner_is_two_ahead(puts: list[tuple[str, int]], discarded: set[int]) -> None:
    queue: FairQueue[int] = FairQueue()
    first = {item: owner for owner, item in reversed(puts)}
    for owner, item in puts:
        queue.put(owner, item)
    for item in discarded:
        queue.discard(item)
    left = {item: owner for item, owner in first.items() if item not in discarded}
    assert len(queue) == len(left)
    turns = drained(queue)
    assert {item: owner for owner, item in turns} == left
    for owner in "abc":
        items = [item for _, item in puts if left.get(item) == owner]
        assert [item for each, item in turns if each == owner] == list(dict.fromkeys(items))
    waiting, had = Counter(left.values()), Counter[str]()
    for owner, _ in turns:
        had[owner] += 1
        waiting[owner] -= 1
        assert all(had[owner] <= had[other] + 1 for other in "abc" if waiting[other] > 0)
