"""Record the golden journals of a release: `python -m tests.replay.record_journals 0.1`.

Each story gives one file: a line for every event of its run, then a line with the state that they fold to. Files of
released versions are never written again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from journeyman.agents.spec import Limits
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    BranchEnded,
    BudgetWarned,
    CancelRequested,
    ContextChanged,
    Event,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Parent,
    RunAccepted,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    StepRemembered,
    ThreadCreated,
    ThreadErased,
    ThreadRenamed,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.events import Path as Place
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, Usage, assistant, user
from journeyman.events.origin import RequestOrigin
from journeyman.runtime.use_cases.requests import StartCall, StartRun
from tests.harness.stepped_runtime import THREAD, SteppedRuntime

JOURNALS = Path(__file__).parent / "journals"
Story = Callable[[SteppedRuntime], Awaitable[None]]


async def begin(runtime: SteppedRuntime, stream: bool = False) -> None:
    await runtime.boot()
    context = {"customer": {"tier": "gold"}}
    request = StartRun(input=user("a"), thread_id=THREAD, context=context, stream=stream, origin=RequestOrigin("req_1"))
    runtime.spawn(runtime.runs.start, "me", request)
    await step(runtime)


async def step(runtime: SteppedRuntime) -> None:
    """Commit everything, open nothing."""
    await runtime.settle()
    while runtime.disk.held:
        runtime.clock.advance(0.001)
        runtime.disk.write()
        await runtime.settle()


async def reply(runtime: SteppedRuntime, how: str = "ok") -> None:
    runtime.clock.advance(0.25)
    runtime.open_gate(0, how)
    await step(runtime)


async def answer(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)


async def tools(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)
    runtime.open_gate(1, "fail")
    await step(runtime)
    await runtime.let_go()


async def approvals(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)
    first, second = await runtime.disk.approvals(None)
    runtime.spawn(runtime.answer, first.id, "approve", {"amount": 3})
    await step(runtime)
    runtime.spawn(runtime.answer, second.id, "deny")
    await runtime.let_go()


async def paused(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)


async def taken_over(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)
    await runtime.crash()
    runtime.clock.advance(3600)
    await runtime.boot()
    await runtime.let_go(decision=lambda row: "done")


async def retried(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)
    await reply(runtime, "again")
    await reply(runtime, "unknown")
    await runtime.let_go(decision=lambda row: "retry")


async def cancelled(runtime: SteppedRuntime) -> None:
    await begin(runtime, stream=True)
    await reply(runtime, "say:I was about to ")
    runtime.spawn(runtime.runs.cancel, "me", "run_1")
    await step(runtime)


async def cancelled_in_a_call(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime)
    runtime.spawn(runtime.runs.cancel, "me", "run_1")
    await step(runtime)


async def failed(runtime: SteppedRuntime) -> None:
    await begin(runtime)
    await reply(runtime, "error")


async def direct(runtime: SteppedRuntime) -> None:
    await runtime.boot()
    runtime.spawn(runtime.runs.call, "me", StartCall(tool="look", arguments={"q": 1}))
    await runtime.let_go()


STORIES: dict[str, tuple[Story, tuple[tuple[str, ...], ...], Limits]] = {
    "answer": (answer, (), Limits()),
    "tools": (tools, (("look", "put", "nope", "look:bad", "touch"), ("tell",)), Limits()),
    "approvals": (approvals, (("pay_asked", "look_asked"),), Limits()),
    "paused": (paused, (("pay_asked",),), Limits()),
    "taken_over": (taken_over, (("look", "pay", "tell", "put"),), Limits()),
    "retried": (retried, (("put", "pay"),), Limits()),
    "cancelled": (cancelled, (), Limits()),
    "cancelled_in_a_call": (cancelled_in_a_call, (("pay", "look", "pay_asked"),), Limits()),
    "failed": (failed, (), Limits()),
    "limit": (tools, (("look", "put"), ("look",)), Limits(steps=1)),
    "direct": (direct, (), Limits()),
}
RARE: tuple[Event, ...] = (
    RunAccepted(
        thread="me/t",
        principal="me",
        input=Message(role="user", content=(TextPart("x"), ImagePart("data:,"), FilePart("https://f.example/a", "a"))),
        parent=Parent("run_0", "m1.0"),
        multitask="reject",
    ),
    RunStarted(epoch=2, first_no=3, last_no=9, summary=1, thread_context={"a": 1}, global_context={"b": [2]}),
    RunForked(parent="run_0", at=4),
    NodeEntered(path=Place("b1", "plan", 2)),
    StepRemembered(name="dice", value={"rolled": 6}, path=Place("b1", "plan", 2)),
    ContextChanged(scope="global", patch={"b": None, "c": 1.5}),
    BudgetWarned(budget="daily", used=0.9, limit=1.0),
    NodeLeft(path=Place("b1", "plan", 2)),
    MessageAdded(message=user("again"), by="me"),
    MessageReplaced(seq=9, message=user("once more")),
    CancelRequested(by="me", reason="disconnected"),
    ThreadCreated(thread_id="t", principal="me", title="T", meta={"m": 1}),
    HistorySummarized(first_no=1, last_no=2, text="They met."),
    ThreadErased(thread="me/t", by="me"),
)


A, B = "plan#1.0", "plan#1.1"
GRAPH: tuple[Event, ...] = (
    RunAccepted(thread="me/t", principal="me", agent="a", version="v", input=user("hi")),
    RunStarted(epoch=2),
    NodeEntered(call="plan#1", path=Place("", "plan")),
    ModelCalled(call="m1", model="m", messages=1, path=Place("", "plan")),
    ModelReplied(call="m1", model="m", message=assistant("Two ways."), usage=Usage(4, 2), path=Place("", "plan")),
    NodeLeft(call="plan#1", path=Place("", "plan")),
    NodeEntered(call="expert#1", path=Place(A, "expert")),
    NodeEntered(call="score#1", path=Place(B, "score")),
    NodeEntered(call="expert#1", child="run_2", path=Place(A, "expert")),
    ToolCallStarted(
        call="score#1.t1",
        call_id="score#1.t1",
        tool="look",
        arguments={"q": 1},
        idempotency_key="run_1:score#1.t1",
        path=Place(B, "score"),
    ),
    RunResumed(epoch=3, reason="taken_over"),
    NodeEntered(call="score#1", attempt=2, path=Place(B, "score")),
    ToolCallFinished(call="score#1.t1", call_id="score#1.t1", tool="look", result="seen", path=Place(B, "score")),
    StepRemembered(name="score#1/dice", value=6, path=Place(B, "score")),
    ContextChanged(scope="thread", patch={"score": 6}, path=Place(B, "score")),
    NodeLeft(call="score#1", attempt=2, result={"score": 6}, path=Place(B, "score")),
    NodeEntered(call="work#1", path=Place(B, "work")),
    ModelCalled(call="m2", model="m", messages=2, path=Place(B, "work")),
    ModelReplied(call="m2", model="m", message=assistant("Six."), usage=Usage(8, 1), path=Place(B, "work")),
    NodeLeft(call="work#1", path=Place(B, "work")),
    BranchEnded(path=Place(B, "work"), to="review", edge=3),
    NodeLeft(call="expert#1", result="Well.", path=Place(A, "expert")),
    BranchEnded(path=Place(A, "expert"), to="review", edge=3),
    NodeEntered(call="review#1", joins=(A, B), path=Place("", "review")),
    ApprovalRequested(approval="ap", kind="node", call="review#1", message="Send?", path=Place("", "review")),
    ApprovalGiven(approval="ap", decision="approve", by="me"),
    NodeLeft(call="review#1", result="approve", path=Place("", "review")),
    RunFinished(output="Six."),
)


THREAD_EVENTS: tuple[Event, ...] = (
    ThreadCreated(thread_id="t", principal="me", title="T", meta={"m": 1}),
    ThreadRenamed(title="Another"),
)


async def told(name: str) -> list[Entry]:
    story, plan, limits = STORIES[name]
    runtime = SteppedRuntime({"a": plan}, limits=limits)
    await story(runtime)
    entries = runtime.entries(runtime.run_ids[0])
    await runtime.crash()
    return entries


def made(events: tuple[Event, ...]) -> list[Entry]:
    drafts = (Codec().draft(event) for event in events)
    return [Entry("run_1", seq, draft.type, draft.v, seq, draft.data) for seq, draft in enumerate(drafts, 1)]


def folded(entries: list[Entry]) -> AgentState:
    return fold(entries[0].stream, ((entry.seq, entry.at, entry.event) for entry in entries))


def write(path: Path, entries: list[Entry]) -> None:
    lines: list[Any] = [
        {"stream": e.stream, "seq": e.seq, "type": e.type, "v": e.v, "at": e.at, "data": msgspec.Raw(e.data)}
        for e in entries
    ]
    lines.append({"state": folded(entries)})
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def main(release: str) -> None:
    folder = JOURNALS / release
    folder.mkdir(parents=True, exist_ok=False)
    for name in STORIES:
        write(folder / f"{name}.jsonl", asyncio.run(told(name)))
    write(folder / "rare.jsonl", made(RARE))
    write(folder / "graph.jsonl", made(GRAPH))
    write(folder / "threads.jsonl", made(THREAD_EVENTS))


if __name__ == "__main__":
    main(sys.argv[1])
