"""Requirement: a caller may ask so often and no more, sees what is left, and is not held up by others (SPEC 9)."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from journeyman.server.serving.app import App
from tests.harness.asgi_client import Answer, Socket, request, socket
from tests.harness.redis_server import RedisServer, redis_server

KEY = "k" * 43


def app_with(folder: Path, **settings: Any) -> App:
    (folder / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    given = {"database_url": "memory://", "rate_limit_requests": 5, "rate_limit_period": 60, **settings}
    return create_app(folder / "agent.yaml", **given)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    made = app_with(tmp_path, rate_limit_enabled=True)
    yield made
    await made.stop()


async def test_the_headers_say_what_is_left_and_the_refusal_when_to_come_again(app: App) -> None:
    answers = [await request(app, "GET", "/threads") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    left = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
    assert left == ["r=4", "r=3", "r=2", "r=1", "r=0", "r=0"]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=5;w=60'
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert 'journeyman_http_problems_total{code="rate_limited"} 1.0' in (await request(app, "GET", "/metrics")).text


async def test_64_at_once_never_get_more_through(app: App) -> None:
    answers = await asyncio.gather(*(request(app, "GET", "/runs") for _ in range(64)))
    assert Counter(answer.status for answer in answers) == {200: 5, 429: 59}


async def test_probes_and_streams_do_not_count(app: App) -> None:
    answer = await request(app, "POST", "/process", json={"user_input": "hello"})
    events = f"/runs/{answer.json()['run_id']}/events"
    for path in ("/livez", "/readyz", "/metrics", "/ui/", events):
        for _ in range(6):
            found = await request(app, "GET", path)
            assert (found.status, "ratelimit" in found.headers) == (200, False), path
    assert (await request(app, "GET", "/threads")).headers["ratelimit"].startswith('"default";r=3')


async def test_without_authentication_nobody_counts_unless_asked_to(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    answers = [await request(app, "GET", "/threads") for _ in range(8)]
    assert {(answer.status, "ratelimit" in answer.headers) for answer in answers} == {(200, False)}
    await app.stop()


async def test_callers_have_windows_of_their_own_and_who_guesses_keys_has_one(tmp_path: Path) -> None:
    app = app_with(tmp_path, auth_mode="required", api_key=KEY)
    admin, nobody = {"authorization": f"Bearer {KEY}"}, {"authorization": "Bearer guess"}
    guesses = [(await request(app, "GET", "/threads", headers=nobody)).status for _ in range(7)]
    assert guesses == [401] * 5 + [429] * 2
    assert [(await request(app, "GET", "/threads", headers=admin)).status for _ in range(6)] == [200] * 5 + [429]
    await app.stop()


async def test_two_servers_share_their_windows_through_redis_and_go_on_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_on_one_redis(tmp_path, caplog) as (redis, both, statuses):
        assert Counter(statuses) == {200: 5, 429: 15}
        redis.stop()
        statuses = [(await request(both[0], "GET", "/runs")).status for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        assert await limits_of(both[0]) == ("ready", True)
        metrics = (await request(both[0], "GET", "/metrics")).text
        assert "journeyman_shared_limits_away 1.0" in metrics


@asynccontextmanager
async def two_on_one_redis(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[tuple[RedisServer, list[App], list[int]]]:
    """Two servers after 20 requests; once more where this process was too late to read one of Redis's answers."""
    for last in (False, False, False, True):
        caplog.clear()
        gc.collect()  # after thousands of tests it takes longer than REPLY_SECONDS, so not in between
        with redis_server(folder) as redis:
            both = [app_with(folder, rate_limit_enabled=True, redis_url=redis.url) for _ in range(2)]
            try:
                assert [await limits_of(one) for one in both] == [("ready", False)] * 2
                answers = await asyncio.gather(*(request(both[number % 2], "GET", "/runs") for number in range(20)))
                if last or "Redis is away" not in caplog.text:
                    yield redis, both, [answer.status for answer in answers]
                    return
            finally:
                for one in both:
                    await one.stop()


