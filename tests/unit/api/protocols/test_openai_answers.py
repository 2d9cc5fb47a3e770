"""Answers of chat completions: usage, reasons, and what is said to a human."""

from __future__ import annotations

from msgspec.structs import replace

from journeyman.api.protocols.openai_answers import chat_usage, facts_of, finish_reason_of, waiting_text
from journeyman.events.messages import Usage
from journeyman.journal.journal import ApprovalRow
from journeyman.runtime.use_cases.requests import RunResult

RESULT = RunResult(run_id="run_1", thread_id="t", agent="a", version="v", status="finished")


def approval(**changes: object) -> ApprovalRow:
    fields: dict[str, object] = {
        "id": "appr_1", "run": "run_2", "principal": "p", "seq": 3, "kind": "tool", "call": "m1.0", "tool": "pay",
        "arguments": {"to": "ann", "pin": "1234"}, "message": "", "args_hash": "h", "decisions": ("approve", "deny"),
        "deadline": None, "requested_at": 0, "hidden": ("pin",),
    }  # fmt: skip
    return ApprovalRow(**{**fields, **changes})  # type: ignore[arg-type]


def test_usage_is_the_sum() -> None:
    usage = chat_usage(Usage(3, 4, 2))
    assert (usage.total_tokens, usage.prompt_tokens_details.cached_tokens) == (7, 2)


def test_a_reply_that_a_limit_ended_is_incomplete() -> None:
    assert finish_reason_of(replace(RESULT, stopped_by="steps")) == "length"
    assert finish_reason_of(replace(RESULT, finish_reason="content_filter")) == "content_filter"
    assert finish_reason_of(replace(RESULT, finish_reason="unknown")) == "stop"


def test_a_human_reads_what_waits_and_how_to_answer_without_what_is_hidden() -> None:
    text = waiting_text(replace(RESULT, status="paused", approvals=(approval(),)))
    assert "`pay`" in text
    assert "ann" in text
    assert "1234" not in text
    assert "`approve` or `deny`" in text
    assert "journeyman approvals answer appr_1" in text
    assert "/runs/run_2/resume" in text


def test_facts_name_the_run_that_asks() -> None:
    facts = facts_of(replace(RESULT, status="paused", approvals=(approval(),)))
    assert facts
    assert (facts.run_id, facts.approvals[0].run_id, facts.approvals[0].decisions) == (
        "run_1", "run_2", ("approve", "deny"),
    )  # fmt: skip
    assert not facts_of(RESULT)
