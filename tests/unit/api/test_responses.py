"""Results of use cases as the bodies that clients read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.api.problems import GatewayFailure
from journeyman.api.responses import (
    approval_answer,
    json_response,
    page,
    process_answer,
    raise_gateway_failure,
    send_json,
    state_answer,
    time_or_none,
    tool_call_answer,
)
from journeyman.events.events import Failure, Path
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import BranchState, GraphPosition, NodeState
from journeyman.events.messages import Usage, assistant
from journeyman.events.redaction import REDACTED
from journeyman.journal.journal import ApprovalRow
from journeyman.runtime.use_cases.requests import RunResult

RESULT = RunResult(run_id="run_1", thread_id="t", agent="support", version="v", status="finished", response="Hi.")
APPROVAL = ApprovalRow(
    id="a1",
    seq=3,
    args_hash="h",
    deadline=None,
    requested_at=0,
    run="run_1",
    principal="ann",
    call="m1.0",
    kind="tool",
    tool="pay",
    arguments={"amount": 5, "card": "4111"},
    message="May it?",
    decisions=("approve", "deny"),
    hidden=("card",),
)


def test_a_page_has_items_and_the_next_cursor() -> None:
    assert bytes(page([1, 2], "c").body) == b'{"items":[1,2],"next_cursor":"c"}'
    assert json_response({}, 202).status_code == 202


async def test_a_hot_routes_answer_is_two_messages_with_its_length() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_json(send, 200, {"a": "ä"}, [(b"x-run-id", b"run_1")])
    start, body = sent
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert dict(start["headers"])[b"x-run-id"] == b"run_1"


def test_what_is_not_so_is_left_out_of_an_answer() -> None:
    shown = msgspec.to_builtins(process_answer(msgspec.structs.replace(RESULT, usage=Usage(3, 2, cost_usd=0.5))))
    assert shown["usage"] == {"input_tokens": 3, "output_tokens": 2, "cached_tokens": 0, "cost_usd": 0.5}
    assert not {"error", "approvals", "stopped_by", "waiting_for"} & set(shown)


def test_the_answer_of_a_lone_call_names_its_tool() -> None:
    shown = tool_call_answer(msgspec.structs.replace(RESULT, tool="add", duration_ms=1.5, cached=True))
    assert (shown.tool_name, shown.response, shown.duration_ms, shown.cached) == ("add", "Hi.", 1.5, True)


def test_an_approval_shows_no_hidden_argument() -> None:
    shown = approval_answer(APPROVAL)
    assert (shown.arguments, shown.requested_by, shown.deadline) == ({"amount": 5, "card": REDACTED}, "ann", None)


@pytest.mark.parametrize("code", ["gateway_timeout", "gateway_rate_limited"])
def test_a_run_that_the_gateway_failed_is_an_error_of_the_request(code: str) -> None:
    failed = msgspec.structs.replace(RESULT, status="failed", error=Failure(code, "It failed.", retry_after=3.0))
    with pytest.raises(GatewayFailure) as caught:
        raise_gateway_failure(failed)
    assert (caught.value.code, caught.value.run_id, caught.value.retry_after) == (code, "run_1", 3.0)


def test_another_failure_is_no_error_of_the_request() -> None:
    raise_gateway_failure(RESULT)
    raise_gateway_failure(msgspec.structs.replace(RESULT, status="failed", error=Failure("tool_failed", "It failed.")))


def test_times() -> None:
    assert (time_or_none(None), time_or_none(0)) == (None, "1970-01-01T00:00:00.000000Z")


def test_a_state_shows_each_branch_with_its_own_messages() -> None:
    trunk, inner = NodeState(path=Path("", "a"), call="a#1"), NodeState(path=Path("a#1.0", "b"), call="b#1")
    branches = {"a#1.0": BranchState(node=inner, messages=(assistant("inside"),))}
    state = AgentState(run_id="run_1", thread="ann/t", walk=GraphPosition(node=trunk, branches=branches))
    shown = state_answer(state)
    assert [(node.branch, node.node, len(node.messages)) for node in shown.nodes] == [("", "a", 0), ("a#1.0", "b", 1)]
    assert shown.thread_id == "t"
