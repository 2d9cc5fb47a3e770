"""The outermost layer: Host, Origin, request ids, headers, and errors nobody expected."""

from __future__ import annotations

import pytest

from journeyman.api.app import build_app
from journeyman.clock import ManualClock
from journeyman.telemetry.metrics.recorders import RequestServed
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_a_rebound_name_is_refused_everywhere() -> None:
    app = build_app(make_ports())
    for method, path in (("GET", "/runs"), ("POST", "/process"), ("GET", "/livez"), ("GET", "/nope")):
        answer = await request(app, method, path, headers={"host": "evil.example"})
        assert (answer.status, answer.json()["code"]) == (421, "host_not_allowed")


async def test_a_foreign_page_changes_nothing() -> None:
    ports = make_ports()
    app = build_app(ports)
    answer = await request(
        app, "POST", "/process", json={"user_input": "hi"}, headers={"origin": "https://evil.example"}
    )
    assert (answer.status, answer.json()["code"]) == (403, "origin_not_allowed")
    assert ports.runs.results == {}  # type: ignore[attr-defined]
    same = await request(app, "POST", "/process", json={"user_input": "hi"}, headers={"origin": "http://testserver"})
    assert same.status == 200


async def test_an_allowed_page_gets_its_cors_headers() -> None:
    app = build_app(make_ports(cors_origins=["https://app.example"]))
    origin = {"origin": "https://app.example"}
    before = await request(app, "OPTIONS", "/process", headers={**origin, "access-control-request-method": "POST"})
    assert before.status == 200
    answer = await request(app, "POST", "/process", json={"user_input": "hi"}, headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    refused = await request(app, "POST", "/process", json={}, headers=origin)
    assert refused.status == 422
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


async def test_request_ids() -> None:
    app = build_app(make_ports())
    answer = await request(app, "GET", "/livez", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 129, "a\r\nb", ""):
        answer = await request(app, "GET", "/livez", headers={"x-request-id": odd})
        assert answer.headers["x-request-id"].startswith("req_")


async def test_answers_are_told_of_by_their_template() -> None:
    served: list[RequestServed] = []
    clock = ManualClock()
    app = build_app(make_ports(clock, served=served.append))
    for method, path in (
        ("GET", "/runs/x"),
        ("GET", "/runs/x/events"),
        ("POST", "/process"),
        ("GET", "/livez"),
        ("PUT", "/runs"),
        ("GET", "/nope/x"),
    ):
        await request(app, method, path, json=None if method == "GET" else {})
    assert [(fact.method, fact.route, fact.status) for fact in served] == [
        ("GET", "/runs/{run_id}", 404),
        ("GET", "/runs/{run_id}/events", 404),
        ("POST", "/process", 422),
        ("GET", "/livez", 200),
        ("PUT", "/runs", 405),
        ("GET", "", 404),
    ]


async def test_every_route_has_a_template() -> None:
    """What the document lists is counted under that very path: no route is lost among the others."""
    served: list[RequestServed] = []
    app = build_app(make_ports(served=served.append))
    paths = (await request(app, "GET", "/openapi.json")).json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            served.clear()
            await request(app, method.upper(), path.replace("{", "").replace("}", ""), json={})
            assert [fact.route for fact in served] == [path]


async def test_every_answer_is_guarded() -> None:
    app = build_app(make_ports())
    for path in ("/livez", "/nope", "/runs/x", "/openapi.json"):
        headers = (await request(app, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("origin", [{}, {"origin": "http://testserver"}], ids=["direct", "browser"])
async def test_the_unexpected_is_500_and_says_nothing(origin: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    app = build_app(make_ports())
    answer = await request(app, "POST", "/process", json={"user_input": "crash"}, headers=origin)
    assert answer.status == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.error_id == answer.json()["error_id"]  # type: ignore[attr-defined]


async def test_unknown_routes_and_methods_are_problems() -> None:
    app = build_app(make_ports())
    unknown = await request(app, "GET", "/nope")
    assert (unknown.status, unknown.headers["content-type"]) == (404, "application/problem+json")
    for method, path in (("GET", "/process"), ("PUT", "/runs"), ("POST", "/runs/x/events")):
        answer = await request(app, method, path, json={})
        assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"]
