"""Histories of a world that a list of choices makes: the same choices, the same history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from journeyman.events.events import Multitask
from journeyman.events.fold import AgentState, fold
from tests.harness.stepped_runtime import STORAGE_FULL, THREAD, World

TEXTS = ("a", "b", "c")
THREADS = (THREAD, "another")
DECISIONS = {
    "tool": ("approve", "deny", "approve_other"),
    "unknown_outcome": ("retry", "done", "fail"),
    "question": ("done", "done", "deny"),
}


class Play:
    """One history: each choice picks the next thing that happens among those that can."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.crashes = 0
        self.failures = 0
        self.said = 0

    async def run(self, picks: Sequence[int], answered: bool) -> None:
        await self.world.boot()
        self._say()
        for pick in picks:
            await self._one(pick)
        last = (lambda row: row.decisions[-1]) if answered else (lambda row: None)
        await self.world.let_go(decision=last)

    def _say(self, thread: str = THREAD, multitask: Multitask = "queue") -> None:
        self.world.spawn(self.world.say, TEXTS[self.said], thread, multitask)
        self.said += 1

    async def _one(self, pick: int) -> None:
        pick, kind = divmod(pick, 24)
        world = self.world
        if kind < 7 and world.disk.held:
            world.disk.write()
        elif kind < 13 and world.gates:
            pick, how = divmod(pick, 7)
            world.open_gate(pick % len(world.gates), ("ok", "ok", "ok", "fail", "again", "unknown", "ask")[how])
        elif kind < 16:
            await self._answer(pick)
        elif kind == 16 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2])
        elif kind == 22 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2], "interrupt")
        elif kind == 17 and world.run_ids:
            world.spawn(world.runs.cancel, "me", world.run_ids[pick % len(world.run_ids)])
        elif kind in (18, 21) and self.crashes < 3:
            self.crashes += 1
            if kind == 21:
                await self._stop()
            await world.crash()
            await world.boot()
            for run_id in world.run_ids:
                if not world.state(run_id).ended:
                    world.spawn(world.follow, run_id)
        elif kind == 19 and world.disk.held and self.failures < 2:
            self.failures += 1
            world.disk.write(STORAGE_FULL)
        elif kind == 20:
            world.clock.advance(2)
        await world.settle((0, 1, 2, 3, 5, 20)[pick % 6])

    async def _stop(self) -> None:
        """The process ends in good order: what was handed over is written."""
        stopping = asyncio.create_task(self.world.worker.stop(0))
        while not stopping.done() or self.world.disk.held:
            await self.world.settle(5)
            if self.world.disk.held:
                self.world.disk.write()
        assert self.world.worker.running == 0

    async def _answer(self, pick: int) -> None:
        open_now = await self.world.disk.approvals(None)
        if not open_now:
            return
        pick, which = divmod(pick, len(open_now))
        decision = DECISIONS[open_now[which].kind][pick % 3]
        arguments = {"by": "human"} if decision == "approve_other" else None
        self.world.spawn(self.world.answer, open_now[which].id, decision.removesuffix("_other"), arguments)


def check_live(world: World, state: AgentState) -> None:
    """What the runner knew is what the journal says."""
    entries = world.entries(state.run_id)[: state.seq]
    assert len(entries) == state.seq
    recorded = fold(state.run_id, ((entry.seq, entry.at, entry.event) for entry in entries))
    assert _plain(recorded) == _plain(state)


def _plain(state: AgentState) -> AgentState:
    return msgspec.structs.replace(state, history=(), at=0, active_us=0)
