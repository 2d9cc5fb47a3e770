from __future__ import annotations

from typing import Any

import pytest

from journeyman.api.app import build_app
from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.principal import SCOPES
from journeyman.clock import ManualClock
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


async def test_a_key_is_made_shown_once_listed_and_rotated(secured: SecuredApp) -> None:
    admin = secured.bearer("admin")
    body = {"name": "shop", "scopes": ["read"], "expires_in_seconds": 60}
    made = (await request(secured.app, "POST", "/keys", json=body, headers=admin)).json()
    listed = await request(secured.app, "GET", "/keys?limit=200", headers=admin)
    assert made["key"] not in listed.text
    assert made["id"] in {item["id"] for item in listed.json()["items"]}
    rotated = await request(secured.app, "POST", f"/keys/{made['id']}/rotate", json={}, headers=admin)
    assert (rotated.status, rotated.json()["principal"]) == (201, "key:shop")
    for key, status in ((made["key"], 401), (rotated.json()["key"], 200)):
        answer = await request(secured.app, "GET", "/threads", headers={"authorization": f"Bearer {key}"})
        assert answer.status == status


async def test_a_key_is_made_with_limits_that_are_shown_and_kept_by_rotation(secured: SecuredApp) -> None:
    admin = secured.bearer("admin")
    limits = {"rate": "100/60s", "quota": {"tokens_per_day": 1000, "usd_per_day": 0.5, "concurrent_runs": 4}}
    body = {"name": "shop", "scopes": ["read"], **limits}
    made = (await request(secured.app, "POST", "/keys", json=body, headers=admin)).json()
    rotated = (await request(secured.app, "POST", f"/keys/{made['id']}/rotate", json={}, headers=admin)).json()
    listed = (await request(secured.app, "GET", "/keys?limit=200", headers=admin)).json()["items"]
    shown = {item["id"]: item for item in listed}
    for answer in (made, rotated, shown[made["id"]], shown[rotated["id"]]):
        assert {name: answer[name] for name in limits} == limits
    none = {"tokens_per_day": None, "usd_per_day": None, "concurrent_runs": None}
    assert (shown[secured.ids["read"]]["rate"], shown[secured.ids["read"]]["quota"]) == (None, none)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"rate": "often"}, "'often' is not a valid rate: a rate is written like 10/second"),
        ({"rate": 100}, "body.rate"),
        ({"rate": "1" * 41}, "body.rate"),
        ({"quota": None}, "body.quota"),
        ({"quota": {"concurrent_runs": 0}}, "body.quota.concurrent_runs"),
        ({"quota": {"tokens_per_day": -1}}, "body.quota.tokens_per_day"),
        ({"quota": {"tokens_per_day": 1.5}}, "body.quota.tokens_per_day"),
        ({"quota": {"usd_per_day": -1}}, "body.quota.usd_per_day"),
        ({"quota": {"usd": 1}}, "body.quota"),
    ],
)
async def test_limits_that_cannot_be_held_make_no_key(secured: SecuredApp, limits: dict[str, Any], told: str) -> None:
    body = {"name": "shop", "scopes": ["read"], **limits}
    answer = await request(secured.app, "POST", "/keys", json=body, headers=secured.bearer("admin"))
    assert answer.status in (400, 422)
    assert told in answer.json()["error"]
    assert len(await secured.keys.list()) == len(SCOPES)


async def test_keys_are_listed_in_pages(secured: SecuredApp) -> None:
    seen: list[str] = []
    path = "/keys?limit=3"
    while True:
        page = (await request(secured.app, "GET", path, headers=secured.bearer("admin"))).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/keys?limit=3&cursor={page['next_cursor']}"
    assert seen == sorted(secured.ids.values())


async def test_without_authentication_keys_are_only_listed() -> None:
    keys = ApiKeys(MemoryJournal(), ManualClock(), RandomSecretSource())
    app = build_app(make_ports(keys=keys))
    old = (await keys.create("old", ["admin"])).row
    for path in ("/keys", f"/keys/{old.id}/rotate", f"/keys/{old.id}/revoke"):
        body = {"name": "mine", "scopes": ["admin"]} if path == "/keys" else {}
        answer = await request(app, "POST", path, json=body)
        assert (answer.status, answer.json()["code"]) == (403, "auth_off"), path
    assert [(each["id"], each["usable"]) for each in (await request(app, "GET", "/keys")).json()["items"]] == [
        (old.id, True)
    ]
