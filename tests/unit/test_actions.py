"""The public list of actions."""

from __future__ import annotations

from typing import get_args

from journeyman import actions
from journeyman.agents import decision


def test_every_action_but_the_summary_may_be_decided_by_a_type_of_ones_own() -> None:
    union = {action.__name__ for action in get_args(decision.Action)}
    assert set(actions.__all__) == union - {"Summarize"} | {"Action"}


def test_the_names_are_those_of_the_decision_module() -> None:
    assert all(getattr(actions, name) is getattr(decision, name) for name in actions.__all__)
