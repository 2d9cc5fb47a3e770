from __future__ import annotations

import getpass

from journeyman.clock import ManualClock
from journeyman.tools.authoring.context import ToolContext
from journeyman.tools.builtin import builtin_tools
from journeyman.tools.builtin.username import GetUsername
from journeyman.tools.schema.describe import describe
from journeyman.tools.spec import CallRequest


def context(principal: str) -> ToolContext:
    spec = describe(GetUsername()).spec
    request = CallRequest(
        spec=spec, arguments={}, call="c", run_id="r", thread_id="t", principal=principal, idempotency_key="k"
    )
    return ToolContext(request, host=None)  # type: ignore[arg-type]


def test_all_are_inline_and_without_effects():
    for thing in builtin_tools(ManualClock()):
        spec = describe(thing).spec
        assert (spec.policy.effects, spec.policy.isolation, spec.policy.declared) == ("none", "inline", True)
        assert spec.description


async def test_username_is_the_principal_or_the_systems_user():
    assert await GetUsername().run(context("ann")) == "ann"
    assert await GetUsername().run(context("local")) == getpass.getuser()
