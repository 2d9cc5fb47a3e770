from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from journeyman.errors import Problem
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_versions_reload_and_rollback() -> None:
    wrong = Problem("syntax error", "/secret/place/agent.yaml", 3, 1, "correct it")
    outcomes = [
        ReloadReport(0, True, (AgentChange("support", "b", "a"), AgentChange("new", "c", ""))),
        ReloadReport(0, False, (), (wrong,)),
    ]
    left, asked = iter(outcomes), []

    async def reload() -> ReloadReport:
        return next(left)

    async def roll_back(agent: str, version: str | None) -> AgentChange:
        asked.append((agent, version))
        return AgentChange(agent, "a", "b")

    app = build_app(make_ports(reload=reload, roll_back=roll_back, last_reload=lambda: outcomes[1]))
    agent = await get(app, "/agents/support")
    assert agent["reload_problems"] == ["agent.yaml:3:1: syntax error (correct it)"]
    assert [(each["version"], each["current"]) for each in agent["versions"]] == [(agent["version"], True)]
    done = (await request(app, "POST", "/reload")).json()
    assert done["applied"]
    assert done["changes"][1] == {"agent": "new", "version": "c", "before": None}
    refused = (await request(app, "POST", "/reload")).json()
    assert (refused["applied"], refused["problems"]) == (False, agent["reload_problems"])
    for body in (None, {}, {"version": "a"}):
        answer = await request(app, "POST", "/agents/support/rollback", json=body)
        assert answer.json() == {"agent": "support", "version": "a", "before": "b"}
    assert asked == [("support", None), ("support", None), ("support", "a")]
    assert (await request(app, "POST", "/agents/support/rollback", json={"versoin": "a"})).status == 422
    given = build_app(make_ports())
    assert (await request(given, "POST", "/reload")).json()["code"] == "no_files"
