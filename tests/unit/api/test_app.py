"""The assembled application: errors as problems, CORS, the document, and the two routes that bypass the framework."""

from __future__ import annotations

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports

ORIGIN = "https://app.example"


async def test_an_unknown_path_and_method_are_problems() -> None:
    app = build_app(make_ports())
    unknown = await request(app, "GET", "/nowhere")
    assert (unknown.status, unknown.headers["content-type"]) == (404, "application/problem+json")
    wrong = await request(app, "DELETE", "/threads")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, POST")


async def test_the_document_is_served_and_names_the_version() -> None:
    document = (await request(build_app(make_ports(version="9.9")), "GET", "/openapi.json")).json()
    assert document["info"]["version"] == "9.9"
    assert "/process" in document["paths"]


async def test_a_page_that_is_allowed_may_read_the_answer_of_a_hot_route() -> None:
    app = build_app(make_ports(cors_origins=(ORIGIN,), allowed_hosts=("test",)))
    body = {"user_input": "hi"}
    answer = await request(app, "POST", "/process", json=body, headers={"origin": ORIGIN})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    plain = await request(app, "POST", "/process", json=body)
    assert "access-control-allow-origin" not in plain.headers
    assert plain.json()["response"] == answer.json()["response"]


async def test_debug_routes_are_there_only_when_asked_for() -> None:
    assert (await request(build_app(make_ports()), "GET", "/debug/state")).status == 404
