"""The row of an approval holds all that the event says."""

from __future__ import annotations

from journeyman.events.events import ApprovalGiven, ApprovalRequested
from tests.harness.projected_rows import ProjectedRows

ASKED = ApprovalRequested(
    approval="a1", call="m1.0", kind="tool", tool="pay", arguments={"amount": 5}, message="May it?", args_hash="h",
    decisions=("approve", "deny"), deadline=99, default="deny", answerer="other", hidden=("amount",),
)  # fmt: skip


def test_what_is_asked_stands_in_the_row() -> None:
    rows = ProjectedRows()
    rows.start()
    rows.add("run_1", ASKED)
    row = rows.approvals["a1"]
    assert (row.run, row.principal, row.seq, row.requested_at) == ("run_1", "ann", 3, 3)
    same = ("call", "kind", "tool", "arguments", "message", "args_hash", "decisions", "deadline", "default", "answerer")
    assert [getattr(row, name) for name in same] == [getattr(ASKED, name) for name in same]
    assert (row.hidden, row.answer) == (("amount",), None)


def test_an_answer_is_kept_with_who_gave_it() -> None:
    rows = ProjectedRows()
    rows.start()
    rows.add("run_1", ASKED, ApprovalGiven(approval="a1", decision="deny", by="bob"))
    assert (rows.approvals["a1"].answer, rows.approvals["a1"].answered_by) == ("deny", "bob")
