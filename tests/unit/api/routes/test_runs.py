from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_a_search_that_was_broken_off_says_so_and_goes_on() -> None:
    ports = make_ports()
    app = build_app(ports)
    ports.runs.stopped_at = 7  # type: ignore[attr-defined]
    page = await get(app, "/runs?agent=none")
    assert (page["items"], page["partial"]) == ([], True)
    ports.runs.stopped_at = None  # type: ignore[attr-defined]
    rest = await get(app, f"/runs?agent=none&cursor={page['next_cursor']}")
    assert rest == {"items": [], "next_cursor": None}


async def test_runs() -> None:
    ports = make_ports()
    app = build_app(ports)
    for text in ("one", "two", "pause"):
        await request(app, "POST", "/process", json={"user_input": text, "thread_id": "t"})
    listed = await get(app, "/runs?limit=2")
    assert [item["run_id"] for item in listed["items"]] == ["run_3", "run_2"]
    rest = await get(app, f"/runs?limit=2&cursor={listed['next_cursor']}")
    assert [item["run_id"] for item in rest["items"]] == ["run_1"]
    assert [item["run_id"] for item in (await get(app, "/runs?status=paused"))["items"]] == ["run_3"]
    newest = listed["items"][1]
    assert (newest["question"], newest["usage"]["input_tokens"]) == ("hi", 3)
    await get(app, "/runs?id=run_2&thread=t")
    assert ports.runs.asked[-1].id == "run_2"  # type: ignore[attr-defined]
    await get(app, "/runs?thread=t&tool=x&since=2026-01-01T00:00:00Z&until=2026-01-02")
    where = ports.runs.asked[-1]  # type: ignore[attr-defined]
    assert (where.thread, where.tool) == ("local/t", "x")
    assert where.until - where.since == 86_400_000_000
    run = await get(app, "/runs/run_1")
    assert (run["thread_id"], run["status"], run["response"]) == ("t", "finished", "echo: one")
    assert (await get(app, "/runs/run_1/state"))["output"] == "echo: one"
    assert (await get(app, "/runs/run_1/state?at=1"))["status"] == "queued"
    for path in (
        "/runs/run_1/state?at=0",
        "/runs?since=0.5",
        "/runs?until=1767225600",
        "/runs?status=odd",
        "/runs?since=x",
        "/runs?agent=%00",
    ):
        assert (await request(app, "GET", path)).status in (400, 422)
    for path in ("/runs/nope", "/runs/nope/state", "/runs/nope/events", "/runs/run_1/state?at=99"):
        assert (await request(app, "GET", path)).status == 404


async def test_what_tools_printed() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "one"})
    why = await get(app, "/runs/run_1/why")
    assert set(why) == {"items", "left_out"}
    assert (await request(app, "GET", "/runs/nope/why")).status == 404
    (printed,) = (await get(app, "/runs/run_1/tool_output"))["items"]
    assert (printed["call"], printed["tool"], printed["text"]) == ("m1.0", "pay", "paid\n")
    assert (await request(app, "GET", "/runs/nope/tool_output")).status == 404


async def test_cancel() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "hang", "background": True})
    assert (await request(app, "POST", "/runs/run_1/cancel")).json()["status"] == "cancelled"
    await request(app, "POST", "/process", json={"user_input": "hi"})
    ended = await request(app, "POST", "/runs/run_2/cancel")
    assert (ended.status, ended.json()["code"]) == (409, "run_ended")
    assert (await request(app, "POST", "/runs/nope/cancel")).status == 404


async def test_a_retry_has_no_body_and_its_key_makes_one_run() -> None:
    ports = make_ports()
    app = build_app(ports)
    run = (await request(app, "POST", "/process", json={"user_input": "hello"})).json()
    both = [await request(app, "POST", f"/runs/{run['run_id']}/retry", headers={"Idempotency-Key": "k"}) for _ in "ab"]
    assert [answer.status for answer in both] == [202, 202]
    assert len({answer.json()["run_id"] for answer in both} | {run["run_id"]}) == 2
    assert both[0].json()["thread_id"] == run["thread_id"]
    (asked,) = ports.forks.retried  # type: ignore[attr-defined]
    assert (asked.run_id, asked.key.key) == (run["run_id"], "k")
    assert (await request(app, "POST", "/runs/nope/retry")).status == 404


async def test_a_fork_and_its_edits() -> None:
    ports = make_ports()
    app = build_app(ports)
    run = (await request(app, "POST", "/process", json={"user_input": "hello"})).json()["run_id"]
    body = {
        "at": 2,
        "edits": {"messages": [{"replace": 1, "content": "bye"}, {"content": "now"}], "version": "current"},
    }
    key = {"Idempotency-Key": "k"}
    forked = await request(app, "POST", f"/runs/{run}/fork", json=body, headers=key)
    assert (forked.status, forked.json()["thread_id"]) == (202, "fork")
    again = await request(app, "POST", f"/runs/{run}/fork", json=body, headers=key)
    assert again.json()["run_id"] == forked.json()["run_id"]
    (asked,) = ports.forks.asked  # type: ignore[attr-defined]
    assert (asked.at, asked.version, asked.prompt) == (2, "current", None)
    assert [(edit.replace, edit.role, edit.content[0].text) for edit in asked.messages] == [
        (1, "user", "bye"), (None, "user", "now"),
    ]  # fmt: skip
    for wrong, where in (({}, "at"), ({"at": 0}, "at"), ({"at": 2, "edits": {"tools": []}}, "edits")):
        refused = await request(app, "POST", f"/runs/{run}/fork", json=wrong)
        assert (refused.status, where in refused.json()["error"]) == (422, True)
    assert (await request(app, "POST", "/runs/nope/fork", json={"at": 1})).status == 404


async def test_a_held_run_is_released() -> None:
    app = build_app(make_ports())
    released = await request(app, "POST", "/runs/run_h/release")
    assert (released.status, released.json()) == (200, {"run_id": "run_h"})
    refused = await request(app, "POST", "/runs/run_1/release")
    assert (refused.status, refused.json()["code"]) == (409, "not_held")
