"""Random histories of a stepped runtime. The same list of choices gives the same history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from journeyman.events.events import Multitask
from journeyman.events.fold import AgentState, fold
from tests.harness.stepped_runtime import STORAGE_FULL, THREAD, SteppedRuntime

TEXTS = ("a", "b", "c")
THREADS = (THREAD, "another")
DECISIONS = {
    "tool": ("approve", "deny", "approve_other"),
    "limit": ("approve", "deny", "approve"),
    "unknown_outcome": ("retry", "done", "fail"),
    "question": ("done", "done", "deny"),
}


class RandomHistory:
    """One history: each choice picks the next thing that happens among those that can."""

    def __init__(self, runtime: SteppedRuntime) -> None:
        self.runtime = runtime
        self.crashes = 0
        self.failures = 0
        self.said = 0

    async def run(self, picks: Sequence[int], answered: bool) -> None:
        await self.runtime.boot()
        self._say()
        for pick in picks:
            await self._one(pick)
        last = (lambda row: row.decisions[-1]) if answered else (lambda row: None)
        await self.runtime.let_go(decision=last)

    def _say(self, thread: str = THREAD, multitask: Multitask = "queue") -> None:
        self.runtime.spawn(self.runtime.say, TEXTS[self.said], thread, multitask)
        self.said += 1

    async def _one(self, pick: int) -> None:
        pick, kind = divmod(pick, 24)
        runtime = self.runtime
        if kind < 7 and runtime.disk.held:
            runtime.disk.write()
        elif kind < 13 and runtime.gates:
            pick, how = divmod(pick, 7)
            runtime.open_gate(pick % len(runtime.gates), ("ok", "ok", "ok", "fail", "again", "unknown", "ask")[how])
        elif kind < 16:
            await self._answer(pick)
        elif kind == 16 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2])
        elif kind == 22 and self.said < len(TEXTS):
            self._say(THREADS[pick % 2], "interrupt")
        elif kind == 17 and runtime.run_ids:
            runtime.spawn(runtime.runs.cancel, "me", runtime.run_ids[pick % len(runtime.run_ids)])
        elif kind in (18, 21) and self.crashes < 3:
            self.crashes += 1
            if kind == 21:
                await self._stop()
            await runtime.crash()
            await runtime.boot()
            await runtime.release_held()
            for run_id in runtime.run_ids:
                if not runtime.state(run_id).ended:
                    runtime.spawn(runtime.follow, run_id)
        elif kind == 19 and runtime.disk.held and self.failures < 2:
            self.failures += 1
            runtime.disk.write(STORAGE_FULL)
        elif kind == 20:
            runtime.clock.advance(2)
        await runtime.settle((0, 1, 2, 3, 5, 20)[pick % 6])

    async def _stop(self) -> None:
        """The process ends in good order: what was handed over is written."""
        stopping = asyncio.create_task(self.runtime.worker.stop(0))
        while not stopping.done() or self.runtime.disk.held:
            await self.runtime.settle(5)
            if self.runtime.disk.held:
                self.runtime.disk.write()
        assert self.runtime.worker.running == 0

    async def _answer(self, pick: int) -> None:
        open_now = await self.runtime.disk.approvals(None)
        if not open_now:
            return
        pick, which = divmod(pick, len(open_now))
        decision = DECISIONS[open_now[which].kind][pick % 3]
        arguments = {"by": "human"} if decision == "approve_other" else None
        self.runtime.spawn(self.runtime.answer, open_now[which].id, decision.removesuffix("_other"), arguments)


def check_live(runtime: SteppedRuntime, state: AgentState) -> None:
    """What the runner knew is what the journal says."""
    entries = runtime.entries(state.run_id)[: state.seq]
    assert len(entries) == state.seq
    recorded = fold(state.run_id, ((entry.seq, entry.at, entry.event) for entry in entries))
    assert _plain(recorded) == _plain(state)


def _plain(state: AgentState) -> AgentState:
    return msgspec.structs.replace(state, history=(), at=0, active_us=0)
