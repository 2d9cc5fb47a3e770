"""Callers that act for others (`delegate`): what they choose is never what is compared, and one limit holds for all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from journeyman.auth.limits import KeyLimits
from journeyman.auth.tokens import Policy, sign
from journeyman.clock import SystemClock
from journeyman.events.quota import Quota
from journeyman.server.serving.app import App
from tests.harness.asgi_client import Answer, request, socket

AGENT = """\
type: react_agent
model: script:turns.yaml
tools:
  - {name: get_username, approval: {when: always, by: other}}
"""
SECRET = "the-secret-of-the-issuer-0123456789"
POLICY = Policy(algorithm="HS256", audience="jm", issuer="us")
LIMITS = KeyLimits("1000/60s", Quota(concurrent_runs=100))
SCOPES = ["run", "read", "approve", "approve:any", "delegate"]


class Desk:
    """A back end that starts a run for Ann; the run waits for another's answer."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.run_id = self.approval = ""

    async def key(self, name: str) -> Any:
        assert self.app.application is not None
        assert self.app.application.authentication is not None
        return await self.app.application.authentication.keys.create(name, SCOPES, limits=LIMITS)

    async def start(self, credential: str, acting_for: str) -> None:
        answer = await request(
            self.app, "POST", "/process", json={"user_input": "ask"}, headers=headers(credential, acting_for)
        )
        assert answer.json()["status"] == "paused", answer.text
        self.run_id, (approval,) = answer.json()["run_id"], answer.json()["approvals"]
        self.approval = approval["approval"]

    @property
    def body(self) -> dict[str, Any]:
        return {"answers": [{"approval": self.approval, "decision": "approve"}]}

    async def answer(self, credential: str, acting_for: str = "") -> Answer:
        path = f"/runs/{self.run_id}/resume"
        return await request(self.app, "POST", path, json=self.body, headers=headers(credential, acting_for))

    async def refuses(self, credential: str, acting_for: str = "") -> None:
        refused = await self.answer(credential, acting_for)
        assert (refused.status, refused.json()["code"]) == (403, "answer_by_other"), refused.text
        async with socket(self.app, headers=headers(credential, acting_for)) as client:
            await client.send({"type": "resume", "id": "1", "run_id": self.run_id, **self.body})
            assert (await client.receive())["code"] == "answer_by_other"


def headers(credential: str, acting_for: str = "") -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"} | ({"x-on-behalf-of": acting_for} if acting_for else {})


def token(subject: str) -> str:
    return sign(POLICY, SECRET, subject, SCOPES, SystemClock().now(), 60)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "turns.yaml").write_text("- tool_calls: [{name: get_username, arguments: {}}]\n- {text: done}\n")
    settings = {"jwt_secret_key": SECRET, "jwt_audience": "jm", "jwt_issuer": "us", "delegate_rate": "20/60s"}
    app = create_app(tmp_path / "agent.yaml", database_url="memory://", auth_mode="required", **settings)
    await app.start()
    yield Desk(app)
    await app.stop()


async def test_a_key_does_not_answer_in_another_name_what_it_asked(desk: Desk) -> None:
    made = await desk.key("desk")
    await desk.start(made.secret, "ann")
    await desk.refuses(made.secret, "bob")
    await desk.refuses(made.secret)
    keys = desk.app.application.authentication.keys  # type: ignore[union-attr]
    rotated = await keys.rotate(made.row.id)
    await desk.refuses(rotated.secret or "", "bob")
    other = await desk.key("other")
    assert (await desk.answer(other.secret, "ann")).status == 200, "another credential chose that name"


async def test_a_token_does_not_answer_in_another_name_what_its_subject_asked(desk: Desk) -> None:
    await desk.start(token("desk"), "ann")
    await desk.refuses(token("desk"), "bob")
    await desk.refuses(token("desk"))
    assert (await desk.answer(token("other"))).status == 200


async def test_tokens_of_one_subject_have_one_rate_whomever_they_act_for(desk: Desk) -> None:
    answers = [
        await request(desk.app, "GET", "/threads", headers=headers(token("desk"), f"user{n}")) for n in range(22)
    ]
    assert [answer.status for answer in answers] == [200] * 20 + [429] * 2
    assert "20 requests with tokens of this subject" in answers[-1].json()["error"]
    assert (await request(desk.app, "GET", "/threads", headers=headers(token("other"), "user1"))).status == 200