async def limits_of(app: App) -> tuple[str, bool]:
    """Whether it is ready, and whether Redis is away."""
    ready = (await request(app, "GET", "/readyz")).json()
    return ready["status"], "Redis is away" in ready["details"].get("limits", "")


# --- keys with a rate of their own


@dataclass
class LimitedApp:
    """A server with keys; requests go out at once and their answers come in order."""

    app: App

    async def key(self, **body: Any) -> dict[str, Any]:
        """A key of the principal `shop`, as it is answered."""
        given = {"name": "shop", "scopes": ["run", "read"], "principal": "shop", **body}
        answer = await request(self.app, "POST", "/keys", json=given, headers=bearer(KEY))
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def ask(self, secret: str, times: int = 1, path: str = "/threads") -> list[Answer]:
        return await asyncio.gather(*(request(self.app, "GET", path, headers=bearer(secret)) for _ in range(times)))


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[LimitedApp]:
    app = app_with(tmp_path, auth_mode="required", api_key=KEY, rate_limit_requests=12)
    yield LimitedApp(app)
    await app.stop()


async def test_two_keys_of_one_principal_have_rates_of_their_own_and_share_the_principals(limited: LimitedApp) -> None:
    fast, slow = [await limited.key(rate=rate) for rate in ("8/1m", "3/60s")]
    assert statuses(await limited.ask(slow["key"], 5)) == {200: 3, 429: 2}
    assert statuses(await limited.ask(fast["key"], 10)) == {200: 8, 429: 2}
    bare = await limited.key()
    assert statuses(await limited.ask(bare["key"], 3)) == {200: 1, 429: 2}, "3 + 8 + 1 are the principal's 12"
    assert statuses(await limited.ask(KEY)) == {200: 1}, "another principal has its own"


async def test_64_at_once_with_one_key_never_get_more_through(limited: LimitedApp) -> None:
    made = await limited.key(rate="7/60s")
    assert statuses(await limited.ask(made["key"], 64)) == {200: 7, 429: 57}
    bare = await limited.key()
    assert statuses(await limited.ask(bare["key"], 64)) == {200: 5, 429: 59}, "what the key was refused took no place"


async def test_the_headers_name_both_policies_and_what_is_left_of_the_narrower(limited: LimitedApp) -> None:
    made = await limited.key(rate="2/10s")
    first, _, refused = [(await limited.ask(made["key"]))[0] for _ in range(3)]
    assert first.headers["ratelimit-policy"] == '"default";q=12;w=60, "key";q=2;w=10'
    assert first.headers["ratelimit"] == '"key";r=1;t=10'
    assert refused.headers["ratelimit-policy"] == first.headers["ratelimit-policy"]
    assert refused.headers["ratelimit"].startswith('"key";r=0;t=')
    assert "2 requests of this key in 10 seconds" in refused.json()["error"]
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    wide = await limited.key(rate="100/10s", principal="wide")
    left = [(await limited.ask(wide["key"]))[0].headers["ratelimit"] for _ in range(2)]
    assert [text.split(";t=")[0] for text in left] == ['"default";r=11', '"default";r=10']


async def test_a_request_without_its_scope_counts(limited: LimitedApp) -> None:
    made = await limited.key(scopes=["tools"], rate="4/60s")
    assert statuses(await limited.ask(made["key"], 9)) == {403: 4, 429: 5}
    made = await limited.key(scopes=["tools"], rate="4/60s", principal="who-may-not-delegate")
    names = [{**bearer(made["key"]), "x-on-behalf-of": f"user{number}"} for number in range(9)]
    answers = [await request(limited.app, "POST", "/execute_tool", json={}, headers=each) for each in names]
    assert statuses(answers) == {403: 4, 429: 5}
    made = await limited.key(scopes=["tools"], rate="4/60s", principal="by-a-socket")
    async with socket(limited.app, headers=bearer(made["key"])) as client:
        commands = [{"type": "subscribe", "id": str(number), "run_id": "run_1"} for number in range(9)]
        codes = [(await told(client, command))["code"] for command in commands]
    assert codes == ["missing_scope"] * 4 + ["rate_limited"] * 5


