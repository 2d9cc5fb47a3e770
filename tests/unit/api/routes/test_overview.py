from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from journeyman.clock import ManualClock
from journeyman.telemetry.metrics.history import FigureHistory, Reading
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


def history() -> FigureHistory:
    kept = FigureHistory(ManualClock(), lambda: Reading(gauges={"runs_active_now": 2.0}, counters={}, distributions={}))
    kept.sample()
    return kept


async def test_the_overview_shows_history_and_now() -> None:
    budgets = {"tokens_per_day principal:ann": {"tokens": 5.0}}
    app: Any = build_app(make_ports(figures=history(), budgets=lambda limit: budgets))
    shown = (await request(app, "GET", "/overview?hours=2&points=3")).json()
    assert shown["now"] == {"runs_active_now": 2.0}
    assert shown["history"]["figures"] == {"runs_active_now": [2.0]}
    assert shown["budgets"] == budgets
    for wrong in ("hours=0", "hours=25", "points=0", "points=721"):
        assert (await request(app, "GET", f"/overview?{wrong}")).status == 422
    assert (await request(build_app(make_ports(figures=None)), "GET", "/overview")).status == 404


async def test_only_an_admin_is_shown_budgets(secured: SecuredApp) -> None:
    for scope, status in (("read", 200), ("run", 403)):
        answer = await request(secured.app, "GET", "/overview", headers=secured.bearer(scope))
        assert answer.status == status
        assert status != 200 or answer.json()["budgets"] is None
    admin = await request(secured.app, "GET", "/overview", headers=secured.bearer("admin"))
    assert admin.json()["budgets"] == {}
