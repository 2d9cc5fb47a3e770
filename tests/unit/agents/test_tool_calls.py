"""The next action for one tool call, in every branch."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from journeyman.agents.decision import AskHuman, CallTool, Settle
from journeyman.agents.tool_calls import next_action
from journeyman.agents.toolset import Toolset, arguments_hash
from journeyman.errors import BaseError, ToolError
from journeyman.events.events import ApprovalGiven, ForkedCall, HumanChange
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.node_steps import answered
from journeyman.events.open_calls import CallState
from journeyman.runtime.engine.end_events import close_call
from journeyman.tools.spec import StoredTool, ToolSpec

STATE = AgentState(principal="me", thread_context={"vip": True})


@dataclasses.dataclass
class ConditionDouble:
    answer: bool | None
    seen: list[Any] = dataclasses.field(default_factory=list)

    def holds(self, values: Any) -> bool:
        self.seen.append(values)
        if self.answer is None:
            raise BaseError("it cannot be evaluated")
        return self.answer


def spec(**changes: Any) -> ToolSpec:
    given = {"name": "pay", "description": "", "parameters": {"type": "object"}, "code_hash": "v1"}
    return StoredTool(**{**given, **changes}).spec()


def call(status: str = "asked", **changes: Any) -> CallState:
    given: dict[str, Any] = {"call": "m1.0", "call_id": "c", "tool": "pay", "arguments": {"n": 1}, "status": status}
    return CallState(**{**given, **changes})


def check(name: str, arguments: str | dict[str, JSON]) -> dict[str, JSON]:
    if not isinstance(arguments, dict):
        raise ToolError("not an object", code="invalid_arguments")
    return arguments


def tools(*specs: ToolSpec, condition: ConditionDouble | None = None) -> Toolset:
    return Toolset(specs, check, {"pay": condition} if condition else None)


def action_for(state: CallState, tool: ToolSpec, condition: ConditionDouble | None = None) -> Any:
    return next_action(state, STATE, tools(tool, condition=condition))


@pytest.mark.parametrize("status", ["started", "waiting", "finished"])
def test_nothing_while_it_runs_waits_or_is_over(status: str) -> None:
    assert action_for(call(status), spec()) is None


def test_an_unknown_tool_is_refused_with_the_known_names() -> None:
    action = next_action(call(tool="nope"), STATE, tools(spec(), spec(name="look")))
    assert isinstance(action, Settle)
    assert action.failure is not None
    assert action.failure.code == "tool_not_found"
    assert "pay, look" in action.failure.message
    empty = next_action(call(tool="nope"), STATE, tools())
    assert isinstance(empty, Settle)
    assert "Tools: none" in str(empty.failure)


def test_arguments_that_do_not_fit_are_refused() -> None:
    action = action_for(call(arguments="[]"), spec())
    assert (action.failure.code, action.attempts) == ("invalid_arguments", 0)


def test_without_a_policy_it_runs() -> None:
    action = action_for(call(), spec())
    assert isinstance(action, CallTool)
    assert (action.call_id, action.arguments, action.attempt, action.key) == ("c", {"n": 1}, 1, "m1.0#1")


@pytest.mark.parametrize(("approval", "holds", "asks"), [
    ("always", None, True), ("never", None, False), ("args.n > 0", True, True), ("args.n > 0", False, False),
])  # fmt: skip
def test_policies(approval: str, holds: bool | None, asks: bool) -> None:
    condition = ConditionDouble(holds)
    action = action_for(call(), spec(approval=approval), condition)
    assert isinstance(action, AskHuman if asks else CallTool)
    if holds is not None:
        context = {"thread": {"vip": True}, "global": {}, "server": {}}
        assert condition.seen == [{"args": {"n": 1}, "context": context, "tool": "pay", "principal": "me"}]


def test_a_condition_that_is_missing_or_cannot_be_evaluated_asks() -> None:
    assert isinstance(action_for(call(), spec(approval="args.n")), AskHuman)
    assert isinstance(action_for(call(), spec(approval="args.n"), ConditionDouble(None)), AskHuman)


def test_what_is_asked() -> None:
    action = action_for(call(), spec(approval="always"))
    assert (action.kind, action.decisions, action.key) == ("tool", ("approve", "deny"), "m1.0#ask-tool")
    assert action.args_hash == arguments_hash(spec(), {"n": 1})


def test_denied() -> None:
    action = action_for(call("answered", decision="deny"), spec())
    assert action.failure.code == "approval_denied"


def test_approved_runs_with_the_arguments_that_the_human_gave() -> None:
    asked_for = arguments_hash(spec(), {"n": 1})
    action = action_for(call("answered", decision="approve", args_hash=asked_for, arguments={"n": 2}), spec())
    assert isinstance(action, CallTool)
    assert action.arguments == {"n": 2}


def test_approved_before_the_code_changed_asks_again() -> None:
    asked_for = arguments_hash(spec(), {"n": 1})
    action = action_for(call("answered", decision="approve", args_hash=asked_for), spec(code_hash="v2"))
    assert isinstance(action, AskHuman)
    assert action.args_hash.startswith("v2.")


def test_approved_arguments_that_do_not_fit_any_more_are_refused() -> None:
    assert isinstance(action_for(call("answered", decision="approve", arguments="x"), spec()), Settle)


@pytest.mark.parametrize("effects", ["none", "idempotent"])
def test_orphaned_runs_again_as_the_next_attempt(effects: str) -> None:
    orphan = call("orphaned", attempt=1, code_hash="v1")
    action = action_for(orphan, spec(effects=effects))
    assert isinstance(action, CallTool)
    assert action.attempt == 2


def test_an_approval_that_is_asked_again_says_why() -> None:
    asked = "May pay run with these arguments?"
    changed = action_for(call("answered", decision="approve", args_hash="v1.x", approval="a"), spec(code_hash="v2"))
    assert changed.message == f"{asked} The code of pay changed since you approved."
    question = call("answered", decision="done", kind="question", args_hash="v1.x", approval="a")
    assert action_for(question, spec(code_hash="v2")).message.endswith("changed since you answered its question.")
    started = action_for(call("orphaned", attempt=1, code_hash="v0"), spec(effects="none"))
    assert started.message == f"{asked} The code of pay changed since this call was started."
    asking = spec(effects="none", approval="always")
    for status in ("asked", "orphaned"):
        forked = call(status, approval="a", forked=ForkedCall("m1.0"), code_hash="v1")
        assert (
            action_for(forked, asking).message
            == f"{asked} It was asked before the fork, whose answers do not count here."
        )
    assert action_for(call(), asking).message == asked, "it is asked for the first time"


def test_orphaned_asks_when_the_code_changed() -> None:
    action = action_for(call("orphaned", attempt=1, code_hash="v0"), spec(effects="none"))
    assert isinstance(action, AskHuman)
    assert action.kind == "tool"


def test_orphaned_once_asks_or_tells_even_when_the_code_changed() -> None:
    orphan = call("orphaned", attempt=1, code_hash="v0")
    asked = action_for(orphan, spec(effects="once", on_unknown="ask"))
    assert isinstance(asked, AskHuman)
    assert (asked.kind, asked.decisions) == ("unknown_outcome", ("retry", "done", "fail"))
    told = action_for(orphan, spec(effects="once", on_unknown="tell"))
    assert isinstance(told, Settle)
    assert told.failure is not None
    assert (told.failure.code, told.attempts) == ("outcome_unknown", 1)


@pytest.mark.parametrize("arguments", [{"n": 1}, "x"])
def test_the_answers_about_an_unknown_outcome(arguments: Any) -> None:
    """`done` and `fail` run nothing, so they settle the call whatever its arguments are now."""
    answered = {"attempt": 1, "kind": "unknown_outcome", "arguments": arguments}
    done = action_for(call("answered", decision="done", answer="paid", **answered), spec())
    assert (done.result, done.failure, done.attempts) == ("paid", None, 1)
    fail = action_for(call("answered", decision="fail", **answered), spec())
    assert fail.failure.code == "outcome_unknown"


def test_retry_runs_again() -> None:
    asked_for = arguments_hash(spec(), {"n": 1})
    answered = call("answered", decision="retry", attempt=1, kind="unknown_outcome", args_hash=asked_for)
    action = action_for(answered, spec())
    assert isinstance(action, CallTool)
    assert action.attempt == 2
    assert isinstance(action_for(answered, spec(code_hash="v2")), AskHuman)


@pytest.mark.parametrize("effects", ["once", "idempotent"])
@pytest.mark.parametrize("tool", ["pay", "gone"])
def test_a_call_that_may_have_happened_is_never_called_refused(effects: str, tool: str) -> None:
    """Its tool is gone, or its arguments do not fit any more, since the crash: the outcome is unknown."""
    orphan = call("orphaned", attempt=1, tool=tool, arguments={"n": 1} if tool == "gone" else "x")
    action = action_for(orphan, spec(effects=effects))
    assert isinstance(action, Settle)
    assert action.failure is not None
    assert action.failure.code == "outcome_unknown"


CHANGED = HumanChange(arguments={"n": 50})


def test_the_arguments_of_a_human_are_told_with_any_end_of_the_call() -> None:
    approved = call("answered", kind="tool", decision="approve", args_hash="v1.x", edit=CHANGED)
    assert action_for(approved, spec()).human == CHANGED
    assert action_for(call("answered", kind="unknown_outcome", decision="fail", edit=CHANGED), spec()).human == CHANGED
    assert action_for(call("orphaned", edit=CHANGED), spec(), None).human == CHANGED
    assert close_call(call("started", edit=CHANGED), ()).human == CHANGED
    assert action_for(call(), spec()).human is None


def test_a_call_that_a_human_said_was_done_says_so() -> None:
    done = {"status": "answered", "kind": "unknown_outcome", "decision": "done"}
    assert action_for(call(**done, answer="paid"), spec()).human == HumanChange(answered=True)
    edited = action_for(call(**done, answer="paid", edit=CHANGED), spec()).human
    assert edited == HumanChange(arguments={"n": 50}, answered=True)
    forked = ForkedCall("m1.0", result="paid")
    assert action_for(call(**done, answer="paid", forked=forked), spec()).human is None, "it is the parent's result"
    assert action_for(call(**done, answer="else", forked=forked), spec()).human == HumanChange(answered=True)


@pytest.mark.parametrize("decision", ["approve", "retry"])
def test_an_answer_with_other_arguments_is_kept_as_an_edit(decision: Any) -> None:
    asked = call("waiting", approval="a")
    given = ApprovalGiven(approval="a", decision=decision, by="me", arguments={"n": 50}, hidden=("n",))
    (edited,) = answered((asked,), given)
    assert edited.edit == HumanChange(arguments={"n": 50}, hidden=("n",))
    (same,) = answered((asked,), ApprovalGiven(approval="a", decision=decision, by="me", arguments={"n": 1}))
    assert same.edit is None
