from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from tests.harness.asgi_client import request, stream
from tests.harness.fake_use_cases import make_ports

SSE = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def app_with_a_run() -> ASGIApp:
    """An application with the finished run `run_1`, for tests that only read."""
    app = build_app(make_ports())
    asyncio.run(request(app, "POST", "/process", json={"user_input": "hi"}))
    return app


@pytest.mark.parametrize(
    ("query", "headers", "ids"),
    [
        ("", {}, ["1", "2", "3"]),
        ("?after=1", {}, ["2", "3"]),
        ("?after=0", {"last-event-id": "2"}, ["3"]),
        ("?after=3", {}, []),
    ],
)
async def test_rejoining(query: str, headers: dict[str, str], ids: list[str], app_with_a_run: ASGIApp) -> None:
    async with stream(app_with_a_run, "GET", f"/runs/run_1/events{query}", headers={**SSE, **headers}) as events:
        assert events.status == 200
        assert [frame["id"] async for frame in events.frames()] == ids


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/runs/run_1/events?after=4", {}, 400),
        ("/runs/run_1/events?after=x", {}, 422),
        ("/runs/run_1/events?after=x", {"last-event-id": "1"}, 422),
        ("/runs/run_1/events?after=-1", {}, 422),
        ("/runs/run_1/events?after=99999999999999999999", {}, 422),
        ("/runs/run_1/events", {"last-event-id": "nonsense"}, 422),
        ("/runs/run_1/events", {"last-event-id": "٣".encode().decode("latin-1")}, 422),
        ("/runs/nope/events", {}, 404),
        ("/runs/%00/events", {}, 422),
    ],
)
async def test_rejoining_refused(path: str, headers: dict[str, str], status: int, app_with_a_run: ASGIApp) -> None:
    answer = await request(app_with_a_run, "GET", path, headers={**SSE, **headers})
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_events_as_pages(app_with_a_run: ASGIApp) -> None:
    first = (await request(app_with_a_run, "GET", "/runs/run_1/events?limit=2")).json()
    assert [event["seq"] for event in first["items"]] == [1, 2]
    rest = (await request(app_with_a_run, "GET", f"/runs/run_1/events?limit=2&cursor={first['next_cursor']}")).json()
    assert [event["type"] for event in rest["items"]] == ["run_finished"]
    assert rest["next_cursor"] is None
    assert [
        event["seq"] for event in (await request(app_with_a_run, "GET", "/runs/run_1/events?after=2")).json()["items"]
    ] == [3]
    for query in ("limit=0", "limit=1001", "limit=x", "after=x", "cursor=x"):
        assert (await request(app_with_a_run, "GET", f"/runs/run_1/events?{query}")).status == 422
    for last, answered in (("2", [3]), ("nonsense", None)):  # as of a stream
        page = await request(app_with_a_run, "GET", "/runs/run_1/events?after=0", headers={"last-event-id": last})
        assert [event["seq"] for event in page.json().get("items", ())] == (answered or [])
        assert page.status == (200 if answered else 422)


async def test_all_wrong_parameters_are_named_at_once(app_with_a_run: ASGIApp) -> None:
    path, headers = "/runs/run_1/events?limit=many&after=-1", {"last-event-id": "x"}
    answer = (await request(app_with_a_run, "GET", path, headers=headers)).json()
    assert [each["path"] for each in answer["errors"]] == ["query.limit", "query.after", "header.last-event-id"]
    assert answer["errors"][0]["message"] == "`limit` must be 1 to 1000."
    assert all(each["message"] in answer["error"] for each in answer["errors"])
