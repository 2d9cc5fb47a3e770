"""A tool's spec, and its flat stored form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.tools.permissions import Permissions, ProcessLimits
from journeyman.tools.spec import ApprovalPolicy, StoredTool, ToolPolicy, ToolSpec, Unanswered

POLICY = ToolPolicy(
    effects="none",
    declared=True,
    on_unknown="ask",
    approval=ApprovalPolicy("args.amount > 50", "other", 60.0, "approve"),
    timeout_seconds=2.0,
    retries=1,
    isolation="process",
    output_cap=10,
    rate_limit="1/second",
    sandbox="strict",
    limits=ProcessLimits(memory_mb=1),
    permissions=Permissions(network=("a.example",), files=(), env=("KEY",)),
    cache_ttl="default",
    cache_scope="shared",
)
SPEC = ToolSpec(
    name="pay",
    description="Pay",
    parameters={"type": "object"},
    sensitive=("card",),
    source="pay.py:3",
    code_hash="c",
    policy=POLICY,
)


def test_the_stored_form_is_flat_and_keeps_every_value() -> None:
    stored = StoredTool.of(SPEC)
    assert (stored.approval, stored.approval_by) == ("args.amount > 50", "other")
    assert (stored.approval_seconds, stored.approval_default) == (60.0, "approve")
    assert (stored.permissions_network, stored.permissions_files, stored.permissions_env) == (
        ("a.example",),
        (),
        ("KEY",),
    )
    assert stored.spec() == SPEC


def test_every_policy_differs_from_its_default_here() -> None:
    """So that a new policy which is not stored fails the test above."""
    usual = ToolPolicy()
    assert not [name for name in ToolPolicy.__struct_fields__ if getattr(POLICY, name) == getattr(usual, name)]


def test_defaults_are_the_same_in_both_forms() -> None:
    bare: dict[str, Any] = {"name": "t", "description": "", "parameters": {}}
    assert StoredTool(**bare).spec() == ToolSpec(**bare)
    assert StoredTool.of(ToolSpec(**bare)) == StoredTool(**bare)


def test_an_unknown_key_is_an_error() -> None:
    stored = msgspec.to_builtins(StoredTool.of(SPEC))
    with pytest.raises(msgspec.ValidationError, match="unknown field `policy`"):
        msgspec.convert(stored | {"policy": {}}, StoredTool)


@pytest.mark.parametrize(
    ("when", "condition"), [("never", None), ("always", None), ("args.amount > 50", "args.amount > 50")]
)
def test_the_condition_of_an_approval(when: str, condition: str | None) -> None:
    assert ApprovalPolicy(when).condition == condition


def test_a_tool_that_says_nothing_counts_as_once() -> None:
    policy = ToolSpec(name="look", description="Look.", parameters={"type": "object"}).policy
    assert (policy.effects, policy.declared, policy.on_unknown, policy.approval.when) == (
        "once",
        False,
        "tell",
        "never",
    )


@pytest.mark.parametrize(
    ("policy", "cacheable", "may_wait"),
    [
        (ToolPolicy(), False, False),
        (ToolPolicy(effects="none", cache_ttl=60.0), True, True),
        (ToolPolicy(effects="none", cache_ttl="default"), True, True),
        (ToolPolicy(effects="idempotent", cache_ttl=60.0), False, False),
        (ToolPolicy(effects="once", cache_ttl=60.0), False, False),
        (ToolPolicy(isolation="process"), False, True),
    ],
)
def test_what_may_be_kept_and_what_may_wait(policy: ToolPolicy, cacheable: bool, may_wait: bool) -> None:
    assert (policy.is_cacheable, policy.may_wait) == (cacheable, may_wait)


def test_permissions_are_those_of_its_fields() -> None:
    stored = StoredTool(
        name="look", description="", parameters={}, permissions_network=("x.example",), permissions_env=("KEY",)
    )
    assert stored.spec().policy.permissions == Permissions(network=("x.example",), files=None, env=("KEY",))


def test_a_tools_except_exception_does_not_catch_a_question() -> None:
    assert not issubclass(Unanswered, Exception)
