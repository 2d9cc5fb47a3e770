"""Which steps are in progress at the end of a process, by the events since the run's last start."""

from __future__ import annotations

import pytest

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalRequested,
    Event,
    Failure,
    Lack,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Path,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    StepRemembered,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import assistant
from journeyman.journal.crash_counting import has_step_in_progress

CALLED = ModelCalled(call="m1", model="m")
REPLIED = ModelReplied(call="m1", model="m", message=assistant("hi"))
TOOL = ToolCallStarted(call="m1.0", call_id="c", tool="t", arguments={}, idempotency_key="k")
DONE = ToolCallFinished(call="m1.0", call_id="c", tool="t", result="r")
NODE = NodeEntered(call="n#1", path=Path(node="n", visit=1))
CHILD = NodeEntered(call="n#1", path=Path(node="n", visit=1), agent="a", child="run_2")


def entries(*events: Event) -> list[Entry]:
    drafts = map(Codec().draft, events)
    return [Entry("run_1", seq, draft.type, draft.v, 1, draft.data) for seq, draft in enumerate(drafts, 1)]


@pytest.mark.parametrize(
    "steps",
    [
        (CALLED,),
        (CALLED, REPLIED, TOOL),
        (NODE,),
        (NODE, NodeLeft(call="n#1"), CALLED),
        (CALLED, ModelFailed(call="m1", error=Failure("x", "x")), CALLED),
        (TOOL, StepRemembered(name="a", value=1)),
    ],
)
@pytest.mark.parametrize("start", [RunStarted(epoch=3), RunResumed(epoch=3), RunForked(parent="r", at=1, epoch=3)])
def test_a_step_without_an_end_is_in_progress(start: Event, steps: tuple[Event, ...]) -> None:
    assert has_step_in_progress(entries(start, *steps), 3)
    assert not has_step_in_progress(entries(start, *steps), 4), "an earlier process began it"


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (CALLED, REPLIED),
        (CALLED, REPLIED, TOOL, DONE),
        (NODE, NodeLeft(call="n#1")),
        (CHILD,),
        (TOOL, ApprovalRequested(approval="a1", kind="question", call="m1.0")),
        (NODE, ApprovalRequested(approval="a1", kind="node", call="n#1")),
        (CALLED, RunPaused(lacks=Lack("gateway"))),
        (NodeEntered(joins=("a#1.0",)),),
    ],
)
def test_what_waits_or_is_over_is_not_in_progress(steps: tuple[Event, ...]) -> None:
    assert not has_step_in_progress(entries(RunStarted(epoch=3), *steps), 3)


def test_a_run_that_was_never_started_has_no_step() -> None:
    assert not has_step_in_progress([], 1)
