"""What is open in a state, in the trunk, in branches and in nodes."""

from __future__ import annotations

from journeyman.events.events import Failure, HistorySummarized, Path, RunForked
from journeyman.events.graph_position import BranchState, GraphPosition, NodeState
from journeyman.events.messages import Usage, assistant, user
from journeyman.events.open_calls import CallState, ModelCallState
from journeyman.events.state import AgentState, apply_summary, into_branch, out_of_branch


def call(name: str, **changes: object) -> CallState:
    return CallState(call=name, call_id="c", tool="pay", arguments={}, **changes)  # type: ignore[arg-type]


TOKEN = NodeState(path=Path("", "a"), calls=(call("a#1.t1"),), model_calls=(ModelCallState(call="a#1.m1", attempt=1),))
BRANCH = BranchState(
    node=NodeState(path=Path("a#1.0", "b")),
    messages=(assistant("in the branch"),),
    calls=(call("m2.0", status="waiting", approval="a2"),),
    model_call=ModelCallState(call="m2", attempt=1),
)
STATE = AgentState(
    messages=(user("hi"), assistant("first")),
    calls=(call("m1.0", status="finished"), call("m1.1")),
    walk=GraphPosition(node=TOKEN, branches={"a#1.0": BRANCH}),
)


def test_open_calls_are_those_of_the_trunk_the_branches_and_the_nodes() -> None:
    assert [each.call for each in STATE.open_calls] == ["m1.1", "m2.0", "a#1.t1"]
    assert [each.call for each in STATE.open_model_calls] == ["m2", "a#1.m1"]
    assert STATE.open_approvals == ("a2",)
    assert [node.path.node for node in STATE.open_nodes] == ["a", "b"]


def test_a_branch_sees_what_was_said_before_it_and_its_own() -> None:
    view = STATE.in_branch("a#1.0")
    assert [message.text for message in view.messages] == ["hi", "first", "in the branch"]
    assert [each.call for each in view.calls] == ["m2.0"]
    assert STATE.in_branch("") is STATE


def test_into_a_branch_and_out_again_changes_nothing() -> None:
    inner = into_branch(STATE, BRANCH)
    assert inner.messages == BRANCH.messages
    assert out_of_branch(STATE, inner, "a#1.0", BRANCH) == STATE


def test_an_answer_is_news_until_something_was_made_of_it() -> None:
    answered = AgentState(calls=(call("m1.0", status="answered", approval="a1"),))
    asked = AgentState(calls=(call("m1.0", status="asked", approval="a1"),))
    forked = AgentState(calls=asked.calls, forked=RunForked(parent="run_1", at=3))
    assert [state.answered for state in (answered, asked, forked)] == [True, False, True]


def test_more_cached_tokens_than_input_tokens_take_nothing_from_other_replies() -> None:
    state = AgentState().charged(Usage(1000, 5, 200)).charged(Usage(10, 5, 900))
    assert (state.uncached_tokens, state.usage) == (800, Usage(1010, 10, 1100))


def test_the_last_reply_is_the_models_newest_message() -> None:
    assert STATE.last_reply == assistant("first")
    assert AgentState(messages=(user("hi"),)).last_reply is None


def test_a_summary_moves_the_view_and_one_that_failed_only_costs() -> None:
    state = AgentState(first_no=1, last_no=9)
    made = apply_summary(state, HistorySummarized(first_no=1, last_no=4, text="They met.", usage=Usage(5, 1)))
    assert (made.first_no, made.summary and made.summary.text, made.usage) == (5, "They met.", Usage(5, 1))
    failure = Failure("gateway_error", "It failed.")
    failed = apply_summary(state, HistorySummarized(first_no=1, last_no=4, text="", error=failure))
    assert (failed.first_no, failed.summary and failed.summary.failed, failed.errors) == (1, True, (failure,))
