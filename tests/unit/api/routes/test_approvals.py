from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_an_approval_is_answered_once() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "pause"})
    (approval,) = (await get(app, "/approvals"))["items"]
    body = {"answers": [{"approval": approval["approval"], "decision": "approve", "arguments": {"amount": 1}}]}
    wrong = {"answers": [{"approval": approval["approval"], "decision": "done", "result": {"a": 1}}]}
    assert (await request(app, "POST", "/runs/run_1/resume", json=wrong)).status == 400
    assert (await request(app, "POST", "/runs/run_1/resume", json={"answers": []})).status == 422
    answered = await request(app, "POST", "/runs/run_1/resume", json=body)
    assert (answered.status, answered.json()["status"]) == (200, "running")
    again = await request(app, "POST", "/runs/run_1/resume", json=body)
    assert (again.status, again.json()["code"]) == (409, "approval_closed")
    assert (await get(app, "/approvals"))["items"] == []
