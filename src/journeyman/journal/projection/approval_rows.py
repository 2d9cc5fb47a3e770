"""The rows of approvals: requested, answered, or closed with their run."""

from __future__ import annotations

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.events import ApprovalGiven, ApprovalRequested
from journeyman.journal.journal import ApprovalRow
from journeyman.journal.tables import Run, Tables


def request_approval(tables: Tables, run: Run, entry: Entry, event: ApprovalRequested) -> None:
    """Open an approval."""
    run.open_approvals.append(event.approval)
    tables.save_approval(
        ApprovalRow(
            id=event.approval,
            run=run.id,
            principal=run.principal,
            seq=entry.seq,
            kind=event.kind,
            call=event.call,
            tool=event.tool,
            arguments=event.arguments,
            message=event.message,
            args_hash=event.args_hash,
            decisions=event.decisions,
            result=event.result,
            deadline=event.deadline,
            default=event.default,
            answerer=event.answerer,
            hidden=event.hidden,
            requested_at=entry.at,
        )
    )


def answer_approval(tables: Tables, run: Run, event: ApprovalGiven) -> None:
    """Store the answer of an open approval."""
    run.open_approvals.remove(event.approval)
    row = tables.approval(event.approval)
    assert row is not None, event.approval
    tables.save_approval(msgspec.structs.replace(row, answer=event.decision, answered_by=event.by))


def close_approvals(tables: Tables, run: Run) -> None:
    """Close the open approvals of a run that ends."""
    for id in run.open_approvals:
        if (row := tables.approval(id)) is not None:
            tables.save_approval(msgspec.structs.replace(row, answer="closed"))
    run.open_approvals = []


def is_waiting(tables: Tables, run: Run, approval: str) -> bool:
    """Return whether an approval of the run, or of a child run, still waits for its answer."""
    if approval in run.open_approvals:
        return True
    row = tables.approval(approval)
    return row is not None and row.run != run.id and row.answer is None