async def test_a_key_counts_whomever_it_acts_for(limited: LimitedApp) -> None:
    made = await limited.key(scopes=["read", "delegate"], rate="4/60s", quota={"concurrent_runs": 9})
    users = [{**bearer(made["key"]), "x-on-behalf-of": f"user{number}"} for number in range(9)]
    answers = await asyncio.gather(*(request(limited.app, "GET", "/threads", headers=user) for user in users))
    assert statuses(answers) == {200: 4, 429: 5}


async def test_a_rotated_key_goes_on_with_the_window_and_a_revoked_one_opens_nothing(limited: LimitedApp) -> None:
    old = await limited.key(rate="3/60s")
    assert statuses(await limited.ask(old["key"], 2)) == {200: 2}
    path = f"/keys/{old['id']}/rotate"
    new = (await request(limited.app, "POST", path, json={"grace_seconds": 60}, headers=bearer(KEY))).json()
    assert statuses(await limited.ask(new["key"], 3)) == {200: 1, 429: 2}
    assert statuses(await limited.ask(old["key"])) == {429: 1}, "in its grace it shares the window"
    await request(limited.app, "POST", f"/keys/{new['id']}/revoke", headers=bearer(KEY))
    assert statuses(await limited.ask(new["key"])) == {401: 1}


async def test_a_keys_rate_holds_where_nobody_else_is_counted(tmp_path: Path) -> None:
    app = app_with(tmp_path, auth_mode="required", api_key=KEY, rate_limit_enabled=False)
    limited = LimitedApp(app)
    made = await limited.key(rate="2/60s")
    answers = await limited.ask(made["key"], 3)
    assert statuses(answers) == {200: 2, 429: 1}
    assert answers[0].headers["ratelimit-policy"] == '"key";q=2;w=60'
    for secret, status in ((KEY, 200), ("guess", 401)):
        free = await limited.ask(secret, 9)
        assert (statuses(free), "ratelimit" in free[0].headers) == ({status: 9}, False)
    await app.stop()


async def test_on_a_socket_commands_count_and_coming_back_to_a_run_does_not(limited: LimitedApp) -> None:
    made = await limited.key(rate="2/60s")
    async with socket(limited.app, headers=bearer(made["key"])) as client:
        started = await told(client, {"type": "start", "id": "1", "user_input": "hello"})
        for number in range(4):
            again = {"type": "subscribe", "id": f"again{number}", "run_id": started["run_id"]}
            assert (await told(client, again)).get("code") in (None, "already_subscribed")
        assert (await told(client, {"type": "start", "id": "2", "user_input": "hello"}))["type"] == "ack"
        refused = await told(client, {"type": "start", "id": "3", "user_input": "hello"})
        assert (refused["type"], refused["code"], refused["status"]) == ("error", "rate_limited", 429)


async def told(client: Socket, command: dict[str, Any]) -> dict[str, Any]:
    """The answer to this command: events of runs are passed over."""
    await client.send(command)
    while True:
        message: dict[str, Any] = await client.receive()
        if message.get("id") == command["id"]:
            return message


async def test_who_guesses_keys_on_sockets_is_slowed_down_too(limited: LimitedApp) -> None:
    """By a header and by a first message, in one window with guesses of plain requests."""
    for _ in range(6):
        assert await closed(limited.app, bearer("guess")) == "unauthenticated"
        async with socket(limited.app) as client:
            assert (await told(client, {"type": "authenticate", "id": "a", "token": "guess"}))[
                "code"
            ] == "unauthenticated"
    assert await closed(limited.app, bearer("guess")) == "rate_limited"
    async with socket(limited.app) as client:
        assert (await told(client, {"type": "authenticate", "id": "a", "token": "guess"}))["code"] == "rate_limited"
    assert statuses(await limited.ask("guess")) == {429: 1}
    async with socket(limited.app, headers=bearer(KEY)) as client:
        assert client.accepted, "a credential that holds is let in"


async def closed(app: App, headers: dict[str, str]) -> str:
    """The reason with which a socket was refused."""
    async with socket(app, headers=headers) as client:
        message = await client.outbound.get()
        assert (client.accepted, message["code"]) == (False, 1008)
        return str(message["reason"])
