"""An Idempotency-Key makes a change once: the same answer again, another body refused, a day later free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.asgi_client import request
from tests.harness.multi_tenant_app import MultiTenantApp, multi_tenant_app

DAY = 24 * 3600
KEY = {"idempotency-key": "once"}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[MultiTenantApp]:
    async with multi_tenant_app(tmp_path, {"ann": "run read tools approve"}) as made:
        yield made


async def paused(made: MultiTenantApp) -> dict[str, Any]:
    run = (await made.ask("ann", "POST", "/process", {"user_input": "ask", "thread_id": "t"})).json()
    assert run["status"] == "paused"
    return run


async def events(made: MultiTenantApp, run_id: str) -> list[str]:
    page = (await made.ask("ann", "GET", f"/runs/{run_id}/events")).json()
    return [event["type"] for event in page["items"]]


async def test_every_changing_post_says_that_it_takes_a_key(made: MultiTenantApp) -> None:
    document = (await request(made.app, "GET", "/openapi.json")).json()
    without = {
        path
        for path, methods in document["paths"].items()
        if "post" in methods
        and "Idempotency-Key" not in {each["name"] for each in methods["post"].get("parameters", ())}
    }
    kept_nowhere = {"/reload", "/agents/{name}/rollback"}  # change what the process serves, not the journal
    same_again = {
        "/retention/prune",
        "/runs/cancel",
        "/runs/{run_id}/release",
        "/files",
    }  # a second request finds nothing left to change
    assert without == {*same_again, *kept_nowhere}


async def test_a_thread_is_made_once(made: MultiTenantApp) -> None:
    first = await made.ask("ann", "POST", "/threads", {"title": "x"}, KEY)
    again = await made.ask("ann", "POST", "/threads", {"title": "x"}, KEY)
    assert (first.status, again.status, again.json()) == (201, 201, first.json())
    other = await made.ask("ann", "POST", "/threads", {"title": "y"}, KEY)
    assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len((await made.ask("ann", "GET", "/threads")).json()["items"]) == 1


async def test_fifty_at_once_make_one_thread(made: MultiTenantApp) -> None:
    answers = await asyncio.gather(*(made.ask("ann", "POST", "/threads", {}, KEY) for _ in range(50)))
    assert len({answer.json()["thread_id"] for answer in answers}) == 1


async def test_a_message_is_added_once(made: MultiTenantApp) -> None:
    await made.ask("ann", "POST", "/threads", {"thread_id": "t"})
    path, body = "/threads/t/messages", {"content": "hello"}
    numbers = [(await made.ask("ann", "POST", path, body, KEY)).json() for _ in range(3)]
    assert numbers == [{"no": 1}] * 3
    await made.ask("ann", "POST", path, body)
    assert (await made.ask("ann", "POST", path, body, KEY)).json() == {"no": 1}
    assert (await made.ask("ann", "POST", path, {"content": "other"}, KEY)).status == 422
    assert len((await made.ask("ann", "GET", path)).json()["items"]) == 2


async def test_a_run_is_cancelled_once(made: MultiTenantApp) -> None:
    run = await paused(made)
    path = f"/runs/{run['run_id']}/cancel"
    first = await made.ask("ann", "POST", path, headers=KEY)
    await made.application.runs.wait(run["run_id"], 5)
    again = await made.ask("ann", "POST", path, headers=KEY)
    assert (first.status, again.status, again.json()["status"]) == (200, 200, "cancelled")
    assert (await made.ask("ann", "POST", path)).status == 409
    assert (await events(made, run["run_id"])).count("cancel_requested") == 1


async def test_an_approval_is_answered_once(made: MultiTenantApp) -> None:
    run = await paused(made)
    path = f"/runs/{run['run_id']}/resume"
    body = {"answers": [{"approval": run["approvals"][0]["approval"], "decision": "approve"}]}
    first, second = await asyncio.gather(*(made.ask("ann", "POST", path, body, KEY) for _ in range(2)))
    assert (first.status, second.status) == (200, 200)
    await made.application.runs.wait(run["run_id"], 5)
    again = await made.ask("ann", "POST", path, body, KEY)
    assert (again.status, again.json()["status"]) == (200, "finished")
    assert (await made.ask("ann", "POST", path, body)).json()["code"] == "approval_closed"
    body["answers"][0]["decision"] = "deny"
    assert (await made.ask("ann", "POST", path, body, KEY)).json()["code"] == "idempotency_mismatch"
    assert (await events(made, run["run_id"])).count("approval_given") == 1


async def test_a_key_is_made_rotated_and_revoked_once(made: MultiTenantApp) -> None:
    body = {"name": "shop", "scopes": ["read"], "rate": "100/60s", "quota": {"concurrent_runs": 4}}
    first = (await made.ask("root", "POST", "/keys", body, KEY)).json()
    again = (await made.ask("root", "POST", "/keys", body, KEY)).json()
    assert again == {**first, "key": None}
    for other in ({"name": "x"}, {"rate": "99/60s"}, {"quota": {"concurrent_runs": 5}}):
        assert (await made.ask("root", "POST", "/keys", {**body, **other}, KEY)).status == 422
    path = f"/keys/{first['id']}/rotate"
    turned = (await made.ask("root", "POST", path, {}, KEY)).json()
    assert (await made.ask("root", "POST", path, {}, KEY)).json() == {**turned, "key": None}
    assert (await made.ask("root", "POST", path, {"grace_seconds": 9}, KEY)).status == 422
    for _ in range(2):
        assert not (await made.ask("root", "POST", f"/keys/{turned['id']}/revoke", {}, KEY)).json()["usable"]
    listed = (await made.ask("root", "GET", "/keys")).json()["items"]
    assert len([item for item in listed if item["name"] == "shop"]) == 2


async def test_the_same_key_on_another_thing_is_another_key(made: MultiTenantApp) -> None:
    for thread in ("a", "b"):
        await made.ask("ann", "POST", "/threads", {"thread_id": thread})
        answer = await made.ask("ann", "POST", f"/threads/{thread}/messages", {"content": "x"}, KEY)
        assert answer.json() == {"no": 1}


async def test_a_refused_change_leaves_the_key_free(made: MultiTenantApp) -> None:
    body = {"content": "hello"}
    assert (await made.ask("ann", "POST", "/threads/t/messages", body, KEY)).status == 404
    await made.ask("ann", "POST", "/threads", {"thread_id": "t"})
    assert (await made.ask("ann", "POST", "/threads/t/messages", body, KEY)).json() == {"no": 1}
