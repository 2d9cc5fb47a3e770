"""The history of approvals: which were answered, expired or closed with their run, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from journeyman.events.events import ApprovalGiven
from journeyman.events.messages import JSON
from journeyman.events.redaction import redacted_arguments
from journeyman.journal.journal import ApprovalRow, Journal
from journeyman.runtime.approval_deadlines import DEADLINE

Status = Literal["answered", "expired", "closed"]  # by a human, by its deadline, by the end of its run
PAGE = 200
SEARCHED = 2_000  # approvals that one request looks at
READ = 2_000  # events behind the question among which the answer is looked for


class AnsweredApproval(msgspec.Struct, frozen=True, kw_only=True):
    """An approval that is no longer open.

    `at` is in µs since the epoch; None: the answer was not found. `arguments` are those of the answer, redacted; None:
    those of the question hold.
    """

    approval: ApprovalRow
    status: Status
    at: int | None
    arguments: dict[str, JSON] | None = None


def end_of_approval(row: ApprovalRow) -> Status:
    """Return how an approval was ended."""
    if row.answered_by is None:
        return "closed"
    return "expired" if row.answered_by == DEADLINE else "answered"


class ApprovalHistory:
    """Reads approvals that are no longer open, the newest first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def list(
        self, principal: str, status: Status | None, before: str | None, limit: int, *, anyone: bool = False
    ) -> tuple[Sequence[AnsweredApproval], str | None]:
        """Return approvals of the principal's runs; with `anyone` also those of others that it has answered.

        The second value is the id at which the search was broken off, after SEARCHED approvals; None: it has seen
        all, or found `limit`.
        """
        found: list[AnsweredApproval] = []
        for _ in range(SEARCHED // PAGE):
            rows = await self._journal.answered_approvals(None if anyone else principal, before, PAGE)
            for row in rows:
                if status in (None, end_of_approval(row)) and _is_shown(row, principal):
                    found.append(await self._answered(row))
                if len(found) == limit:
                    return found, None
            if len(rows) < PAGE:
                return found, None
            before = rows[-1].id
        return found, before

    async def _answered(self, row: ApprovalRow) -> AnsweredApproval:
        if row.answered_by is None:
            run = await self._journal.run(row.run)
            return AnsweredApproval(approval=row, status="closed", at=run.ended_at if run else None)
        after = row.seq
        while after < row.seq + READ and (entries := await self._journal.read(row.run, after, PAGE)):
            for entry in entries:
                if entry.type != "approval_given":  # other events are not decoded
                    continue
                event = entry.event
                if isinstance(event, ApprovalGiven) and event.approval == row.id:
                    return _given(row, event, entry.at)
            after = entries[-1].seq
        return AnsweredApproval(approval=row, status=end_of_approval(row), at=None)


def _given(row: ApprovalRow, event: ApprovalGiven, at: int) -> AnsweredApproval:
    arguments = None if event.arguments is None else redacted_arguments(event.arguments, event.hidden)
    return AnsweredApproval(approval=row, status=end_of_approval(row), at=at, arguments=arguments)


def _is_shown(row: ApprovalRow, principal: str) -> bool:
    """Return whether an approval is of the principal's run, or was answered by it."""
    return row.principal == principal or (row.answered_by == principal and end_of_approval(row) == "answered")
