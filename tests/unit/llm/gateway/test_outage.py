"""What a failure says of its gateway."""

from __future__ import annotations

import pytest

from journeyman.errors import BaseError, ServiceError
from journeyman.llm.gateway.outage import Outage, outage_of


@pytest.mark.parametrize(
    ("code", "status", "outage"),
    [
        ("gateway_not_set", None, "away"),
        ("gateway_unreachable", None, "away"),
        ("gateway_circuit_open", None, "away"),
        ("gateway_overloaded", None, "away"),
        ("gateway_throttled", None, "away"),
        ("gateway_rate_limited", 429, "away"),
        ("gateway_error", 502, "away"),
        ("gateway_error", 503, "away"),
        ("gateway_error", 529, "away"),
        ("gateway_error", 500, None),
        ("gateway_timeout", 504, "billed"),
        ("gateway_timeout", None, "billed"),
        ("gateway_cut_stream", None, "billed"),
        ("gateway_bad_reply", None, None),
        ("gateway_auth", 401, None),
        ("gateway_rejected", 404, None),
        ("gateway_bad_parameter", 400, None),
        ("gateway_no_credit", 402, None),
        ("gateway_filtered", 400, None),
        ("gateway_context_length", 400, None),
        ("node_timeout", None, None),
    ],
)
def test_the_outage_of_each_failure(code: str, status: int | None, outage: Outage | None) -> None:
    assert outage_of(ServiceError("no", code=code, status=status)) == outage


def test_an_error_without_a_status() -> None:
    assert outage_of(BaseError("no", code="gateway_error")) is None
