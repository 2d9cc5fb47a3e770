"""One suite for the windows in memory and in a real Redis: exact, all or nothing, refused requests do not count."""

from __future__ import annotations

import asyncio
import gc
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock, SystemClock
from journeyman.ids import RandomIds
from journeyman.resilience.rate_limit import MAX_COUNT, Rate
from journeyman.resilience.shared_window import AWAY_SECONDS, RedisWindows
from journeyman.resilience.window import Limit, MemoryWindows, Windows
from tests.harness.redis_server import RedisServer, redis_server

SECONDS = 0.2


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


class WindowsUnderTest:
    def __init__(self, windows: Windows, pass_time: Callable[[float], Awaitable[None]]) -> None:
        self.admit = windows.admit
        self.pass_time = pass_time


@pytest.fixture(params=["memory", "redis"])
async def windows_under_test(request: pytest.FixtureRequest) -> AsyncIterator[WindowsUnderTest]:
    windows: Windows
    if request.param == "memory":
        clock = ManualClock()

        async def turn(seconds: float) -> None:
            clock.advance(seconds)

        windows, pass_time = MemoryWindows(clock), turn
    else:
        url = request.getfixturevalue("redis").url
        gc.collect()  # after thousands of tests it takes longer than REPLY_SECONDS, so not in between
        windows, pass_time = RedisWindows(url, SystemClock(), RandomIds(), f"{request.node.name}:"), asyncio.sleep
    yield WindowsUnderTest(windows, pass_time)
    await windows.aclose()


def limit(key: str = "ann", count: int = 3, seconds: float = SECONDS) -> Limit:
    return Limit(key, Rate(count, seconds))


async def test_requests_are_admitted_up_to_the_limit_and_again_when_the_first_is_old(
    windows_under_test: WindowsUnderTest,
) -> None:
    results = [await windows_under_test.admit([limit()]) for _ in range(5)]
    assert [result.admitted for result in results] == [True, True, True, False, False]
    assert [result.remaining for result in results] == [2, 1, 0, 0, 0]
    assert all(0 < result.reset <= SECONDS for result in results)
    await windows_under_test.pass_time(SECONDS + 0.02)
    assert (await windows_under_test.admit([limit()])).admitted, "what was refused does not count"


async def test_above_ten_thousand_requests_are_counted_in_slots(windows_under_test: WindowsUnderTest) -> None:
    large, small = limit("large", MAX_COUNT + 1), limit("small", 2)
    first, second = [await windows_under_test.admit([large, small]) for _ in range(2)]
    assert [first.admitted, second.admitted] == [True, True]
    refused = await windows_under_test.admit([large, small])
    assert (refused.admitted, refused.limit) == (False, small)
    result = await windows_under_test.admit([large])
    assert result.remaining == MAX_COUNT + 1 - 3, "what was refused does not count"
    assert 0 < result.reset <= SECONDS * 1.01
    await windows_under_test.pass_time(SECONDS * 1.01 + 0.02)
    assert (await windows_under_test.admit([large])).remaining == MAX_COUNT


async def test_keys_are_independent(windows_under_test: WindowsUnderTest) -> None:
    for _ in range(3):
        await windows_under_test.admit([limit()])
    assert (await windows_under_test.admit([limit("bob")])).admitted
    assert not (await windows_under_test.admit([limit()])).admitted


async def test_all_or_nothing(windows_under_test: WindowsUnderTest) -> None:
    wide, narrow = limit("wide", 3), limit("narrow", 1)
    assert (await windows_under_test.admit([wide, narrow])).limit == narrow
    refused = await windows_under_test.admit([wide, narrow])
    assert (refused.admitted, refused.limit, refused.remaining) == (False, narrow, 0)
    assert (await windows_under_test.admit([wide])).remaining == 1, "the refused one took no place under the wide limit"


async def test_64_at_once_are_counted_exactly(windows_under_test: WindowsUnderTest) -> None:
    results = await asyncio.gather(*(windows_under_test.admit([limit(count=20, seconds=30)]) for _ in range(64)))
    assert sum(result.admitted for result in results) == 20


PROCESS = """
import asyncio, sys
from journeyman.clock import SystemClock
from journeyman.ids import RandomIds
from journeyman.resilience.rate_limit import MAX_COUNT, Rate
from journeyman.resilience.shared_window import CONNECTIONS, RedisWindows
from journeyman.resilience.window import Limit

async def main():
    windows = RedisWindows(sys.argv[1], SystemClock(), RandomIds(), sys.argv[2])
    limits = [Limit("principal:p", Rate(150, 60)), Limit("key:k", Rate(100, 60))]

    async def some():
        return [await windows.admit(limits) for _ in range(15)]

    results = sum(await asyncio.gather(*(some() for _ in range(CONNECTIONS))), [])
    print(sum(result.admitted for result in results))

asyncio.run(main())
"""


