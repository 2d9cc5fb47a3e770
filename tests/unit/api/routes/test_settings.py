from __future__ import annotations

from journeyman.api.app import build_app
from journeyman.api.schemas.settings import SettingAnswer
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


async def test_settings_are_shown_to_admins_alone(secured: SecuredApp) -> None:
    port = SettingAnswer(name="PORT", value=81, default=8000, origin=".env", secret=False)
    shown = await request(build_app(make_ports(settings=lambda: [port])), "GET", "/settings")
    assert shown.json()["items"] == [{"name": "PORT", "value": 81, "default": 8000, "origin": ".env", "secret": False}]
    answers = [
        await request(secured.app, "GET", "/settings", headers=secured.bearer(each)) for each in ("read", "admin")
    ]
    assert [answer.status for answer in answers] == [403, 200]
