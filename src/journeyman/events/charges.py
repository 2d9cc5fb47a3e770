"""What a model call costs the budgets that set something aside for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.events.events import ModelFailed, ModelReplied
from journeyman.events.messages import Usage
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


def charge(reserved: Reservation, event: ModelReplied | ModelFailed | None) -> tuple[int, float]:
    """Tokens and dollars: what the gateway said was used, else what was set aside.

    None: how the call ended is unknown.
    """
    if type(event) is ModelReplied:
        return charge_of(reserved, event.usage)
    if type(event) is ModelFailed and event.error.code in UNSPENT:
        return 0, 0.0
    return reserved.tokens, reserved.cost_usd


def charge_of(reserved: Reservation, usage: Usage) -> tuple[int, float]:
    """A reply that does not say what it used is charged at its estimate; one without a price costs no dollars."""
    used = usage.input_tokens + usage.output_tokens
    if not used:
        return reserved.tokens, reserved.cost_usd if usage.cost_usd is None else usage.cost_usd
    return used, usage.cost_usd or 0.0


def with_held(
    charged: tuple[int, float], reservations: Iterable[Reservation], budget: str, day: int
) -> tuple[int, float]:
    """What was charged, and what these reservations hold of the same budget on the same day."""
    tokens, cost_usd = charged
    for reserved in reservations:
        if reserved.day == day and budget in reserved.budgets:
            tokens, cost_usd = tokens + reserved.tokens, cost_usd + reserved.cost_usd
    return tokens, cost_usd
