"""The guard as a whole: its order, its refusals, its signals, and the state after a cancelled call."""

from __future__ import annotations

import asyncio
import random

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.resilience.guard import ErrorClass, Guard, GuardPolicy
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.signals import BreakerChanged, CallRefused, Retried, RetryWithheld

DOWN = ServiceError("down", code="down")
HARMFUL = ServiceError("perhaps done", code="harmful")


class EagerClock(ManualClock):
    """A clock on which sleeping moves the time forward."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.advance(seconds)


class Half(random.Random):
    def random(self) -> float:
        return 0.5


def classify(error: ServiceError) -> ErrorClass:
    return ErrorClass(failing=error.code != "refused", repeatable=error.code != "harmful")


class GuardedService:
    def __init__(self, clock: ManualClock | None = None, **policy) -> None:
        self.clock = clock or EagerClock()
        self.signals: list[object] = []
        self.guard = Guard("shop", GuardPolicy(**policy), self.clock, Half(), self.signals.append)
        self.attempts: list[int] = []

    async def call(self, *script: object, key: str = "") -> object:
        left = list(script)

        async def attempt(number: int) -> object:
            self.attempts.append(number)
            act = left.pop(0)
            if isinstance(act, BaseException):
                raise act
            return act

        return await self.guard.call(attempt, classify, key=key)

    async def failure(self, *script: object, key: str = "") -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await self.call(*script, key=key)
        return caught.value


async def test_it_retries_with_growing_pauses():
    service = GuardedService()
    assert await service.call(DOWN, DOWN, "fine") == "fine"
    assert service.attempts == [1, 2, 3]
    assert service.clock.slept == [0.25, 0.5]
    assert service.signals == [Retried("shop", "", 1, "down", 0.25), Retried("shop", "", 2, "down", 0.5)]


async def test_a_call_that_may_have_been_processed_is_not_repeated():
    service = GuardedService()
    assert await service.failure(HARMFUL) is HARMFUL
    assert service.attempts == [1]


async def test_the_breaker_opens_refuses_at_once_and_closes_by_one_probe():
    service = GuardedService(retries=0, failures=2, open_seconds=3)
    await service.failure(DOWN)
    await service.failure(DOWN)
    refused = await service.failure()
    assert (refused.code, refused.retry_after) == ("service_circuit_open", 3.0)
    assert service.guard.is_open()
    assert service.guard.figures().breakers[""].state == "open"
    service.clock.advance(3)
    assert await service.call("well") == "well"
    changes = [(s.before, s.state) for s in service.signals if isinstance(s, BreakerChanged)]
    assert changes == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]
    assert CallRefused("shop", "", "service_circuit_open", 3.0) in service.signals


async def test_a_failed_probe_is_not_retried():
    service = GuardedService(retries=3, failures=1, open_seconds=3)
    await service.failure(DOWN)
    service.clock.advance(3)
    await service.failure(DOWN)
    assert service.attempts == [1, 1]


async def test_each_key_has_a_breaker_and_their_number_is_bounded():
    service = GuardedService(retries=0, failures=1)
    await service.failure(DOWN, key="big")
    assert await service.call("well", key="small") == "well"
    for number in range(600):
        await service.call("well", key=f"model-{number}")
    assert len(service.guard.figures().breakers) == 256
    assert service.guard.is_open("big")


async def test_the_budget_withholds_retries():
    service = GuardedService(failures=1000)
    for _ in range(40):
        await service.failure(*[HARMFUL])  # calls that are never repeated still add to the budget
    before = len(service.attempts)
    clock = service.clock
    frozen = clock.monotonic()
    for _ in range(40):
        await service.failure(*[DOWN] * 4)
    retries = len(service.attempts) - before - 40
    assert retries <= 10 + 0.5 * (clock.monotonic() - frozen) + 4
    assert any(isinstance(signal, RetryWithheld) for signal in service.signals)


async def test_the_rate_limit_delays_and_then_refuses():
    service = GuardedService(rate=Rate(2, 8.0), wait_seconds=10.0)
    for _ in range(4):
        await service.call("fine")
    assert service.clock.slept == [8.0]
    service = GuardedService(rate=Rate(2, 20.0), wait_seconds=10.0)
    await service.call("fine")
    await service.call("fine")
    refused = await service.failure("fine")
    assert (refused.code, refused.retry_after) == ("service_throttled", 20.0)


async def test_slots_are_bounded_and_granted_in_order():
    clock = ManualClock()
    service = GuardedService(clock, max_connections=1, waiting=2, wait_seconds=5)
    go, order = asyncio.Event(), []

    async def slow(number: int) -> None:
        order.append(len(order))
        await go.wait()

    tasks = [asyncio.create_task(service.guard.call(slow, classify)) for _ in range(3)]
    await asyncio.sleep(0)
    figures = service.guard.figures()
    assert (figures.inside, figures.waiting) == (1, 2)
    assert (await service.failure("never")).code == "service_overloaded"  # too many wait
    clock.advance(5)
    late = await asyncio.gather(*tasks[1:], return_exceptions=True)
    assert [getattr(error, "code", None) for error in late] == ["service_overloaded"] * 2
    go.set()
    await tasks[0]
    assert service.guard.idle


async def test_a_cancelled_call_leaves_nothing_behind():
    service = GuardedService(ManualClock(), max_connections=1, failures=1, open_seconds=1)
    forever = asyncio.Event()

    async def hang(number: int) -> None:
        await forever.wait()

    inside = asyncio.create_task(service.guard.call(hang, classify))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(service.guard.call(hang, classify))
    await asyncio.sleep(0)
    for task in (waiting, inside):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (service.guard.figures().inside, service.guard.figures().waiting) == (0, 0)
    await service.failure(DOWN)
    service.clock.advance(1)
    probe = asyncio.create_task(service.guard.call(hang, classify))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert await service.call("well") == "well"  # the next probe is admitted


async def test_a_slot_granted_at_the_moment_of_a_cancellation_is_passed_on():
    service = GuardedService(ManualClock(), max_connections=1)
    go = asyncio.Event()

    async def wait(number: int) -> str:
        await go.wait()
        return "done"

    tasks = [asyncio.create_task(service.guard.call(wait, classify)) for _ in range(3)]
    await asyncio.sleep(0)
    go.set()
    await tasks[0]
    tasks[1].cancel()
    assert await tasks[2] == "done"
    assert service.guard.idle


async def test_the_guard_can_limit_an_attempt():
    service = GuardedService(retries=0)
    with pytest.raises(ServiceTimeoutError):
        await service.guard.call(lambda number: asyncio.Event().wait(), classify, timeout=0.01)


async def test_other_errors_pass_and_are_not_counted():
    service = GuardedService(failures=1)
    with pytest.raises(KeyError):
        await service.call(KeyError("bug"))
    assert await service.call("fine") == "fine"
    assert isinstance(await service.failure(ServiceUnavailableError("x", code="harmful")), ServiceUnavailableError)
