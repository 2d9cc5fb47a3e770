"""What a gateway's failures mean."""

from __future__ import annotations

import pytest

from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.llm.gateway.errors import (
    RequestRefusedError,
    bad_gateway_reply,
    bad_parameter,
    cut_stream,
    from_guard,
    from_transport,
    gateway_error,
    is_error,
    reported_error,
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "gateway_auth", ServiceError),
        (403, "gateway_auth", ServiceError),
        (404, "gateway_rejected", RequestRefusedError),
        (302, "gateway_rejected", ServiceError),
        (429, "gateway_rate_limited", ServiceUnavailableError),
        (408, "gateway_timeout", ServiceTimeoutError),
        (504, "gateway_timeout", ServiceTimeoutError),
        (500, "gateway_error", ServiceError),
        (503, "gateway_error", ServiceUnavailableError),
    ],
)
def test_a_status_has_a_code_and_a_class(status: int, code: str, kind: type[ServiceError]) -> None:
    error = gateway_error(status, "the key sk-secret is wrong", retry_after=2.0)
    assert (error.code, type(error), error.status, error.retry_after) == (code, kind, status, 2.0)
    assert "sk-secret" not in error.message
    assert error.detail == "the key sk-secret is wrong"


def test_errors_of_the_transport_become_the_gateways() -> None:
    codes = [
        from_transport(error).code
        for error in (
            ServiceTimeoutError("late"),
            ServiceUnavailableError("away"),
            ServiceError("cut", code="service_cut"),
            ServiceError("odd", code="service_bad_reply"),
        )
    ]
    assert codes == ["gateway_timeout", "gateway_unreachable", "gateway_cut_stream", "gateway_bad_reply"]


def test_only_refusals_of_the_guard_are_translated() -> None:
    refused = from_guard(ServiceUnavailableError("no", code="service_circuit_open", retry_after=3.0))
    assert refused is not None
    assert (refused.code, refused.retry_after) == ("gateway_circuit_open", 3.0)
    assert from_guard(ServiceError("no", code="service_cut")) is None
    assert {bad_gateway_reply("why").code, cut_stream().code} == {"gateway_bad_reply", "gateway_cut_stream"}


@pytest.mark.parametrize(
    ("error", "status"), [({"code": 429}, 429), ({"code": "503"}, 503), ({"code": "rate_limit"}, 429), ("text", 500)]
)
def test_an_error_object_in_place_of_a_reply(error: object, status: int) -> None:
    assert reported_error(error).status == status


def test_an_error_of_a_request_keeps_the_complaint_and_names_what_it_refused() -> None:
    error = gateway_error(400, "Unknown parameter: 'seed'.")
    assert isinstance(error, RequestRefusedError)
    assert error.complaint.text == "Unknown parameter: 'seed'."
    named = bad_parameter(error, "seed")
    assert (named.code, named.status, named.detail) == ("gateway_bad_parameter", 400, error.detail)
    assert "`seed`" in named.message


def test_an_object_that_is_an_error_is_told_from_a_chunk() -> None:
    assert is_error({"object": "Error"})
    assert is_error({"type": "overloaded_error"})
    assert not is_error({"object": "chat.completion.chunk", "type": 7})
    assert not is_error("error")
