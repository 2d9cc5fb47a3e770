"""Clocks that are set while runs wait, and a Redis that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.incomplete_runtime import UNREACHABLE, FickleGateway, IncompleteRuntime, Reply, desk, incomplete
from tests.harness.redis_server import RedisServer, redis_server
from tests.surroundings.table import cell

DAY = 86_400.0
JUMPS = pytest.mark.parametrize("seconds", [DAY, -DAY], ids=["forward", "back"])


class WrongClock(ManualClock):
    """A clock whose wall time can be set, as by an operator or NTP."""

    def jump(self, seconds: float) -> None:
        """Set the wall time forward, or back. Durations are not changed."""
        self._now += int(seconds * 1_000_000)


def looking(text: str, number: int) -> Reply:
    return (("look", {"what": text}),) if number == 0 else "seen"


def paying(text: str, number: int) -> Reply:
    return (("pay", {"amount": 5}),) if number == 0 else "paid"


@cell(
    "clock",
    "before the start",
    "Runs are taken and finish, on threads of before too.",
    case="set back or forward by a day",
)
@JUMPS
async def test_a_clock_is_set_before_the_start(seconds: float) -> None:
    clock = WrongClock()
    async with incomplete(desk(), gateway=FickleGateway(looking), clock=clock) as runtime:
        earlier = await runtime.start("a", "t1")
        await runtime.pass_time(1)
        await runtime.stop()
        clock.jump(seconds)
        await runtime.boot(desk())
        later = await runtime.start("b", "t1")
        await runtime.pass_time(1)
        assert [(await runtime.state(run_id)).status for run_id in (earlier, later)] == ["finished"] * 2
        entries = await runtime.journal.read(later)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


@cell("clock", "at resume", "The run goes on and finishes; the jump does not count in `limits.seconds`.")
@JUMPS
async def test_a_clock_is_set_while_the_server_is_down(seconds: float) -> None:
    clock = WrongClock()
    async with incomplete(desk(), clock=clock) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.stop()
        runtime.gateway.failure = None
        clock.jump(seconds)
        await runtime.boot(desk())
        await runtime.pass_time(2)
        await finished_within(runtime, run_id, 10)


@cell(
    "clock",
    "in a call",
    "The call goes on, and the run finishes: its timers count durations. Set forward, the jump counts as time of the "
    "run from its next pause on (`limits.seconds`), since the times of its events say so.",
)
@JUMPS
async def test_a_clock_is_set_in_a_call(seconds: float) -> None:
    clock = WrongClock()
    async with incomplete(desk(), clock=clock) as runtime:
        runtime.gateway.failure = UNREACHABLE  # tried again inside the step
        run_id = await runtime.start("a")
        clock.jump(seconds)
        await runtime.pass_time(2)
        assert (await runtime.state(run_id)).status == "running"
        runtime.gateway.failure = None
        await runtime.pass_time(4)
        state = await runtime.state(run_id)
        assert state.status == "finished"
        assert (state.active_us > DAY * 1_000_000) == (seconds > 0)


async def finished_within(runtime: IncompleteRuntime, run_id: str, seconds: float) -> None:
    """Check that the run has finished, and was active for at most this time."""
    state = await runtime.state(run_id)
    assert state.status == "finished", state.error
    assert 0 <= state.active_us <= seconds * 1_000_000


@cell(
    "clock",
    "in a pause",
    "A deadline holds by the wall clock, which is looked at every 30 s: set past it, the default is given then.",
    case="set forward",
)
@cell("clock", "in a pause", "The deadline comes later by as much; an answer is taken until then.", case="set back")
@JUMPS
async def test_a_clock_is_set_in_a_pause_with_a_deadline(seconds: float) -> None:
    clock = WrongClock()
    async with incomplete(gateway=FickleGateway(paying), clock=clock) as runtime:
        spec = runtime.registry.tools["pay"].spec
        approval = msgspec.structs.replace(spec.policy.approval, deadline_seconds=3600.0, default="deny")
        policy = msgspec.structs.replace(spec.policy, approval=approval)
        runtime.serve(desk(tools=(msgspec.structs.replace(spec, policy=policy),)))
        run_id = await runtime.start("a")
        clock.jump(seconds)
        await runtime.pass_time(31)
        assert (await runtime.state(run_id)).status == ("finished" if seconds > 0 else "paused")
        if seconds < 0:
            await runtime.pass_time(DAY + 3600, step=600)
            assert (await runtime.state(run_id)).status == "finished"


# --- Redis


@asynccontextmanager
async def served(folder: Path, url: str) -> AsyncIterator[App]:
    (folder / "agent.yaml").write_text(
        "type: react_agent\nmodel: offline\ntools: [{name: calculator, approval: always}]\n"
    )
    settings = Settings.read(
        env_file=None,
        database_url=f"sqlite:///{folder / 'j.db'}",
        redis_url=url,
        rate_limit_enabled=True,
        rate_limit_requests=30,
    )
    app = App(settings, folder / "agent.yaml")
    try:
        await app.start()
        yield app
    finally:
        await app.stop()


async def limits_of(app: App) -> str:
    """Return what `/readyz` says of the limits, after a request that asked Redis."""
    assert (await request(app, "GET", "/runs")).status == 200
    ready = await request(app, "GET", "/readyz")
    assert ready.status == 200
    return str(ready.json()["details"].get("limits", ""))


async def asking(app: App) -> tuple[str, dict[str, object]]:
    """Start a run that asks a human. Returns its id and the body of the answer that lets it go on."""
    run = (await request(app, "POST", "/process", json={"user_input": "What is 2 + 3?"})).json()
    [asked] = run["approvals"]
    return run["run_id"], {"answers": [{"approval": asked["approval"], "decision": "approve"}]}


async def answered(app: App, run_id: str, approve: dict[str, object]) -> None:
    assert (await request(app, "POST", f"/runs/{run_id}/resume", json=approve)).status in (200, 202)
    assert app.application is not None
    assert (await app.application.runs.wait(run_id, 10.0)).status == "finished"


AWAY = "Redis is away: limits are those of this process"
LOCAL = "The server counts its own limits, says so in `/readyz`, and refuses nothing for it."


@cell("Redis", "before the start", f"{LOCAL} It uses Redis again after its return.")
@pytest.mark.long
async def test_redis_is_away_before_the_start_and_comes(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    async with served(tmp_path, redis.url) as app:
        assert await limits_of(app) == AWAY
        redis.start()
        try:
            assert app.application is not None
            assert app.application.windows is not None
            while app.application.windows.away:
                await app.application.clock.sleep(0.3)
                await limits_of(app)
        finally:
            redis.stop()


@cell("Redis", "at resume", f"{LOCAL} The runs go on.")
@cell("Redis", "in a pause", f"{LOCAL} An answer is taken.")
@pytest.mark.long
async def test_redis_goes_away_in_a_pause_and_stays_away(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with served(tmp_path, redis.url) as app:
            (first, approve_first), (second, approve_second) = await asking(app), await asking(app)
            redis.stop()
            await answered(app, first, approve_first)
            assert await limits_of(app) == AWAY
        async with served(tmp_path, redis.url) as app:
            await answered(app, second, approve_second)
            assert await limits_of(app) == AWAY


@cell("Redis", "in a call", f"{LOCAL} The request waits for it for at most 0.25 s.")
@pytest.mark.long
async def test_redis_stops_answering_in_a_call(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with served(tmp_path, redis.url) as app:
            await limits_of(app)
            redis.stop()
            for _ in range(5):
                assert (await request(app, "POST", "/process", json={"user_input": "Hello"})).status == 200
            assert await limits_of(app) == AWAY
