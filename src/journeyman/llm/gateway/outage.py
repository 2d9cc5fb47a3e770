"""What a failed model call says of its gateway: that it is away, that it may have billed the call, or neither."""

from __future__ import annotations

from typing import Literal

from journeyman.errors import BaseError, ServiceError

Outage = Literal["away", "billed"]

NOT_SET = "gateway_not_set"
AT_ONCE = frozenset((NOT_SET, "gateway_unreachable", "gateway_circuit_open"))  # told to a caller who waits for it
_AWAY = AT_ONCE | {"gateway_overloaded", "gateway_throttled", "gateway_rate_limited"}
_BILLED = frozenset(("gateway_timeout", "gateway_cut_stream"))
AWAY_STATUSES = (502, 503, 529)


def outage_of(error: BaseError) -> Outage | None:
    """Return what a failure says of its gateway.

    `away`: nothing was asked of a model, and the same call may succeed later. `billed`: the gateway may have asked its
    model. None: another try would fail as well, such as one with a wrong key.
    """
    if error.code in _BILLED:
        return "billed"
    status = error.status if isinstance(error, ServiceError) else None
    away = error.code in _AWAY or (error.code == "gateway_error" and status in AWAY_STATUSES)
    return "away" if away else None
