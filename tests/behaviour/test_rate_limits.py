"""Requirement: a caller may ask so often and no more, is told what is left, and is not held up by others (SPEC 9)."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asgi_client import request
from harness.redis_server import RedisServer, redis_server
from journeyman import create_app
from journeyman.server.asgi import App

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


async def test_64_at_once_never_get_more_through(app: App) -> None:
    answers = await asyncio.gather(*(request(app, "GET", "/runs") for _ in range(64)))
    assert Counter(answer.status for answer in answers) == {200: 5, 429: 59}


async def test_probes_and_streams_do_not_count(app: App) -> None:
    answer = await request(app, "POST", "/process", json={"user_input": "hello"})
    events = f"/runs/{answer.json()['run_id']}/events"
    for path in ("/livez", "/readyz", "/metrics", "/", events):
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
        gc.collect()  # after thousands of tests it takes longer than PATIENCE_SECONDS, so not in between
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
