"""The calls that a node's own code makes, in its token."""

from __future__ import annotations

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    Failure,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    Path,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.graph_position import GraphPosition, NodeState
from journeyman.events.messages import assistant
from journeyman.events.node_steps import after_answer, after_step, is_of_code

PATH = Path("", "score")
NODE = NodeState(path=PATH, call="score#1")
STARTED = ToolCallStarted(
    call="score#1.t1", call_id="c", tool="look", arguments={}, idempotency_key="k", code_hash="v1", path=PATH
)


def asked(call: str, kind: str = "tool") -> ApprovalRequested:
    return ApprovalRequested(
        approval="a1",
        call=call,
        kind=kind,
        tool="look",
        arguments={},
        message="May it?",
        args_hash="h",
        decisions=(),
        path=PATH,  # type: ignore[arg-type]
    )


def test_calls_of_code_are_known_by_their_name() -> None:
    assert [is_of_code(call) for call in ("score#1.t1", "review#1", "m2.0")] == [True, True, False]


def test_a_model_call_is_open_until_it_replied_or_failed() -> None:
    called = after_step(NODE, ModelCalled(call="score#1.m1", model="m", path=PATH))
    assert [call.call for call in called.model_calls] == ["score#1.m1"]
    reply = assistant("seven")
    replied = after_step(called, ModelReplied(call="score#1.m1", model="m", message=reply, path=PATH))
    assert (replied.model_calls, replied.outcomes) == ((), {"score#1.m1": reply})
    failed = after_step(called, ModelFailed(call="score#1.m1", error=Failure("x", "y"), path=PATH))
    assert (failed.model_calls, failed.outcomes) == ((), {})


def test_a_tool_call_is_open_until_it_finished() -> None:
    started = after_step(NODE, STARTED)
    assert [(call.call, call.status, call.attempt) for call in started.calls] == [("score#1.t1", "started", 1)]
    finished = ToolCallFinished(call="score#1.t1", call_id="c", tool="look", result="seen", path=PATH)
    assert after_step(started, finished).outcomes == {"score#1.t1": finished}
    assert after_step(started, finished).calls == ()


def test_a_question_of_a_call_waits_for_its_answer() -> None:
    waiting = after_step(NODE, asked("score#1.t1", "question"))
    assert [(call.status, call.question) for call in waiting.calls] == [("waiting", "May it?")]
    answer = ApprovalGiven(approval="a1", decision="done", result="yes", by="ann")
    (call,) = after_answer(GraphPosition(node=waiting), answer).node.calls  # type: ignore[union-attr]
    assert (call.status, [(one.question, one.answer) for one in call.answers]) == ("answered", [("May it?", "yes")])


def test_an_approval_node_waits_itself() -> None:
    waiting = after_step(NODE, asked("score#1"))
    assert (waiting.status, waiting.approval) == ("waiting", "a1")
    given = ApprovalGiven(approval="a1", decision="approve", by="ann")
    node = after_answer(GraphPosition(node=waiting), given).node
    assert node is not None
    assert (node.status, node.decision) == ("answered", "approve")


def test_an_answer_to_something_else_changes_nothing() -> None:
    walk = GraphPosition(node=after_step(NODE, asked("score#1")))
    assert after_answer(walk, ApprovalGiven(approval="other", decision="deny", by="ann")) == walk
