"""Why a run did what it did, from its events."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    AskedLimit,
    CancelRequested,
    Event,
    Failure,
    Lack,
    LimitReached,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import Message, Usage
from journeyman.runtime.use_cases.explanations import MOST, explain
from tests.replay.test_golden_journals import FILES, read

SECOND = 1_000_000
ACCEPTED = RunAccepted(thread="me/t", principal="me")
REPLY = Message(role="assistant")


def told(*events: Event, conditions: dict[str, str] | None = None, seconds: float = 2) -> list[str]:
    """Return the sentences about events that come two seconds after one another."""
    story = [(seq, int(seq * seconds * SECOND), event) for seq, event in enumerate(events, 1)]
    found = explain(story, conditions)
    assert all(1 <= each.seq <= len(events) for each in found.items)
    return [f"{each.kind}: {each.sentence}" for each in found.items]


def test_a_plain_run_says_what_ended_it_and_what_it_cost() -> None:
    usage = Usage(input_tokens=30, output_tokens=5, cached_tokens=10, cost_usd=0.02)
    replies = [ModelReplied(call=f"m{number}", model="x", message=REPLY, usage=usage) for number in (1, 2)]
    events = [ACCEPTED, RunStarted(epoch=1), *replies, RunFinished()]
    found = explain((seq, seq, event) for seq, event in enumerate(events, 1))
    assert [(each.kind, each.sentence, each.seq) for each in found.items] == [
        ("stopped", "It ended, since the agent had its answer.", 5),
        ("cost", "It took 70 tokens, 20 of them cached and $0.04 in 2 model calls. The dearest was m2, with 35.", 4),
    ]


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("args.amount > 50", "It asked whether `pay` may run, since its condition was met: args.amount > 50"),
        ("always", "It asked whether `pay` may run, since each call of this tool asks."),
        ("", "It asked whether `pay` may run with these arguments."),
    ],
)
def test_an_approval_says_why_it_was_asked_and_how_it_was_answered(condition: str, sentence: str) -> None:
    asked = ApprovalRequested(approval="a", kind="tool", tool="pay", answerer="other")
    given = ApprovalGiven(approval="a", decision="approve", by="ada", arguments={"amount": 1})
    found = told(asked, RunPaused(waiting_for=("a",)), given, RunResumed(epoch=1), conditions={"pay": condition})
    assert found == [
        f"asked: {sentence} Somebody else than who started the run must answer.",
        "waited: It waits for an answer of a human.",
        "answered: ada answered `approve` for `pay`, with other arguments, after 4.0 s.",
        "resumed: It went on after 4.0 s: what it had asked was answered.",
    ]


def test_each_kind_of_question_has_its_sentence() -> None:
    limit = AskedLimit("steps", 5, 9)
    asked = [
        ApprovalRequested(approval="a", kind="unknown_outcome", tool="pay"),
        ApprovalRequested(approval="b", kind="node", message="Send\n  it?"),
        ApprovalRequested(approval="c", kind="question", tool="fit", message="x" * 900),
        ApprovalRequested(approval="d", kind="limit", limit=limit),
        ApprovalRequested(approval="e", kind="tool", tool="pay", live=True),
    ]
    found = told(*asked, ApprovalGiven(approval="a", decision="fail", by="deadline"))
    assert found[0] == "asked: It asked whether `pay` has happened: the call began, and its outcome is not known."
    assert found[1] == "asked: The graph asks here: Send it?"
    assert found[2].endswith("xx…")
    assert len(found[2]) < 400
    assert found[3] == "asked: It reached its limit `steps`, 5, and asked whether it may go on, up to 9."
    assert "once more" in found[4]
    assert found[5] == "answered: No answer for `pay` came before the deadline, so its default `fail` was taken."


def test_waits_retries_and_their_causes() -> None:
    lacks = Lack("gateway", "east")
    assert told(ACCEPTED, RunStarted(epoch=1)) == [
        "waited: It waited 2.0 s for its thread to be free, or for a free slot."
    ]
    found = told(
        RunPaused(lacks=lacks),
        RunResumed(epoch=1, reason="found"),
        ModelCalled(call="m1", model="x", attempt=2),
        RunResumed(epoch=2, reason="taken_over"),
        ModelCalled(call="m1", model="x", attempt=3),
        ToolCallStarted(call="m1.0", call_id="c", tool="look", arguments={}, idempotency_key="k", attempt=2),
        ToolCallFinished(call="m1.0", call_id="c", tool="look", result="", attempts=3),
        ToolCallFinished(call="m1.1", call_id="c", tool="look", result="", cached=True),
        ToolCallFinished(call="m1.2", call_id="c", tool="pay", error=Failure("approval_denied", "A human refused.")),
    )
    assert found == [
        "waited: The gateway 'east' cannot be used now: the run goes on when it answers.",
        "resumed: It went on after 2.0 s: what it lacked was here.",
        "retried: The model was asked again for m1 (attempt 2): the request was too long.",
        "resumed: The server had stopped during the run. The next start took it over and went on.",
        "retried: The model was asked again for m1 (attempt 3): the server had stopped during the call.",
        "retried: `look` ran again (attempt 2): the server had stopped during the call.",
        "retried: `look` was tried 3 times, until it succeeded.",
        "cost: `look` did not run: its result came from the cache.",
        "refused: `pay` did not run: A human refused.",
    ]


def test_every_end_has_its_reason() -> None:
    assert told(LimitReached(limit="steps", value=25, then="answer"), RunFinished(stopped_by="steps")) == [
        "stopped: It reached the limit `steps`, 25. The model was asked once more, for an answer without tools.",
        "stopped: It ended at its limit `steps`.",
    ]
    assert told(CancelRequested(by="ada")) == ["stopped: ada cancelled it."]
    assert "interrupted it" in told(CancelRequested(by="ada", reason="interrupted"))[0]
    assert "ada" in told(CancelRequested(by="ada", reason="of_a_later_release"))[0]
    assert told(RunFailed(error=Failure("gateway_error", "It is down."))) == [
        "stopped: It failed (`gateway_error`): It is down."
    ]
    assert told(ModelReplied(call="m1", model="x", message=REPLY, finish_reason="length")) == [
        "stopped: The reply m1 was cut off at the model's limit of tokens."
    ]
    assert told(RunForked(parent="run_1", at=7)) == [
        "began: It is a fork of the run run_1, which it repeats up to its event 7."
    ]


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    events = [(seq, 0, CancelRequested(by=str(seq))) for seq in range(1, 3 * MOST)]
    found = explain(events)
    assert (len(found.items), found.left_out) == (MOST, 2 * MOST - 1)
    assert (found.items[0].seq, found.items[-1].seq) == (1, 3 * MOST - 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_runs_of_every_release_can_be_explained(path: Path) -> None:
    entries = read(path)[0]
    found = explain((entry.seq, entry.at, entry.event) for entry in entries)
    assert {each.seq for each in found.items} <= {entry.seq for entry in entries}
    for each in found.items:
        assert each.sentence[-1] in ".?!…" or ": " in each.sentence, each
