"""Requirement: what runs share stays bounded, in every race and after every crash (SPEC 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from journeyman.journal.sqlite.verify import verify_journal
from journeyman.server.serving.app import App
from tests.harness.api_client import ApiClient, ServerGone
from tests.harness.asgi_client import request
from tests.harness.fake_gateway import FakeGateway
from tests.harness.real_server import RealServer
from tests.harness.scripted_replies import reply_script

COST = 0.04  # dollars of each reply of the fake gateway, by these prices
PRICES = "fake: {input: 1000, output: 2500}\n"
AGENT = "type: react_agent\nname: worker\nmodel: {name: fake, max_tokens: 20}\n"
RUNS = 32


@asynccontextmanager
async def paying(folder: Path, **settings: str) -> AsyncIterator[tuple[RealServer, FakeGateway, ApiClient]]:
    (folder / "agents").mkdir()
    (folder / "agents" / "worker.yaml").write_text(AGENT)
    (folder / "prices.yaml").write_text(PRICES)
    async with FakeGateway() as gateway:
        given = {"LITELLM_GATEWAY_URL": gateway.url, "PRICES_PATH": str(folder / "prices.yaml"), **settings}
        server = RealServer(folder, folder / "agents", given, preloaded=True)
        async with ApiClient(server) as client:
            await server.start()
            try:
                yield server, gateway, client
            finally:
                await server.close()


async def begin(client: ApiClient, number: int, hold: bool = False) -> None:
    """A run of four calls, or of one that holds. It may be turned away, and the server may die under it."""
    marker = f"r{number}"
    steps: list[Any] = [[["nope", {}]]] * 3
    first = [{"text": "held", "hold_after": 0}] if hold else steps
    try:
        answer = await client.once("POST", "/process", {"user_input": reply_script(marker, *first, "done")})
    except ServerGone:
        return
    assert answer.status in (200, 202, 429), answer.body
    if answer.status == 429:
        assert answer.body["code"] == "quota_exhausted"
        assert int(answer.headers["retry-after"]) > 0


async def ended(client: ApiClient) -> list[dict[str, Any]]:
    """All runs, once each is over."""
    runs = (await client.get("/runs?limit=100"))["items"]
    return [await client.until(run["run_id"]) for run in runs]


async def set_aside(client: ApiClient, runs: list[dict[str, Any]]) -> list[float]:
    events = [event for run in runs for event in await client.events(run["run_id"])]
    return [event["data"]["reserved"]["cost_usd"] for event in events if event["type"] == "model_called"]


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kill", [False, True])
async def test_thirty_two_runs_against_one_dollar(tmp_path: Path, kill: bool) -> None:
    """With `kill` the process dies while four calls are held by the gateway and two runs race on."""
    async with paying(tmp_path, QUOTA_USD_PER_DAY="1") as (server, gateway, client):
        tasks = []
        if kill:
            tasks = [asyncio.create_task(begin(client, number, number < 4)) for number in range(6)]
            await asyncio.gather(*(gateway.reached(f"r{number}") for number in range(4)))
            await server.kill()
            for number in range(4):
                gateway.release(f"r{number}")
            await server.start()
        tasks += [asyncio.create_task(begin(client, 100 + number)) for number in range(RUNS - len(tasks))]
        await asyncio.gather(*tasks)
        runs = await ended(client)
        estimates = await set_aside(client, runs)
        spent = COST * sum(gateway.calls.values())
        print(f"kill {kill}: {sum(gateway.calls.values())} calls, {spent:.2f} dollars, {len(runs)} runs")
        assert {run["status"] for run in runs} == {"finished"}
        assert any(run.get("stopped_by") == "usd_per_day" for run in runs)
        assert spent <= 1.0 + max(estimates)
        assert kill or spent >= 1.0
    assert verify_journal(server.database, 10) == []


async def test_a_quota_of_runs_at_one_time(tmp_path: Path) -> None:
    async with paying(tmp_path, QUOTA_CONCURRENT_RUNS="2") as (_, gateway, client):
        tasks = [asyncio.create_task(begin(client, number, hold=True)) for number in range(2)]
        await asyncio.gather(*(gateway.reached(f"r{number}") for number in range(2)))
        answer = await client.once("POST", "/process", {"user_input": "hi"})
        assert (answer.status, answer.body["code"], answer.headers["retry-after"]) == (429, "too_many_runs", "1")
        gateway.release("r0")
        await tasks[0]
        assert (await client.once("POST", "/process", {"user_input": "hi"})).status == 200
        gateway.release("r1")
        await tasks[1]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: a\nmodel: offline\nquota: {tokens_per_day: 1}\n")
    (tmp_path / "free.yaml").write_text("type: react_agent\nname: free\nmodel: offline\n")
    given: dict[str, Any] = {"auth_mode": "required", "api_key": "k" * 43, "rate_limit_enabled": False}
    made = create_app(tmp_path, database_url="memory://", **given)
    yield made
    await made.stop()


ADMIN = {"authorization": f"Bearer {'k' * 43}"}


async def key(app: App, name: str, **quota: Any) -> tuple[str, dict[str, str]]:
    body = {"name": name, "scopes": ["run", "read"], "quota": quota}
    answer = await request(app, "POST", "/keys", headers=ADMIN, json=body)
    assert answer.status == 201, answer.json()
    return answer.json()["id"], {"authorization": f"Bearer {answer.json()['key']}"}


async def ask(app: App, headers: dict[str, str], agent: str = "a") -> Any:
    return await request(app, "POST", "/process", headers=headers, json={"user_input": "hi", "agent": agent})


async def test_an_agent_and_a_key_have_quotas_of_their_own(app: App) -> None:

    (_, poor), (_, rich) = await key(app, "poor", usd_per_day=0), await key(app, "rich")
    refused = await ask(app, poor)
    assert (refused.status, refused.json()["code"]) == (429, "quota_exhausted")
    assert "This key has used up its dollars" in refused.json()["error"]
    first = await ask(app, rich)
    assert (first.status, first.json().get("stopped_by")) == (200, None)
    second = await ask(app, rich)
    assert (second.status, "This agent has used up its tokens" in second.json()["error"]) == (429, True)


async def test_a_key_that_is_rotated_goes_on_with_its_budget(app: App) -> None:
    id, headers = await key(app, "one", tokens_per_day=1)
    assert (await ask(app, headers, "free")).status == 200
    rotated = await request(app, "POST", f"/keys/{id}/rotate", headers=ADMIN, json={})
    new = {"authorization": f"Bearer {rotated.json()['key']}"}
    assert ((await ask(app, new, "free")).status, (await ask(app, headers, "free")).status) == (429, 401)
