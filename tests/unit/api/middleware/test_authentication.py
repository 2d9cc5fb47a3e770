"""Nobody comes past the gate: every route of the application, without a credential, without the scope, with it."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.api.middleware.authentication import AuthenticationMiddleware, guard
from journeyman.api.security import scopes as access
from journeyman.api.websocket_messages import Command
from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.principal import SCOPES
from journeyman.auth.remembered import VerificationCache
from journeyman.clock import ManualClock
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal
from journeyman.web.pages import pages
from tests.harness.asgi_client import request, socket, stream
from tests.harness.fake_use_cases import FakeRuns, make_ports


class Inside:
    """Debug pages that show nothing."""

    def state(self) -> msgspec.Raw:
        return msgspec.Raw(b"{}")

    services = tasks = state


class SecuredApp:
    """An application that asks who calls, and a key for each scope."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        remembered = VerificationCache()
        self.keys = ApiKeys(MemoryJournal(), self.clock, RandomSecretSource())
        self.keys.changed = remembered.forget
        self.ports = make_ports(
            clock=self.clock,
            keys=self.keys,
            authenticator=Authenticator(self.keys, None, remembered, self.clock),
            pages=pages(),
            debug=Inside(),
            limits=RequestLimits(socket_auth_seconds=0.05),
        )
        assert isinstance(self.ports.runs, FakeRuns)
        self.runs = self.ports.runs
        self.app = build_app(self.ports)
        self.secrets: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def open(self) -> SecuredApp:
        for scope in SCOPES:
            new = await self.keys.create(scope, [scope])
            self.secrets[scope], self.ids[scope] = new.secret, new.row.id
        return self

    def bearer(self, scope: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secrets[scope]}"}


@pytest.fixture
async def secured() -> SecuredApp:
    return await SecuredApp().open()


ALL = [(method, path, scope) for (method, path), scope in access.ROUTES.items() if method != "WS"]
GUARDED = [(method, path, scope) for method, path, scope in ALL if scope != access.OPEN]


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "x", path)


def routes_of(app: Any) -> set[tuple[str, str]]:
    inner = app._app._app
    found = set()
    for route in inner.router.routes:
        methods = {"WS"} if isinstance(route, WebSocketRoute) else route.methods - {"HEAD"}
        found |= {(method, route.path) for method in methods}
    return found


def test_the_table_and_the_application_name_the_same_routes(secured: SecuredApp) -> None:
    assert routes_of(secured.app) == set(access.ROUTES)
    assert set(access.ROUTES.values()) <= {*SCOPES, access.OPEN, access.SOCKET}


def test_a_route_that_nobody_thought_of_keeps_the_application_from_being_built() -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...

    for route in (Route("/new", nothing), WebSocketRoute("/new", nothing), Mount("/new", nothing)):
        with pytest.raises(LookupError):
            guard([route], AuthenticationMiddleware(None))
    with pytest.raises(LookupError, match="different scopes"):
        guard([Route("/threads", nothing, methods=["GET", "POST"])], AuthenticationMiddleware(None))


async def test_without_a_credential_nothing_is_answered(secured: SecuredApp) -> None:
    for method, path, _ in GUARDED:
        answer = await request(secured.app, method, filled(path), json={})
        assert (answer.status, answer.json()["code"]) == (401, "unauthenticated"), path
        assert answer.headers["www-authenticate"] == 'Bearer realm="journeyman"'


async def test_each_route_needs_its_scope_and_no_other(secured: SecuredApp) -> None:
    for method, path, scope in GUARDED:
        for other in SCOPES:
            answer = await request(secured.app, method, filled(path), json={}, headers=secured.bearer(other))
            if other in (scope, "admin"):
                assert answer.status not in (401, 403), (path, other, answer.text)
            else:
                assert (answer.status, answer.json()["code"]) == (403, "missing_scope"), (path, other)
                assert f"`{scope}`" in answer.json()["error"]


async def test_what_is_open_is_open_whatever_is_sent_along(secured: SecuredApp) -> None:
    for method, path, scope in ALL:
        if scope == access.OPEN:
            answer = await request(secured.app, method, path, headers={"authorization": "Bearer wrong"})
            assert answer.status == 200, path


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
    key = await secured.keys.create("backend", ["run", "read", "delegate"])
    headers = {"authorization": f"Bearer {key.secret}", "x-on-behalf-of": "ann"}
    await request(secured.app, "POST", "/threads", json={"thread_id": "t"}, headers=headers)
    assert secured.ports.threads.rows["t"].principal == "key:backend/ann"  # type: ignore[attr-defined]
    refused = await request(secured.app, "GET", "/threads", headers={**secured.bearer("read"), "x-on-behalf-of": "ann"})
    assert (refused.status, refused.json()["code"]) == (403, "missing_scope")


async def test_scopes_cannot_be_sent(secured: SecuredApp) -> None:
    more = {"x-scopes": "admin", "x-scope": "admin", "x-principal": "local", "x-api-key": "x"}
    answer = await request(secured.app, "GET", "/keys", headers={**secured.bearer("read"), **more})
    assert answer.status == 403


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
        ({"rate": "often"}, "'often' cannot be used: a rate is written like 10/second"),
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


