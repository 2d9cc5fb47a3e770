"""Reservations of open model calls, and what budgets were charged on a day."""

from __future__ import annotations

from journeyman.events.events import Failure, ModelCalled, ModelFailed, ModelReplied, RunFinished, RunResumed
from journeyman.events.messages import Usage, assistant
from journeyman.events.quota import Reservation
from tests.harness.projected_rows import ProjectedRows

HELD = Reservation(budgets=("principal:ann", "agent:a"), day=7, tokens=100, cost_usd=0.5)


def asked() -> ProjectedRows:
    rows = ProjectedRows()
    rows.start()
    rows.add("run_1", ModelCalled(call="m1", model="m", reserved=HELD))
    return rows


def test_an_open_call_holds_its_reservation() -> None:
    rows = asked()
    assert (rows.runs["run_1"].reserved, rows.budgets) == ({"m1": HELD}, {})


def test_a_reply_charges_every_budget_with_what_was_used() -> None:
    rows = asked()
    rows.add("run_1", ModelReplied(call="m1", model="m", message=assistant("hi"), usage=Usage(10, 5, cost_usd=0.1)))
    assert rows.budgets == {(7, "principal:ann"): (15, 0.1), (7, "agent:a"): (15, 0.1)}
    assert rows.runs["run_1"].reserved == {}


def test_a_call_that_was_never_made_charges_nothing() -> None:
    rows = asked()
    rows.add("run_1", ModelFailed(call="m1", error=Failure("gateway_unreachable", "It is away.")))
    assert (rows.budgets, rows.runs["run_1"].reserved) == ({}, {})


def test_an_end_or_a_take_over_charges_what_was_reserved() -> None:
    ended, taken_over = asked(), asked()
    ended.add("run_1", RunFinished(output=""))
    taken_over.add("run_1", RunResumed(epoch=2, reason="taken_over"))
    assert ended.budgets == taken_over.budgets == {(7, "principal:ann"): (100, 0.5), (7, "agent:a"): (100, 0.5)}
