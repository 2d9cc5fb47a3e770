"""What a model call is charged to the budgets that have a reservation for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.events import HistorySummarized, ModelFailed, ModelReplied
from journeyman.events.quota import Reservation

# After these failures nothing is charged, since no model was reached. After any other, the reservation is.
UNSPENT = frozenset(
    (
        "gateway_auth",
        "gateway_bad_parameter",
        "gateway_circuit_open",
        "gateway_context_length",
        "gateway_error",
        "gateway_filtered",
        "gateway_no_credit",
        "gateway_not_set",
        "gateway_overloaded",
        "gateway_rate_limited",
        "gateway_rejected",
        "gateway_throttled",
        "gateway_unreachable",
    )
)


def charge(reserved: Reservation, event: ModelReplied | ModelFailed | HistorySummarized | None) -> tuple[int, float]:
    """Return the tokens and dollars to charge: those that the gateway reported, else those reserved.

    `event` is None if the call's outcome is unknown. A reply without a price is charged no dollars.
    """
    if isinstance(event, ModelReplied | HistorySummarized):
        used = event.usage.input_tokens + event.usage.output_tokens
        if used:
            return used, event.usage.cost_usd or 0.0
    error = event.error if isinstance(event, ModelFailed | HistorySummarized) else None
    if error is not None and error.code in UNSPENT:
        return 0, 0.0
    return reserved.tokens, reserved.cost_usd


def with_reserved(
    charged: tuple[int, float], reservations: Iterable[Reservation], budget: str, day: int
) -> tuple[int, float]:
    """Return the charged tokens and dollars plus those reserved of the same budget on the same day."""
    tokens, cost_usd = charged
    for reservation in reservations:
        if reservation.day == day and budget in reservation.budgets:
            tokens, cost_usd = tokens + reservation.tokens, cost_usd + reservation.cost_usd
    return tokens, cost_usd
