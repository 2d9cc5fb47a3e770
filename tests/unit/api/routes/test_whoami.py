from __future__ import annotations

from journeyman.api.app import build_app
from journeyman.auth.principal import SCOPES
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


async def test_without_authentication_the_caller_is_local_and_may_do_everything() -> None:
    answer = (await request(build_app(make_ports(version="1.2")), "GET", "/whoami")).json()
    assert answer == {
        "principal": "local",
        "scopes": list(SCOPES),
        "key_id": None,
        "expires_at": None,
        "auth_mode": "off",
        "version": "1.2",
    }


async def test_every_key_may_ask_and_learns_its_scopes(secured: SecuredApp) -> None:
    for scope in SCOPES:
        answer = await request(secured.app, "GET", "/whoami", headers=secured.bearer(scope))
        assert answer.status == 200, scope
        assert answer.json()["auth_mode"] == "required"
        assert answer.json()["key_id"] == secured.ids[scope]
        assert scope in answer.json()["scopes"]
    wider = (await request(secured.app, "GET", "/whoami", headers=secured.bearer("approve:any"))).json()
    assert wider["scopes"] == ["approve", "approve:any"]


async def test_nobody_else_may(secured: SecuredApp) -> None:
    assert (await request(secured.app, "GET", "/whoami")).status == 401
    assert (await request(secured.app, "GET", "/whoami", headers={"authorization": "Bearer jm_no"})).status == 401
