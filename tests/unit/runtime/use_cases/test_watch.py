"""Readers of one run: who joins, lags, rejoins or stops reading."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.errors import NotFoundError, ValidationError
from journeyman.events.codec import Entry
from journeyman.events.messages import user
from journeyman.runtime.engine.frames import Delta, Frame, Progress, Reconnect, Snapshot
from journeyman.runtime.engine.live import LiveRun, StreamPosition
from journeyman.runtime.use_cases.requests import StartRun
from tests.harness.stepped_runtime import THREAD, SteppedRuntime


class Reader:
    """Takes frames while it is let."""

    def __init__(self, runtime: SteppedRuntime, run_id: str = "run_1", after: int = 0) -> None:
        self.frames: list[Frame] = []
        self.may = asyncio.Event()
        self.may.set()
        self.task = asyncio.create_task(self._read(runtime.runs.watch("me", run_id, after)))

    async def _read(self, frames: AsyncGenerator[Frame, None]) -> None:
        try:
            async for frame in frames:
                self.frames.append(frame)
                await self.may.wait()
        finally:
            await frames.aclose()

    @property
    def seqs(self) -> list[int]:
        return [frame.seq for frame in self.frames if isinstance(frame, Entry)]

    @property
    def live(self) -> list[Frame]:
        return [frame for frame in self.frames if not isinstance(frame, Entry)]

    @property
    def text(self) -> str:
        """What a client shows that follows the rules: a snapshot replaces, a delta goes to its offset."""
        shown = ""
        for frame in self.frames:
            if isinstance(frame, Snapshot):
                shown = frame.text
            elif isinstance(frame, Delta):
                assert len(shown) == frame.offset
                shown += frame.text
        return shown


async def streaming(plan: tuple[tuple[str, ...], ...] = ()) -> SteppedRuntime:
    """A streamed run whose model call is open."""
    runtime = SteppedRuntime({"a": plan})
    await runtime.boot()
    runtime.spawn(runtime.runs.start, "me", StartRun(input=user("a"), thread_id=THREAD, stream=True))
    await runtime.settle()
    runtime.disk.write()
    await runtime.settle()
    runtime.disk.write()
    await runtime.settle()
    return runtime


async def say(runtime: SteppedRuntime, text: str) -> None:
    runtime.open_gate(0, f"say:{text}")
    await runtime.settle(5)


async def test_who_joins_in_mid_reply_gets_events_one_snapshot_then_deltas() -> None:
    runtime = await streaming()
    await say(runtime, "one ")
    await say(runtime, "two ")
    reader = Reader(runtime)
    await runtime.settle()
    await say(runtime, "three")
    await runtime.let_go()
    await reader.task
    kinds = [frame.type if isinstance(frame, Entry) else type(frame).__name__ for frame in reader.frames]
    assert kinds == [
        "run_accepted", "run_started", "model_called", "Snapshot", "Delta", "model_replied", "run_finished",
    ]  # fmt: skip
    assert reader.frames[3] == Snapshot("m1", 1, "one two ")
    assert reader.frames[4] == Delta("m1", 1, 8, "three")
    await runtime.crash()


async def test_who_was_there_gets_every_delta() -> None:
    runtime = await streaming()
    reader = Reader(runtime)
    await runtime.settle()
    for text in ("one ", "two ", "three"):
        await say(runtime, text)
    await runtime.let_go()
    assert reader.live == [Delta("m1", 1, 0, "one "), Delta("m1", 1, 4, "two "), Delta("m1", 1, 8, "three")]
    assert reader.text == "one two three"


async def test_who_rejoins_anywhere_gets_the_exact_rest() -> None:
    runtime = await streaming((("look", "pay"), ("look",)))
    await runtime.let_go()
    entries = runtime.entries("run_1")
    for after in range(len(entries)):
        reader = Reader(runtime, after=after)
        await reader.task
        assert reader.frames == entries[after:]
    over = Reader(runtime, after=len(entries))
    await over.task
    assert over.frames == []
    with pytest.raises(ValidationError):
        await Reader(runtime, after=len(entries) + 1).task
    with pytest.raises(NotFoundError):
        await Reader(runtime, "run_none").task


async def test_who_stops_reading_delays_nobody_and_holds_nothing() -> None:
    runtime = await streaming()
    quick, stopped = Reader(runtime), Reader(runtime)
    await runtime.settle()
    stopped.may.clear()
    await say(runtime, "x" * 100_000)
    tracemalloc.start()
    for _ in range(20):
        await say(runtime, "y")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
    assert len(quick.text) == 100_020
    await runtime.let_go()
    assert quick.task.done()
    assert not stopped.task.done()
    stopped.may.set()
    await stopped.task
    assert stopped.seqs == quick.seqs
    assert runtime.worker.watched == {}


async def test_the_server_goes_away() -> None:
    runtime = await streaming()
    reader = Reader(runtime)
    await runtime.settle()
    await runtime.worker.stop(0)
    await reader.task
    assert reader.frames[-1] == Reconnect()
    late = Reader(runtime)
    await late.task
    assert late.frames[-1] == Reconnect()
    assert late.seqs == reader.seqs == [1, 2, 3]


async def test_a_reader_that_is_cancelled_leaves_no_trace() -> None:
    runtime = await streaming()
    reader = Reader(runtime)
    await runtime.settle()
    assert runtime.worker.watched == {"run_1": 1}
    reader.task.cancel()
    await runtime.settle()
    assert runtime.worker.watched == {}
    assert runtime.disk.notifier._subscriptions == {}
    await runtime.crash()


async def test_a_reader_stays_over_a_pause() -> None:
    runtime = await streaming((("pay_asked",),))
    reader = Reader(runtime)
    await runtime.let_go()
    assert not reader.task.done()
    await runtime.let_go(decision=lambda row: "approve")
    await reader.task
    assert reader.seqs == list(range(1, len(runtime.entries("run_1")) + 1))


async def test_until_pause_ends_there() -> None:
    runtime = await streaming((("pay_asked",),))
    await runtime.let_go()
    frames = [frame async for frame in runtime.runs.watch("me", "run_1", until_pause=True)]
    assert isinstance(frames[-1], Entry)
    assert frames[-1].type == "run_paused"


def test_reports_count_anew_when_a_run_goes_on() -> None:
    first, second = LiveRun(lambda: None), LiveRun(lambda: None)
    place = StreamPosition(first)
    for _ in range(3):
        first.report("m1.0", "old")
    assert list(place.new_frames(first)) == [Progress("m1.0", "old")] * 3
    second.report("m2.0", "new")
    assert list(place.new_frames(second)) == [Progress("m2.0", "new")]
    assert list(place.new_frames(second)) == []


moves = st.lists(st.sampled_from(("say", "join", "rejoin", "write", "gate", "stall", "go", "wait")), max_size=40)


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(moves)
def test_no_reader_has_a_gap_or_a_repeat(plays: list[str]) -> None:
    async def play() -> None:
        runtime = await streaming((("look", "pay"), ("put",)))
        readers = [Reader(runtime)]
        for number, move in enumerate(plays):
            speaking = [at for at, gate in enumerate(runtime.gates) if gate.name.startswith("model")]
            if move == "say" and speaking:
                runtime.open_gate(speaking[0], f"say:{number} ")
            elif move == "join":
                readers.append(Reader(runtime))
            elif move == "rejoin":
                old = readers[-1]
                old.task.cancel()
                await runtime.settle(3)
                readers.append(Reader(runtime, after=max(old.seqs, default=0)))
                readers[-1].frames[:0] = [frame for frame in old.frames if isinstance(frame, Entry)]
            elif move == "write" and runtime.disk.held:
                runtime.disk.write()
            elif move == "gate" and runtime.gates:
                runtime.open_gate(0)
            elif move in ("stall", "go"):
                (readers[number % len(readers)].may.clear if move == "stall" else readers[-1].may.set)()
            elif move == "wait":
                await runtime.settle(10)
            await runtime.settle(number % 4)
        for reader in readers:
            reader.may.set()
        await runtime.let_go()
        for reader in readers:
            if not reader.task.cancelled():
                await reader.task
                assert reader.seqs == list(range(1, len(runtime.entries("run_1")) + 1))

    asyncio.run(play())
