"""The normal form of events: what differs from run to run is left out, and the rest is read back."""

from __future__ import annotations

import msgspec

from journeyman.agent_tests.normalize import (
    event_of,
    messages_of,
    normalized_events,
    plain_message,
    whole_message,
)
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    BudgetWarned,
    Event,
    Failure,
    ModelReplied,
    RunAccepted,
    RunFailed,
    RunStarted,
)
from journeyman.events.messages import ImagePart, Message, assistant, user


def asked(id: str) -> ApprovalRequested:
    return ApprovalRequested(
        approval=id, call="m1.0", kind="tool", tool="pay", arguments={}, message="May it?", args_hash=id, decisions=()
    )


def test_equal_runs_have_equal_forms_whatever_their_ids_and_times() -> None:
    def run(n: int) -> list[Event]:
        return [
            RunAccepted(thread=f"local/t{n}", principal="local", input=user("hi"), request_id=f"req_{n}"),
            RunStarted(epoch=n),
            ModelReplied(call="m1", model="m", message=assistant("x"), latency_ms=float(n)),
            asked(f"appr_{n}"),
            ApprovalGiven(approval=f"appr_{n}", decision="approve", by=f"user_{n}"),
            RunFailed(error=Failure("tool_failed", "It failed.", error_id=f"err_{n}")),
        ]

    assert normalized_events(run(1)) == normalized_events(run(2))
    assert normalized_events(run(1))[3].data["approval"] == "a1"


def test_budgets_say_nothing_of_the_run() -> None:
    assert normalized_events([BudgetWarned(budget="usd_per_day principal:ann", used=0.9, limit=1.0)]) == []


def test_what_is_in_normal_form_is_read_back() -> None:
    events: list[Event] = [
        RunAccepted(thread="local/test", principal="local", input=user("hi")),
        RunStarted(epoch=1, last_no=2),
        ModelReplied(call="m1", model="m", message=assistant("x")),
    ]
    facts = normalized_events(events)
    assert [event_of(fact.type, fact.v, fact.data, history=2) for fact in facts] == events


def test_a_message_of_one_text_has_it_for_its_content() -> None:
    short = plain_message(msgspec.to_builtins(user("hi")))
    assert short == {"role": "user", "content": "hi"}
    assert whole_message(short)["content"] == [{"type": "text", "text": "hi"}]
    assert messages_of([short]) == (user("hi"),)
    image = msgspec.to_builtins(Message(role="user", content=(ImagePart("u"),)))
    assert plain_message(image) == image
