from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.file_model import PermissionsEntry, ToolEntry
from journeyman.agent_files.tool_overrides import OverrideProblem, override_tool
from journeyman.tools.permissions import Permissions
from journeyman.tools.spec import ToolSpec

REACHING = Permissions(network=("*.shop.example", "localhost"), files=("data/",))

LoadContextFactory = Callable[..., LoadContext]
Override = Callable[..., tuple[ToolSpec, list[OverrideProblem]]]


@pytest.fixture
def override(load_context: LoadContextFactory) -> Override:
    surroundings = load_context()

    def run(tool: str, **changes: Any) -> tuple[ToolSpec, list[OverrideProblem]]:
        spec = surroundings.tools[tool].spec
        return override_tool(spec, ToolEntry(name=tool, **changes), surroundings.schema_overrides)

    return run


def test_a_name_alone_changes_nothing(override: Override, load_context: LoadContextFactory) -> None:
    assert override("refund") == (load_context().tools["refund"].spec, [])


@pytest.mark.parametrize(
    ("tool", "effects", "allowed"),
    [
        ("get_username", "idempotent", True),
        ("get_username", "once", True),
        ("get_order", "none", False),
        ("refund", "once", True),
        ("refund", "idempotent", False),
        ("undeclared", "none", True),
        ("undeclared", "once", True),
    ],
)
def test_effects_become_stricter_or_declared(tool: str, effects: Any, allowed: bool, override: Override) -> None:
    spec, findings = override(tool, effects=effects)
    assert (not findings) is allowed
    if allowed:
        assert (spec.policy.effects, spec.policy.declared) == (effects, True)
        assert spec.policy.on_unknown == ("ask" if effects == "once" else "tell")


def test_an_explicit_on_unknown_wins_over_the_default(override: Override) -> None:
    spec, _ = override("undeclared", effects="once", on_unknown="tell")
    assert spec.policy.on_unknown == "tell"
    assert override("undeclared", on_unknown="ask")[0].policy.on_unknown == "ask"


def test_retries_and_timeouts_are_free(override: Override) -> None:
    spec, findings = override("get_order", retries=7, timeout_seconds=99.5, description="Find it")
    assert (spec.policy.retries, spec.policy.timeout_seconds) == (7, 99.5)
    assert (spec.description, findings) == ("Find it", [])


def test_what_has_no_meaning_is_a_warning(override: Override) -> None:
    spec, findings = override("refund", retries=3)
    assert spec.policy.retries is None
    assert [(finding.path, finding.severity) for finding in findings] == [(("retries",), "warning")]
    _, findings = override("get_order", on_unknown="ask")
    assert [(finding.path, finding.severity) for finding in findings] == [(("on_unknown",), "warning")]


@pytest.mark.parametrize(
    ("tool", "approval", "result"),
    [
        ("refund", "always", "always"),
        ("refund", "args.amount > 50", "args.amount > 50"),
        ("refund", "never", "never"),
        ("guarded", "always", "always"),
        ("guarded", "args.order_id == 'x'", "(args.amount > 100) || (args.order_id == 'x')"),
        ("guarded", "never", None),
        ("asked", "never", None),
        ("asked", "args.amount > 50", None),
        ("refund", "args.amount >", None),
        ("refund", "state.amount > 5", None),
        ("guarded", " || ".join(["args.amount > 50"] * 49), None),
    ],
)
def test_an_approval_is_added_never_removed(tool: str, approval: str, result: str | None, override: Override) -> None:
    spec, findings = override(tool, approval=approval)
    assert (spec.policy.approval.when if not findings else None) == result
    assert all(finding.path == ("approval", "when") for finding in findings)


def test_a_process_is_never_left(override: Override) -> None:
    assert override("refund", isolation="process")[0].policy.isolation == "process"
    _, findings = override("get_order", isolation="inline")
    assert findings[0].path == ("isolation",)


def test_what_the_code_leaves_open_may_be_declared(override: Override) -> None:
    spec, findings = override("refund", permissions=PermissionsEntry(network=["a.example"], env=["KEY"]))
    assert spec.policy.permissions == Permissions(network=("a.example",), env=("KEY",))
    assert not findings


@pytest.mark.parametrize(
    ("kind", "entries", "allowed"),
    [
        ("network", ["api.shop.example"], True),
        ("network", ["api.shop.example:8443"], True),
        ("network", [], True),
        ("network", ["shop.example"], False),
        ("network", ["*"], False),
        ("files", ["data/sub", "./data"], True),
        ("files", ["database"], False),
        ("files", ["/data"], False),
        ("env", [], True),
        ("env", ["KEY"], False),
    ],
)
def test_permissions_are_only_narrowed(kind: str, entries: list[str], allowed: bool, override: Override) -> None:
    spec, findings = override("reaching", permissions=PermissionsEntry(**{kind: entries}))
    assert (not findings) is allowed
    assert getattr(spec.policy.permissions, kind) == (tuple(entries) if allowed else getattr(REACHING, kind))
    if not allowed:
        assert findings[0].path == ("permissions", kind)


def test_only_calls_without_effects_are_cached(override: Override) -> None:
    spec, findings = override("get_username", cache_ttl=60)
    assert (spec.policy.cache_ttl, findings) == (60, [])
    spec, findings = override("refund", cache_ttl=60)
    assert spec.policy.cache_ttl == 0
    assert [finding.severity for finding in findings] == ["warning"]
    spec, findings = override("cached", effects="idempotent")
    assert (spec.policy.is_cacheable, spec.policy.cache_ttl, findings) == (False, 0, [])
