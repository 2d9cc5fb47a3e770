"""What a model call costs the budgets that set something aside for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.events import HistorySummarized, ModelFailed, ModelReplied
from journeyman.events.quota import Reservation

# Failures after which no model can have worked for us; any other may have cost what was set aside.
UNSPENT = frozenset(
    (
        "gateway_auth",
        "gateway_circuit_open",
        "gateway_error",
        "gateway_not_set",
        "gateway_overloaded",
        "gateway_rate_limited",
        "gateway_rejected",
        "gateway_throttled",
        "gateway_unreachable",
    )
)


def charge(reserved: Reservation, event: ModelReplied | ModelFailed | HistorySummarized | None) -> tuple[int, float]:
    """Tokens and dollars: what the gateway said was used, else what was set aside.

    None: how the call ended is unknown. A reply without a price costs no dollars.
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
    """What was charged, and what these reservations hold of the same budget on the same day."""
    tokens, cost_usd = charged
    for reserved in reservations:
        if reserved.day == day and budget in reserved.budgets:
            tokens, cost_usd = tokens + reserved.tokens, cost_usd + reserved.cost_usd
    return tokens, cost_usd
