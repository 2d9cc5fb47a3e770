from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import StateError
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    DirectCall,
    Event,
    Failure,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Path,
    RunAccepted,
    RunFailed,
    RunFinished,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import Message, TextPart, ToolCall, user
from journeyman.journal.journal import RunRow
from journeyman.runtime.use_cases.retry_point import retry_point

ACCEPTED = RunAccepted(thread="ann/t", principal="ann", agent="a", input=user("hi"))
STARTED = RunStarted(epoch=1)
ASKS = Message(role="assistant", tool_calls=(ToolCall("c0", "pay", "{}"), ToolCall("c1", "look", "{}")))
UNKNOWN, CANCELLED = Failure("outcome_unknown", "?"), Failure("cancelled", "no")
END = RunFailed(error=Failure("tool_failed", "It broke."))
CALLS = (ModelCalled(call="m1", model="m"), ModelReplied(call="m1", model="m", message=ASKS))
PAY = ToolCallStarted(call="m1.0", call_id="c0", tool="pay", arguments={}, idempotency_key="k")
NODE = Path(node="n")
PARTIAL = Message(role="assistant", content=(TextPart("hal"),), partial=True)


def finished(number: int, error: Failure | None = None, path: Path | None = None) -> ToolCallFinished:
    result = None if error else "ok"
    given = {} if path is None else {"path": path}
    return ToolCallFinished(call=f"m1.{number}", call_id=f"c{number}", tool="pay", result=result, error=error, **given)


CLOSING: list[Event] = [
    finished(0, UNKNOWN),
    finished(1, CANCELLED),
    ModelFailed(call="m2", error=CANCELLED),
    ModelReplied(call="m2", model="", message=PARTIAL, finish_reason="cancelled"),
    NodeLeft(call="n1", error=CANCELLED, path=NODE),
    finished(0, END.error, NODE),
]


def entries(*events: Event) -> list[Entry]:
    drafts = [Codec().draft(event) for event in events]
    return [Entry("run_1", seq, draft.type, draft.v, seq, draft.data) for seq, draft in enumerate(drafts, 1)]


def row(parent: str | None = None) -> RunRow:
    return RunRow(
        id="run_1", thread="ann/t", principal="ann", agent="a", version="v", parent=parent, status="failed", epoch=1,
        accepted_no=1, last_seq=1, accepted_at=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "at"),
    [
        ((END,), 2),
        ((*CALLS, finished(0), PAY, finished(1, UNKNOWN), END), 6),
        ((*CALLS, PAY, finished(0, Failure("tool_failed", "told to the model")), finished(1), END), 7),
        ((CALLS[0], ModelFailed(call="m1", error=Failure("gateway_auth", "no")), END), 3),
        ((NodeEntered(call="n1", path=NODE), NodeLeft(call="n1", error=END.error, path=NODE), END), 3),
        ((NodeEntered(call="n1", path=NODE), NodeLeft(call="n1", result=1, path=NODE), END), 4),
    ],
)
def test_it_is_before_the_events_that_ended_the_run(events: tuple[Event, ...], at: int) -> None:
    assert retry_point(row(), entries(ACCEPTED, STARTED, *events)) == at


@given(st.lists(st.sampled_from(CLOSING), max_size=6))
def test_however_many_events_closed_it(closing: list[Event]) -> None:
    assert retry_point(row(), entries(ACCEPTED, STARTED, *CALLS, PAY, *closing, END)) == 5


@pytest.mark.parametrize(
    ("parent", "events", "words"),
    [
        (None, (ACCEPTED, STARTED, RunFinished()), "has not failed"),
        (None, (ACCEPTED, STARTED), "has not failed"),
        ("run_0", (ACCEPTED, STARTED, END), "belongs to run run_0"),
        (None, (ACCEPTED, END), "failed before it started"),
        (None, (RunAccepted(thread="ann/t", principal="ann", direct=DirectCall("pay", {})), STARTED, END), "direct"),
    ],
)
def test_other_runs_are_refused(parent: str | None, events: tuple[Event, ...], words: str) -> None:
    with pytest.raises(StateError, match=words) as caught:
        retry_point(row(parent), entries(*events))
    assert caught.value.code == "not_retryable"
