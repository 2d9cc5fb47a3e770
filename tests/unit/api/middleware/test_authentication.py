"""Authentication: every route of the application, without a credential, without its scope, and with it."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.api.security import scopes as access
from tests.harness.asgi_client import error_of, http_scope, request, stream
from tests.harness.key_service import BOUNDED
from tests.harness.secured_api import ALL, GUARDED, SecuredApp, filled, turn


async def test_without_a_credential_nothing_is_answered(secured: SecuredApp) -> None:
    for method, path, _ in GUARDED:
        answer = await request(secured.app, method, filled(path), json={})
        assert (answer.status, error_of(answer)[0]) == (401, "unauthenticated"), path
        assert answer.headers["www-authenticate"] == 'Bearer realm="journeyman"'


async def test_what_is_open_is_open_whatever_is_sent_along(secured: SecuredApp) -> None:
    for method, path, scope in ALL:
        if scope == access.OPEN:
            answer = await request(secured.app, method, path, headers={"authorization": "Bearer wrong"})
            assert answer.status == {"/": 307, "/ui": 307, "/ui/assets/{name}": 404}.get(path, 200), path


WRONG = [
    "",
    "Bearer",
    "Bearer ",
    "Basic YTpi",
    "Bearer x",
    "Bearer jm_0_x",
    "bearer",
    "Bearer \xff",
    "Bearer " + "x" * 9000,
]


async def test_every_wrong_credential_is_answered_alike(secured: SecuredApp) -> None:
    right = await request(secured.app, "GET", "/threads")
    strip = {"error_id": None}
    for header in WRONG:
        wrong = await request(secured.app, "GET", "/threads", headers={"authorization": header})
        assert (wrong.status, {**wrong.json(), **strip}) == (401, {**right.json(), **strip}), header


async def test_another_spelling_leads_nowhere_else(secured: SecuredApp) -> None:
    for path in ("/threads/", "//threads", "/threads/?", "/./threads", "/threads%2F", "/THREADS", "/threads;x"):
        assert (await request(secured.app, "GET", path)).status in (401, 404), path


async def test_a_header_that_stands_twice_is_none(secured: SecuredApp) -> None:
    from tests.harness.asgi_client import http_scope

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    for name in ("authorization", "x-on-behalf-of"):
        scope = http_scope("GET", "/threads", {**secured.bearer("delegate"), **secured.bearer("admin"), name: "ann"})
        scope["headers"] = [(b"host", b"test"), (b"authorization", f"Bearer {secured.secrets['admin']}".encode())]
        scope["headers"] += [(name.encode(), b"ann"), (name.encode(), b"ann")]
        sent.clear()
        await secured.app(scope, receive, send)
        assert sent[0]["status"] in (400, 401)


async def test_a_revoked_key_opens_nothing_more(secured: SecuredApp) -> None:
    assert (await request(secured.app, "GET", "/threads", headers=secured.bearer("read"))).status == 200
    revoked = await request(
        secured.app, "POST", f"/keys/{secured.ids['read']}/revoke", json={}, headers=secured.bearer("admin")
    )
    assert (revoked.status, revoked.json()["usable"]) == (200, False)
    assert (await request(secured.app, "GET", "/threads", headers=secured.bearer("read"))).status == 401


async def test_on_behalf_of(secured: SecuredApp) -> None:
    key = await secured.keys.create("backend", ["run", "read", "delegate"], limits=BOUNDED)
    headers = {"authorization": f"Bearer {key.secret}", "x-on-behalf-of": "ann"}
    await request(secured.app, "POST", "/threads", json={"thread_id": "t"}, headers=headers)
    assert secured.ports.threads.rows["t"].principal == "key:backend/ann"  # type: ignore[attr-defined]
    refused = await request(secured.app, "GET", "/threads", headers={**secured.bearer("read"), "x-on-behalf-of": "ann"})
    assert (refused.status, refused.json()["code"]) == (403, "missing_scope")


async def test_scopes_cannot_be_sent(secured: SecuredApp) -> None:
    more = {"x-scopes": "admin", "x-scope": "admin", "x-principal": "local", "x-api-key": "x"}
    answer = await request(secured.app, "GET", "/keys", headers={**secured.bearer("read"), **more})
    assert answer.status == 403


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_stream_ends_with_its_credential(secured: SecuredApp, end: str) -> None:
    """The stream ends within 5 seconds with a frame that says why; a reconnect is rejected."""
    new = await secured.keys.create("short", ["read", "run"], ttl_seconds=60)
    headers = {"authorization": f"Bearer {new.secret}", "accept": "text/event-stream"}
    async with stream(secured.app, "POST", "/process", json={"user_input": "hang"}, headers=headers) as events:
        frames = events.frames()
        assert [(await anext(frames))["event"] for _ in range(2)] == ["run_accepted", "run_started"]
        for _ in range(3):
            await turn(secured, 5)
        assert secured.runs.watchers == 1
        if end == "revoked":
            await secured.keys.revoke(new.row.id)
            await turn(secured, 5)
        else:
            await turn(secured, 46)
        *_, last = [frame async for frame in frames if "comment" not in frame]
        assert (last["event"], "id" in last) == ("reconnect", False)
        assert last["data"] == {"type": "reconnect", "reason": "unauthenticated"}
    assert (secured.runs.watchers, secured.runs.cancelled) == (0, [])
    assert (await request(secured.app, "GET", "/runs/run_1/events", headers=headers)).status == 401


async def test_a_run_that_is_to_end_with_its_client_ends_with_its_credential(secured: SecuredApp) -> None:
    new = await secured.keys.create("short", ["run"])
    headers = {"authorization": f"Bearer {new.secret}", "accept": "text/event-stream"}
    body = {"user_input": "hang", "on_disconnect": "cancel"}
    async with stream(secured.app, "POST", "/process", json=body, headers=headers) as events:
        await anext(events.frames())
        await secured.keys.revoke(new.row.id)
        await turn(secured, 5)
    assert secured.runs.cancelled == [("run_1", "disconnected")]


SLOW = {
    "/process": b'{"user_input": "hi"}',
    "/execute_tool": b'{"tool": "t", "arguments": {}}',
    "/runs/run_1/resume": b'{"answers": [{"approval": "a", "decision": "approve"}]}',
    "/runs/run_1/fork": b"{}",
    "/threads": b"{}",
    "/files": b"bytes of a file",
    "/keys": b'{"name": "more", "scopes": ["admin"]}',
}


@pytest.mark.parametrize("path", SLOW)
async def test_a_key_that_is_revoked_while_a_body_arrives_changes_nothing(secured: SecuredApp, path: str) -> None:
    new = await secured.keys.create("slow", ["admin"])
    body = SLOW[path]
    kind = "application/octet-stream" if path == "/files" else "application/json"
    headers = {"authorization": f"Bearer {new.secret}", "content-type": kind}
    sent: list[dict[str, Any]] = []
    parts = [body[:5], body[5:]]

    async def receive() -> dict[str, Any]:
        if len(parts) == 1:
            await secured.keys.revoke(new.row.id)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await secured.app(http_scope("POST", path, headers), receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 401
    assert secured.runs.principals == []
    assert [row.name for row in await secured.keys.list()].count("more") == 0


async def test_a_message_of_the_assistant_needs_a_scope_of_its_own(secured: SecuredApp) -> None:
    key = await secured.keys.create("writer", ["run"])
    both = await secured.keys.create("forger", ["run", "fork"])
    for secret, role, status in (
        (key.secret, "user", 201),
        (key.secret, "assistant", 403),
        (both.secret, "assistant", 201),
    ):
        headers = {"authorization": f"Bearer {secret}"}
        answer = await request(secured.app, "POST", "/threads", json={"thread_id": f"t{status}{role}"}, headers=headers)
        body = {"role": role, "content": "Yes."}
        thread = answer.json()["thread_id"]
        answer = await request(secured.app, "POST", f"/threads/{thread}/messages", json=body, headers=headers)
        assert (answer.status, answer.json().get("code")) == (status, None if status == 201 else "missing_scope")
