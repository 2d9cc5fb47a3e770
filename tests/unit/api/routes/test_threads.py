from __future__ import annotations

from typing import Any

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_a_thread_from_birth_to_end() -> None:
    app = build_app(make_ports())
    made = await request(app, "POST", "/threads", json={"thread_id": "a+b@c", "title": "T", "meta": {"k": [1]}})
    assert made.status == 201
    assert made.json() == await get(app, "/threads/a+b@c")
    again = await request(app, "POST", "/threads", json={"thread_id": "a+b@c"})
    assert (again.status, again.json()["code"]) == (409, "thread_exists")
    added = await request(app, "POST", "/threads/a+b@c/messages", json={"content": "hello"})
    assert (added.status, added.json()) == (201, {"no": 1})
    (message,) = (await get(app, "/threads/a+b@c/messages"))["items"]
    assert (message["no"], message["run_id"]) == (1, None)
    assert message["message"] == {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    patched = await request(app, "PATCH", "/threads/a+b@c/context", json={"name": "Ada", "old": None})
    assert patched.json() == await get(app, "/threads/a+b@c/context") == {"name": "Ada"}
    assert (await request(app, "DELETE", "/threads/a+b@c")).status == 204
    assert (await request(app, "GET", "/threads/a+b@c")).status == 404


async def test_a_thread_gets_another_title_and_loses_it() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/threads", json={"thread_id": "t", "title": "Old"})
    for title in ("New", ""):
        renamed = await request(app, "PATCH", "/threads/t", json={"title": title})
        assert (renamed.status, renamed.json()["title"]) == (200, title)
        assert renamed.json() == await get(app, "/threads/t")
    refused = [
        await request(app, "PATCH", "/threads/t", json=body) for body in ({}, {"title": "x" * 501}, {"meta": {}})
    ]
    assert [each.status for each in refused] == [422, 422, 422]
    assert (await request(app, "PATCH", "/threads/none", json={"title": "x"})).status == 404


async def test_threads_by_page() -> None:
    app = build_app(make_ports())
    for number in range(5):
        await request(app, "POST", "/threads", json={"thread_id": f"t{number}"})
    seen, cursor = [], ""
    while cursor is not None:
        listed = await get(app, f"/threads?limit=2{cursor and '&cursor=' + cursor}")
        seen += [item["thread_id"] for item in listed["items"]]
        cursor = listed["next_cursor"]
    assert seen == ["t0", "t1", "t2", "t3", "t4"]


async def test_messages_after_a_number() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/threads", json={"thread_id": "t"})
    for text in ("one", "two", "three"):
        await request(app, "POST", "/threads/t/messages", json={"content": text})
    listed = await get(app, "/threads/t/messages?after=1&limit=1")
    rest = await get(app, f"/threads/t/messages?after=1&limit=1&cursor={listed['next_cursor']}")
    assert [item["no"] for item in (*listed["items"], *rest["items"])] == [2, 3]


async def test_threads_newest_first_and_by_the_beginning_of_their_ids() -> None:
    app = build_app(make_ports())
    for thread in ("ta", "tb", "u"):
        await request(app, "POST", "/threads", json={"thread_id": thread})
    first = await get(app, "/threads?order=newest&limit=2")
    rest = await get(app, f"/threads?order=newest&limit=2&cursor={first['next_cursor']}")
    assert [item["thread_id"] for item in (*first["items"], *rest["items"])] == ["u", "tb", "ta"]
    assert [item["thread_id"] for item in (await get(app, "/threads?id=t"))["items"]] == ["tb", "ta"]
    other = await request(app, "GET", f"/threads?cursor={first['next_cursor']}")
    assert (other.status, other.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("bad", ["..", ".", "a b", "a%2Fb", "a%00", "a%0A", "%FF", "x" * 201])
async def test_thread_ids_that_are_none(bad: str, shared_app: ASGIApp) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("GET", "/context"), ("GET", "/runs")):
        answer = await request(shared_app, method, f"/threads/{bad}{path}")
        assert answer.status in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
