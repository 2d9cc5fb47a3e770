"""`journeyman approvals` over a journal file."""

from __future__ import annotations

import io
from typing import Any

from journeyman.cli.commands.approvals import outcome_of, print_outcome
from journeyman.cli.output import CommandOutput
from tests.harness.cli_runner import Shell
from tests.harness.scripted_api_client import ScriptedApiClient


def test_without_approvals_a_sentence_says_so(shell: Shell) -> None:
    code, out = shell("approvals")
    assert code == 0
    assert len(out.splitlines()) == 1


def outcome(status: str, **more: Any) -> dict[str, Any]:
    return {
        "run_id": "r1",
        "tool": "pay",
        "decision": "approve",
        "status": status,
        "result": None,
        "error": None,
    } | more


def test_an_approver_waits_for_the_end_of_the_call_and_not_of_the_run() -> None:
    first, later = "GET /approvals/a1?wait=0", "GET /approvals/a1?wait=5"
    answers = {first: [outcome("running")], later: [outcome("running"), outcome("running", result="paid")]}
    client: Any = ScriptedApiClient(answers=answers)
    assert outcome_of(client, "a1")["result"] == "paid"
    assert client.asked("GET") == [first, later, later]


def test_without_a_call_the_run_is_waited_for() -> None:
    client: Any = ScriptedApiClient(answers={"GET /approvals/a1?wait=0": [outcome("paused")]})
    assert outcome_of(client, "a1")["status"] == "paused"


def test_what_became_of_an_answer_is_printed() -> None:
    stream = io.StringIO()
    error = {"code": "tool_failed", "message": "no\x1b[2J"}
    for each in (outcome("running", result="paid"), outcome("failed", error=error)):
        print_outcome(CommandOutput(stream=stream), each)
    assert stream.getvalue().splitlines() == [
        "Answered 'approve'. The status of run r1 is 'running'.",
        "pay -> paid",
        "Answered 'approve'. The status of run r1 is 'failed'.",
        "pay failed: no\N{REPLACEMENT CHARACTER}[2J [tool_failed]",
    ]
