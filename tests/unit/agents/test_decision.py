"""The keys of actions: one action under way is never started twice, and another attempt is another action."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.decision import (
    AddMessage,
    AskHuman,
    AwaitChild,
    CallModel,
    CallTool,
    EndBranch,
    EnterNode,
    Finish,
    LeaveNode,
    ReachLimit,
    RunNode,
    Settle,
)
from journeyman.events.events import Path
from journeyman.events.messages import user
from journeyman.tools.spec import ToolSpec

SPEC = ToolSpec(name="look", description="Look.", parameters={"type": "object"})
TOOL = {"call": "m1.0", "call_id": "c1", "spec": SPEC, "arguments": {}}
ASKED = {"call": "m1.0", "tool": "look", "arguments": {}, "message": "May it?", "args_hash": "h", "decisions": ()}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CallModel, {"call": "m1"}),
        (CallTool, TOOL),
        (RunNode, {"call": "n#1"}),
        (EnterNode, {"call": "n#1"}),
        (LeaveNode, {"call": "n#1"}),
        (AwaitChild, {"call": "c1", "agent": "other", "input": "hi"}),
    ],
)
def test_another_attempt_is_another_action(kind: Any, fields: dict[str, Any]) -> None:
    first, same, second = kind(**fields), kind(**fields, attempt=1), kind(**fields, attempt=2)
    assert first.key == same.key != second.key


def test_what_may_happen_to_one_call_has_different_keys() -> None:
    actions = [
        CallTool(**TOOL),
        Settle(call="m1.0", call_id="c1", tool="look"),
        AskHuman(kind="tool", **ASKED),
        AskHuman(kind="question", **ASKED),
    ]
    assert len({action.key for action in actions}) == len(actions)


def test_what_may_happen_to_one_node_has_different_keys() -> None:
    actions = [kind(call="n#1") for kind in (RunNode, EnterNode, LeaveNode)]
    assert len({action.key for action in actions}) == len(actions)


def test_branches_add_and_end_for_themselves() -> None:
    one, other = Path("a#1.0", "n"), Path("a#1.1", "n")
    assert EndBranch(path=one).key != EndBranch(path=other).key
    assert AddMessage(message=user("x"), path=one).key != AddMessage(message=user("x"), path=other).key


def test_a_run_ends_and_reaches_its_limit_once() -> None:
    assert Finish(output="a").key == Finish(output="b").key
    assert ReachLimit(limit="steps", value=1).key == ReachLimit(limit="tokens", value=2).key
