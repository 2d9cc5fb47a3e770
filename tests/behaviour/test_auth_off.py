"""AUTH_MODE=off means this machine: for each request, however the application is served."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from journeyman import create_app
from journeyman.errors import ConfigurationError
from journeyman.server.serving.app import App
from tests.harness.asgi_client import Answer, http_scope, request

AGENT = "type: react_agent\nmodel: offline\n"
REMOTE = ("203.0.113.9", 4711)


class Seen:
    """An application as a server calls it, for a client at another address, or after another program has passed it."""

    def __init__(self, app: Any, client: tuple[str, int] | None, more: dict[str, Any] | None = None) -> None:
        self._app = app
        self._more = {"client": client, **(more or {})}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, **self._more}, receive, send)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(AGENT)
    return tmp_path


@pytest.fixture
async def app(folder: Path) -> AsyncIterator[App]:
    made = create_app(folder / "agent.yaml", database_url="memory://")
    yield made
    await made.stop()


async def key(app: Any, **headers: str) -> Answer:
    return await request(app, "POST", "/keys", json={"name": "mine", "scopes": ["admin"]}, headers=headers)


async def test_a_stranger_is_refused_whatever_it_asks_for(app: App) -> None:
    far = Seen(app, REMOTE)
    for method, path in (("GET", "/"), ("GET", "/runs"), ("POST", "/process"), ("POST", "/keys"), ("GET", "/nope")):
        answer = await request(far, method, path, json={} if method == "POST" else None)
        assert (answer.status, answer.json()["code"]) == (403, "auth_off_is_local"), path
    assert "AUTH_MODE=required" in answer.json()["error"]
    assert (await request(app, "GET", "/runs")).status == 200
    for path in ("/livez", "/readyz"):
        assert (await request(far, "GET", path)).status == 200, path


async def test_a_proxy_on_this_machine_is_refused(app: App) -> None:
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via"):
        answer = await request(app, "GET", "/runs", headers={name: "127.0.0.1"})
        assert (answer.status, answer.json()["code"]) == (403, "auth_off_is_local"), name
        assert (await request(app, "GET", "/livez", headers={name: "127.0.0.1"})).status == 200
    assert (await request(Seen(app, None), "GET", "/runs")).status == 200, "a Unix socket has no peer"


async def test_a_socket_of_a_stranger_is_closed(app: App) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {**http_scope("GET", "/ws", {}), "type": "websocket", "client": REMOTE}
    await app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "auth_off_is_local"}]


async def test_no_key_is_made_or_changed(app: App) -> None:
    answer = await key(app)
    assert (answer.status, answer.json()["code"]) == (403, "auth_off")
    assert "Stop the server" in answer.json()["error"]
    for path in ("/keys/x/rotate", "/keys/x/revoke"):
        assert (await request(app, "POST", path, json={})).json()["code"] == "auth_off"
    assert (await request(app, "GET", "/keys")).json()["items"] == []


@pytest.mark.parametrize("hosted", ["mounted", "trusted", "named"])
async def test_inside_of_another_application_that_one_decides(
    folder: Path, hosted: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(folder / "agent.yaml", database_url="memory://", trust_host=hosted == "trusted", allowed_hosts="*")
    outer: Any = Starlette(routes=[Mount("/agents", app)]) if hosted == "mounted" else app
    far = Seen(outer, REMOTE, {"app": object()} if hosted == "named" else None)
    path = "/agents/runs" if hosted == "mounted" else "/runs"
    for _ in range(2):
        answer = await request(far, "GET", path, headers={"x-forwarded-for": "203.0.113.9", "host": "shop.example"})
        assert answer.status == 200, answer.text
    said = [record for record in caplog.records if "AUTH_MODE=off" in record.message]
    assert [record.levelno for record in said] == [logging.WARNING]
    await app.stop()


async def start(app: Any) -> dict[str, Any]:
    """What the application answers to the start of its lifespan."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup" if not sent else "lifespan.shutdown"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, receive, send)
    return dict(sent[0])


@pytest.mark.parametrize("name", ["allowed_hosts", "cors_origins"])
async def test_any_name_refuses_the_start(folder: Path, name: str) -> None:
    def made(**more: Any) -> App:
        return create_app(folder / "agent.yaml", database_url="memory://", **{name: "app.example, *", **more})

    refused = await start(made())
    assert refused["type"] == "lifespan.startup.failed"
    assert f"{name.upper()}=*" in refused["message"]
    with pytest.raises(ConfigurationError, match="AUTH_MODE=required"):
        made().check_standalone()
    assert (await start(made(trust_host=True)))["type"] == "lifespan.startup.complete"
    assert (await start(made(auth_mode="required", api_key="k" * 43)))["type"] == "lifespan.startup.complete"


async def test_without_a_lifespan_any_name_is_no_name(folder: Path) -> None:
    """A page that has bound its name to this address, in a browser of this machine."""
    app = create_app(folder / "agent.yaml", database_url="memory://", allowed_hosts="*", cors_origins="*")
    rebound = await request(app, "GET", "/runs", headers={"host": "evil.example"})
    assert (rebound.status, rebound.json()["code"]) == (421, "host_not_allowed")
    foreign = await request(app, "POST", "/threads", json={}, headers={"origin": "https://evil.example"})
    assert (foreign.status, foreign.json()["code"]) == (403, "origin_not_allowed")
    await app.stop()


async def test_names_of_test_clients_are_names_under_pytest_only(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await request(Seen(app, ("testclient", 50000)), "GET", "/runs")).status == 200
    await app.stop()
    monkeypatch.delitem(sys.modules, "journeyman.pytest_plugin")
    for name in ("testserver", "test", "TEST:80"):
        answer = await request(app, "GET", "/runs", headers={"host": name})
        assert (answer.status, answer.json()["code"]) == (421, "host_not_allowed"), name
    peer = await request(Seen(app, ("testclient", 50000)), "GET", "/runs", headers={"host": "localhost"})
    assert peer.json()["code"] == "auth_off_is_local"
    assert (await request(app, "GET", "/runs", headers={"host": "localhost"})).status == 200
    mounted = Starlette(routes=[Mount("/agents", app)])
    assert (await request(mounted, "GET", "/agents/runs", headers={"host": "testserver"})).status == 200