# --- WebSocket


def test_every_command_has_its_scope() -> None:
    tags = {command.__struct_config__.tag for command in get_args(Command)}
    assert tags == set(access.COMMANDS)
    assert set(access.COMMANDS.values()) <= set(SCOPES)


async def test_a_socket_by_header_or_subprotocol(secured: SecuredApp) -> None:
    offered = {"sec-websocket-protocol": f"journeyman, bearer.{secured.secrets['read']}"}
    for headers in (secured.bearer("read"), offered):
        async with socket(secured.app, headers=headers) as client:
            await client.send({"type": "cancel", "id": "1", "run_id": "r"})
            answer = await client.receive()
            assert (answer["status"], answer["code"]) == (403, "missing_scope")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        {"sec-websocket-protocol": "journeyman, bearer.wrong"},
        {"sec-websocket-protocol": "bearer.a, bearer.b", "authorization": "Bearer wrong"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_socket_that_is_refused_at_once(secured: SecuredApp, headers: dict[str, str]) -> None:
    async with socket(secured.app, headers=headers) as client:
        assert (client.accepted, client.closed) == (False, 1008)


async def test_a_socket_introduces_itself_first(secured: SecuredApp) -> None:
    async with socket(secured.app) as client:
        await client.send({"type": "authenticate", "id": "0", "token": secured.secrets["run"]})
        assert await client.receive() == {"type": "ack", "id": "0"}
        await client.send({"type": "start", "id": "1", "user_input": "hi"})
        assert (await client.receive())["type"] == "ack"


async def test_a_socket_acts_for_another(secured: SecuredApp) -> None:
    key = await secured.keys.create("backend", ["run", "delegate"])
    headers = {"authorization": f"Bearer {key.secret}", "x-on-behalf-of": "ann"}
    async with socket(secured.app, headers=headers) as client:
        await client.send({"type": "start", "id": "1", "user_input": "hi"})
        assert (await client.receive())["type"] == "ack"
    assert secured.ports.runs.principals == ["key:backend/ann"]  # type: ignore[attr-defined]
    async with socket(secured.app, headers={**secured.bearer("run"), "x-on-behalf-of": "ann"}) as client:
        assert (client.accepted, client.closed) == (False, 1008)
    async with socket(secured.app, headers={"x-on-behalf-of": "ann"}) as client:
        await client.send({"type": "authenticate", "id": "0", "token": secured.secrets["run"]})
        assert (await client.receive())["code"] == "missing_scope"


@pytest.mark.parametrize(
    "first",
    [
        {"type": "authenticate", "id": "0", "token": "wrong"},
        {"type": "start", "id": "1", "user_input": "hi"},
        "nonsense",
        None,
    ],
)
async def test_a_socket_that_does_not_is_closed(secured: SecuredApp, first: Any) -> None:
    """The last says nothing at all, and time runs out."""
    async with socket(secured.app) as client:
        if first is not None:
            await client.send(first)
        answer = await client.receive()
        assert answer["type"] == "error"
        assert (await client.outbound.get())["code"] == 1008


async def test_a_socket_ends_with_its_credential(secured: SecuredApp) -> None:
    new = await secured.keys.create("short", ["read"], ttl_seconds=60)
    async with socket(secured.app, headers={"authorization": f"Bearer {new.secret}"}) as client:
        for _ in range(3):
            await _turn(secured, 5)
        assert client.closed is None
        await secured.keys.revoke(new.row.id)
        await _turn(secured, 5)
        assert (await client.outbound.get())["code"] == 1008


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_stream_ends_with_its_credential(secured: SecuredApp, end: str) -> None:
    """Within 5 seconds, with a frame that says why; whoever comes back is refused."""
    new = await secured.keys.create("short", ["read", "run"], ttl_seconds=60)
    headers = {"authorization": f"Bearer {new.secret}", "accept": "text/event-stream"}
    async with stream(secured.app, "POST", "/process", json={"user_input": "hang"}, headers=headers) as events:
        frames = events.frames()
        assert [(await anext(frames))["event"] for _ in range(2)] == ["run_accepted", "run_started"]
        for _ in range(3):
            await _turn(secured, 5)
        assert secured.runs.watchers == 1
        if end == "revoked":
            await secured.keys.revoke(new.row.id)
            await _turn(secured, 5)
        else:
            await _turn(secured, 46)
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
        await _turn(secured, 5)
    assert secured.runs.cancelled == [("run_1", "disconnected")]


async def _turn(secured: SecuredApp, seconds: float) -> None:
    import asyncio

    for _ in range(5):
        await asyncio.sleep(0)
    secured.clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


# --- the page


def test_the_page_shows_the_tables_as_they_are() -> None:
    from tests.harness.source_tree import page

    text = page("reference/security.md")
    for scope, may in SCOPES.items():
        assert f"| `{scope}` | {may} |" in text
    shown = dict(re.findall(r"^\| `((?:GET|POST|PATCH|DELETE|WS) [^`]+)` \| `?([a-z:]+)`? \|$", text, re.M))
    assert shown == {f"{method} {path}": scope for (method, path), scope in access.ROUTES.items()}
