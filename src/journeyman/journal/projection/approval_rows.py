"""The row of an approval that is asked for."""

from __future__ import annotations

from journeyman.events.codec import Entry
from journeyman.events.events import ApprovalRequested
from journeyman.journal.journal import ApprovalRow
from journeyman.journal.tables import Run


def approval_row(run: Run, entry: Entry, event: ApprovalRequested) -> ApprovalRow:
    return ApprovalRow(
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
