"""The server's part of a context: written by tools and nodes, read by conditions and prompts, never by clients."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.conditions import client_contexts, compile_approval
from journeyman.agents.prompt import Prompt
from journeyman.agents.toolset import Toolset
from journeyman.errors import ToolExecutionError, ValidationError
from journeyman.events.fold import AgentState
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import JSON
from journeyman.events.server_context import client_part, readable_contexts, server_part, stored_patch
from journeyman.runtime.engine.context_limits import CONTEXT_CAP, check_context, check_context_of_code
from journeyman.tools.authoring.context import BlockingContext, Context
from journeyman.tools.spec import ApprovalPolicy, CallRequest, ToolSpec

WHEN = "!(has(context.server.verified) && context.server.verified)"
SPEC = ToolSpec(name="pay", description="", parameters={}).with_policy(approval=ApprovalPolicy(when=WHEN))


def asks(thread: dict[str, JSON]) -> bool:
    tools = Toolset([SPEC], lambda name, arguments: {}, {"pay": compile_approval(WHEN)})
    return tools.needs_approval(SPEC, {}, AgentState(thread_context=thread))


def request(thread: dict[str, JSON]) -> CallRequest:
    about: dict[str, Any] = {"call": "c", "run_id": "r", "thread_id": "t", "principal": "p", "idempotency_key": "k"}
    return CallRequest(spec=SPEC, arguments={}, thread_context=thread, **about)


def blocking(thread: dict[str, JSON], changes: list[dict[str, JSON]]) -> BlockingContext:
    return BlockingContext(request(thread), lambda scope, patch: changes.append(patch))


@pytest.mark.parametrize(
    "patch",
    [{"verified": True}, {"server": {"verified": True}}, {"$server": {"verified": True}}, {"server.x": 1}],
)
def test_a_client_cannot_pass_a_condition(patch: dict[str, JSON]) -> None:
    check_context({}, patch)  # it is a key as any other
    assert asks(merge_patch({}, patch))


@pytest.mark.parametrize("value", [True, None, {"a": 1}])
def test_a_client_cannot_write_the_servers_part(value: JSON) -> None:
    with pytest.raises(ValidationError, match=r"\$server"):
        check_context(stored_patch({"verified": True}), {"$server.verified": value})


def test_a_tool_writes_what_a_condition_reads() -> None:
    changes: list[dict[str, JSON]] = []
    context = blocking({"a": 1}, changes)
    context.patch(thread={"b": 2}, server={"verified": True})
    assert (context.thread, context.server) == ({"a": 1, "b": 2}, {"verified": True})
    stored: dict[str, JSON] = {"a": 1}
    for patch in changes:
        check_context_of_code(stored, patch)
        stored = merge_patch(stored, patch)
    assert not asks(stored)
    assert asks(merge_patch(stored, stored_patch({"verified": None})))
    assert (client_part(stored), server_part(stored)) == ({"a": 1, "b": 2}, {"verified": True})


async def test_what_a_model_said_is_not_written_to_the_servers_part() -> None:
    class Host:
        async def change_context(self, scope: object, patch: object) -> None:
            raise AssertionError

    with pytest.raises(ToolExecutionError, match="server"):
        blocking({}, []).patch(thread={"$server.verified": True})
    with pytest.raises(ToolExecutionError, match="server"):
        await Context(request({}), Host()).patch(thread={"$server.verified": True})


def test_each_part_has_its_size() -> None:
    full: dict[str, JSON] = {"a": "x" * (CONTEXT_CAP - 100)}
    check_context_of_code(full, stored_patch({"a": "y" * (CONTEXT_CAP - 100)}))
    for patch in ({"b": "x" * 200}, stored_patch({"b": "x" * (CONTEXT_CAP + 1)})):
        with pytest.raises(ValidationError, match="KiB"):
            check_context_of_code(full, patch)


def test_a_prompt_reads_it() -> None:
    prompt = Prompt("{{ context.server.tier | default('none') }} {{ context.thread | length }}")
    assert prompt.render(agent={}, thread={"$server.tier": "gold"}, global_={}, now=0) == "gold 0"
    assert prompt.render(agent={}, thread={"a": 1}, global_={}, now=0) == "none 1"
    assert readable_contexts({"a": 1}, {}) == {"thread": {"a": 1}, "global": {}, "server": {}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("context.thread.verified", ["context.thread"]),
        ("has(context . global.a) || context.thread.b", ["context.global", "context.thread"]),
        ("context['thread'].verified", ["context"]),
        ("context.server.verified && args.a == 'context.thread'", []),
        ("args.context.thread && mycontext.thread", []),
        ("context.server .a || context .server.b", []),
    ],
)
def test_conditions_that_read_what_clients_write_are_found(text: str, found: list[str]) -> None:
    assert client_contexts(text) == found
