"""Children of a run: the first end counts, and a later attempt takes an earlier one's place."""

from __future__ import annotations

from typing import Any

from journeyman.events.child_runs import (
    ChildState,
    child_entered,
    child_left,
    children_of_call,
    interrupted_children,
)
from journeyman.events.events import Failure, NodeEntered, NodeLeft


def entered(call: str = "c1", attempt: int = 1, **more: Any) -> NodeEntered:
    return NodeEntered(call=call, agent="helper", child=f"run_{attempt}", attempt=attempt, **more)


def test_a_child_is_open_until_it_ends() -> None:
    children = child_entered((), entered())
    assert [(child.run_id, child.status) for child in children] == [("run_1", "open")]
    over = child_left(children, NodeLeft(call="c1", result="done"))
    assert [(child.status, child.result) for child in over] == [("finished", "done")]


def test_a_node_that_is_no_agent_has_no_child() -> None:
    assert child_entered((), NodeEntered(call="n#1")) == ()


def test_another_attempt_takes_the_place_of_the_one_before() -> None:
    children = child_entered(child_entered((), entered()), entered(attempt=2))
    assert [(child.run_id, child.attempt) for child in children] == [("run_2", 2)]
    assert child_left(children, NodeLeft(call="c1", attempt=1, result="late")) == children


def test_only_the_first_end_counts() -> None:
    failed = NodeLeft(call="c1", error=Failure("run_failed", "It failed."))
    over = child_left(child_entered((), entered()), failed)
    assert over[0].status == "failed"
    assert child_left(over, NodeLeft(call="c1", result="late")) == over
    assert children_of_call(over, failed) is None


def test_a_fork_interrupts_the_children_that_are_open() -> None:
    open_one = ChildState(call="c1", agent="helper")
    over = ChildState(call="c2", agent="helper", status="finished")
    assert [child.status for child in interrupted_children((open_one, over))] == ["orphaned", "finished"]
