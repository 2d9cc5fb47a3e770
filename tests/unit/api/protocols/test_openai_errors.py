"""Errors of /v1 in OpenAI's form, whatever part of the server answers."""

from __future__ import annotations

import pytest

from journeyman.api.app import build_app
from journeyman.api.problems import ProblemDetails
from journeyman.api.protocols.openai_errors import form_of, rate_limit_headers, shaped_error
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


def problem(status: int, code: str, run_id: str | None = None) -> ProblemDetails:
    more = {"run_id": run_id} if run_id else {}
    return ProblemDetails(title="", status=status, detail="No.", error="No.", code=code, error_id="err_1", **more)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ((401, "unauthenticated"), (401, "authentication_error", "invalid_api_key")),
        ((403, "missing_scope"), (403, "permission_error", "missing_scope")),
        ((404, "model_not_found"), (404, "invalid_request_error", "model_not_found")),
        ((422, "invalid_json"), (400, "invalid_request_error", "invalid_json")),
        ((429, "rate_limited"), (429, "rate_limit_error", "rate_limit_exceeded")),
        ((429, "quota_exhausted"), (429, "rate_limit_error", "insufficient_quota")),
        ((503, "overloaded"), (503, "server_error", "overloaded")),
        ((507, "storage_full"), (503, "server_error", "storage_full")),
    ],
)
def test_each_error_has_their_status_type_and_code(ours: tuple[int, str], theirs: tuple[int, str, str]) -> None:
    shaped = shaped_error(problem(*ours), False)
    error = shaped.body.error
    assert (shaped.status, error.type, error.code) == theirs
    assert error.message == "No."


def test_a_request_that_has_started_a_run_is_not_to_be_repeated() -> None:
    assert (b"x-should-retry", b"false") in shaped_error(problem(503, "x", "run_1"), False).headers
    assert (b"x-should-retry", b"false") not in shaped_error(problem(503, "x", "run_1"), True).headers
    assert (b"x-should-retry", b"false") not in shaped_error(problem(503, "x"), False).headers


async def test_what_middleware_refuses_is_in_their_form_too(secured: SecuredApp) -> None:
    answer = await request(secured.app, "GET", "/v1/models")
    assert answer.status == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    refused = await request(secured.app, "GET", "/v1/models", headers={"host": "evil.example"})
    assert (refused.status, refused.json()["error"]["code"]) == (421, "host_not_allowed")
    unknown = await request(build_app(make_ports()), "GET", "/v1/nothing")
    assert (unknown.status, unknown.json()["error"]["type"]) == (404, "invalid_request_error")
    wrong = await request(build_app(make_ports()), "GET", "/v1/chat/completions")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


def test_the_rest_of_the_api_keeps_its_form() -> None:
    assert form_of("/v1/models") is not None
    assert form_of("/v1models") is form_of("/process") is None


def test_rate_limits_have_their_names() -> None:
    assert dict(rate_limit_headers(100, 7, 1.2)) == {
        b"x-ratelimit-limit-requests": b"100",
        b"x-ratelimit-remaining-requests": b"7",
        b"x-ratelimit-reset-requests": b"2s",
    }
