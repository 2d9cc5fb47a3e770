"""What a model call charges to the budgets that reserved for it."""

from __future__ import annotations

import pytest

from journeyman.events.charging import UNSPENT, charge, with_reserved
from journeyman.events.events import Failure, HistorySummarized, ModelFailed, ModelReplied
from journeyman.events.messages import Usage, assistant
from journeyman.events.quota import Reservation

HELD = Reservation(budgets=("principal:ann",), day=7, tokens=100, cost_usd=0.5)


def replied(usage: Usage) -> ModelReplied:
    return ModelReplied(call="m1", model="m", message=assistant("hi"), usage=usage)


def test_a_reply_is_charged_as_the_gateway_says() -> None:
    assert charge(HELD, replied(Usage(30, 10, cost_usd=0.1))) == (40, 0.1)
    assert charge(HELD, replied(Usage(30, 10))) == (40, 0.0)


def test_a_reply_without_usage_costs_what_was_reserved() -> None:
    assert charge(HELD, replied(Usage())) == (100, 0.5)


@pytest.mark.parametrize("code", sorted(UNSPENT))
def test_a_call_that_no_model_answered_is_free(code: str) -> None:
    assert charge(HELD, ModelFailed(call="m1", error=Failure(code, "It failed."))) == (0, 0.0)


@pytest.mark.parametrize("code", ["gateway_timeout", "cancelled", "output_invalid"])
def test_any_other_failure_may_have_cost_what_was_reserved(code: str) -> None:
    assert charge(HELD, ModelFailed(call="m1", error=Failure(code, "It failed."))) == (100, 0.5)


def test_an_unknown_end_costs_what_was_reserved() -> None:
    assert charge(HELD, None) == (100, 0.5)


def test_a_summary_is_charged_like_a_reply() -> None:
    made = HistorySummarized(first_no=1, last_no=2, text="They met.", usage=Usage(5, 5, cost_usd=0.2))
    assert charge(HELD, made) == (10, 0.2)


def test_only_reservations_of_that_budget_and_day_are_added() -> None:
    others = [
        HELD,
        Reservation(budgets=("agent:a", "principal:ann"), day=7, tokens=1),
        Reservation(budgets=("principal:ann",), day=6, tokens=1000),
        Reservation(budgets=("principal:bob",), day=7, tokens=1000),
    ]
    assert with_reserved((10, 0.25), others, "principal:ann", 7) == (111, 0.75)
