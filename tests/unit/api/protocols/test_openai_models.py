"""GET /v1/models and /v1/models/{model}."""

from __future__ import annotations

from journeyman.api.app import build_app
from journeyman.api.protocols.openai_models import OWNER
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_each_agent_is_a_model() -> None:
    app = build_app(make_ports())
    listed = (await request(app, "GET", "/v1/models")).json()
    assert listed["object"] == "list"
    (entry,) = listed["data"]
    assert (entry["id"], entry["object"], entry["owned_by"]) == ("support", "model", OWNER)
    assert (await request(app, "GET", "/v1/models/support")).json() == entry


async def test_an_unknown_model_is_not_found() -> None:
    answer = await request(build_app(make_ports()), "GET", "/v1/models/gpt")
    assert answer.status == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")