async def test_two_processes_share_the_windows_of_a_key_and_its_principal(redis: RedisServer) -> None:
    prefix, counts = await admitted_by_two(redis)
    assert sum(counts) == 100
    windows = RedisWindows(redis.url, SystemClock(), RandomIds(), prefix)
    result = await windows.admit([limit("principal:p", 150, 60)])
    assert (result.admitted, result.remaining) == (True, 49), "the refused took no place of the principal"
    await windows.aclose()


async def admitted_by_two(redis: RedisServer) -> tuple[str, list[int]]:
    """Under which prefix, and how many by each; once more where one was too late to read one of Redis's answers."""
    for last in (False, False, False, True):
        prefix = f"shared{RandomIds().new('req')}:"
        argv = (sys.executable, "-c", PROCESS, redis.url, prefix)
        both = [await asyncio.create_subprocess_exec(*argv, stdout=PIPE, stderr=PIPE) for _ in range(2)]
        outcomes = [await process.communicate() for process in both]
        if last or not any(b"Redis is away" in complaints for _, complaints in outcomes):
            break
    return prefix, [int(count) for count, _ in outcomes]


async def test_while_redis_is_away_the_limits_are_local_and_it_comes_back(tmp_path: Path) -> None:
    clock = ManualClock()
    with redis_server(tmp_path) as server:
        windows = RedisWindows(server.url, clock, RandomIds())
        assert (await windows.admit([limit(count=2, seconds=60)])).admitted
        server.stop()
        results = [(await windows.admit([limit(count=2, seconds=60)])).admitted for _ in range(3)]
        assert (results, windows.away) == ([True, True, False], True)
        server.start()
        assert not (await windows.admit([limit(count=2, seconds=60)])).admitted, "it is not asked yet"
        clock.advance(AWAY_SECONDS)
        assert (await windows.admit([limit(count=2, seconds=60)])).admitted
        assert not windows.away
        await windows.aclose()


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from("ab")), max_size=60), st.integers(1, 4))
async def test_never_more_in_any_window_and_never_refused_without_reason(
    steps: list[tuple[float, str]], count: int
) -> None:
    clock, admitted = ManualClock(), []
    windows = MemoryWindows(clock)
    for wait, key in steps:
        clock.advance(wait)
        now = clock.monotonic()
        recent = [at for at, other in admitted if other == key and at > now - 1.0]
        result = await windows.admit([Limit(key, Rate(count, 1.0))])
        assert result.admitted == (len(recent) < count)
        if result.admitted:
            admitted.append((now, key))


RATES = {"principal": Rate(4, 1.0), "key": Rate(2, 0.5), "other": Rate(3, 2.0)}
SEVERAL = st.lists(st.sampled_from(sorted(RATES)), min_size=1, max_size=3, unique=True)


@given(st.lists(st.tuples(st.floats(0, 0.7), SEVERAL), max_size=60))
async def test_several_limits_are_taken_all_or_none_and_none_is_ever_exceeded(
    steps: list[tuple[float, list[str]]],
) -> None:
    clock = ManualClock()
    windows = MemoryWindows(clock)
    taken: dict[str, list[float]] = {key: [] for key in RATES}
    for wait, keys in steps:
        clock.advance(wait)
        now = clock.monotonic()
        room = {key: RATES[key].count - sum(at > now - RATES[key].seconds for at in taken[key]) for key in keys}
        result = await windows.admit([Limit(key, RATES[key]) for key in keys])
        assert result.admitted == all(left > 0 for left in room.values())
        for key in keys if result.admitted else ():
            taken[key].append(now)
            room[key] -= 1
        assert min(room.values()) == result.remaining == room[result.limit.key] >= 0
        assert 0 <= result.reset <= result.limit.rate.seconds


async def test_a_refusal_by_several_limits_says_when_all_have_room(windows_under_test: WindowsUnderTest) -> None:
    short, long = limit("short", 1, 10), limit("long", 1, 60)
    await windows_under_test.admit([short, long])
    refused = await windows_under_test.admit([short, long])
    assert (refused.admitted, refused.limit) == (False, long)
    assert 59 < refused.reset <= 60


async def test_the_least_recently_used_key_is_dropped() -> None:
    windows = MemoryWindows(ManualClock(), max_keys=2)
    for key in ("a", "b", "a", "c"):
        await windows.admit([limit(key, 2, 60)])
    assert not (await windows.admit([limit("a", 2, 60)])).admitted
    assert (await windows.admit([limit("b", 1, 60)])).admitted
