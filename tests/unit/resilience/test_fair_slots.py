"""Slots are shared: an owner has a bound, waits its turn, and loses no slot when it gives up."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.resilience.fair_slots import FairSlots


class Holder:
    """Calls that hold slots until they are told to end, and the owners in the order in which they got one."""

    def __init__(self, slots: int, share: int) -> None:
        self.slots = FairSlots(slots, share)
        self.order: list[str] = []
        self.calls: list[tuple[str, asyncio.Task[None], asyncio.Event]] = []

    def call(self, owner: str) -> None:
        end = asyncio.Event()
        self.calls.append((owner, asyncio.create_task(self._hold(owner, end)), end))

    async def _hold(self, owner: str, end: asyncio.Event) -> None:
        async with self.slots.slot(owner):
            self.order.append(owner)
            await end.wait()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_call_does_not_wait_behind_another_tenants_queue() -> None:
    holder = Holder(slots=2, share=2)
    for _ in range(50):
        holder.call("greedy")
    holder.call("other")
    await holder.settle()
    holder.calls[0][2].set()
    await holder.settle()
    holder.calls[1][2].set()
    await holder.settle()
    assert holder.order == ["greedy", "greedy", "greedy", "other"]
    for _, task, _ in holder.calls:
        task.cancel()


async def test_no_owner_has_all_slots() -> None:
    holder = Holder(slots=4, share=3)
    for _ in range(10):
        holder.call("greedy")
    await holder.settle()
    assert holder.order == ["greedy"] * 3
    holder.call("other")
    await holder.settle()
    assert holder.order == ["greedy"] * 3 + ["other"]
    for _, task, _ in holder.calls:
        task.cancel()


steps = st.lists(st.tuples(st.sampled_from(["call", "end", "cancel", "both"]), st.integers(0, 9)), max_size=40)


@settings(max_examples=150, deadline=None, database=None)
@given(steps, st.integers(1, 3), st.integers(1, 3))
def test_slots_are_neither_lost_nor_given_twice(done: list[tuple[str, int]], slots: int, share: int) -> None:
    async def play() -> None:
        holder = Holder(slots, share)
        for what, number in done:
            if what == "call":
                holder.call("abc"[number % 3])
            elif holder.calls:
                _, task, end = holder.calls[number % len(holder.calls)]
                if what in ("end", "both"):
                    end.set()
                if what in ("cancel", "both"):
                    task.cancel()
            if number % 2:  # else the next step comes before anybody has run
                await holder.settle()
        await holder.settle()
        holding = len(holder.order) - sum(task.done() and not task.cancelled() for _, task, _ in holder.calls)
        assert holding >= 0
        for _, task, _ in holder.calls:
            task.cancel()
        await holder.settle()
        fresh = Holder(slots, share)
        fresh.slots = holder.slots
        for owner in "abc":
            for _ in range(share):
                fresh.call(owner)
        await fresh.settle()
        assert len(fresh.order) == min(slots, 3 * share)
        for _, task, _ in fresh.calls:
            task.cancel()

    asyncio.run(play())
