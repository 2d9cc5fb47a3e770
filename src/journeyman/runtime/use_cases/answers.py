"""The event that records an answer of a human, and the sentence for one that came too late. Pure."""

from __future__ import annotations

from journeyman.events.events import ApprovalGiven
from journeyman.journal.journal import ApprovalRow
from journeyman.runtime.use_cases.requests import HumanAnswer


def closed_sentence(approval: ApprovalRow) -> str:
    """Return what has closed an approval: the decision that answered it, or the end of its run."""
    if approval.answered_by is None:
        return f"Approval {approval.id} can no longer be answered: its run {approval.run} has ended."
    return f"Approval {approval.id} was answered already, with `{approval.answer}`."


def given_event(answer: HumanAnswer, approval: ApprovalRow, by: str) -> ApprovalGiven:
    """Return the event of an answer. What it leaves out is as the approval offered it."""
    offered = approval.arguments if approval.kind == "limit" and answer.decision == "approve" else None
    return ApprovalGiven(
        approval=answer.approval,
        decision=answer.decision,
        by=by,
        arguments=offered if answer.arguments is None else answer.arguments,
        hidden=approval.hidden if answer.arguments else (),
        result=approval.result if answer.decision == "done" and answer.result is None else answer.result,
    )
