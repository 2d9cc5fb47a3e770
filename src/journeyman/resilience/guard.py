"""The one order in which a call leaves the process:

concurrency limit > rate limit > circuit breaker > retry > timeout.

The door is looked at first: while the breaker is open a call is refused at once and waits for nothing. A retry keeps
its slot and passes rate limit and breaker again, so that each try counts as what it is to the service.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import msgspec

from journeyman.clock import Clock
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.resilience.breaker import Breaker
from journeyman.resilience.bulkhead import Bulkhead
from journeyman.resilience.rate_limit import Rate, RateLimit
from journeyman.resilience.retry import Backoff, RetryBudget
from journeyman.resilience.signals import (
    BreakerChanged,
    BreakerState,
    CallRefused,
    Hook,
    Retried,
    RetryWithheld,
    ignored,
)

T = TypeVar("T")

_MOST_KEYS = 256  # breakers of one guard


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one service."""

    max_connections: int = 100  # calls under way at once
    waiting: int = 1000  # calls that wait for a slot
    wait_seconds: float = 10.0  # longest wait for a slot, and for the rate limit
    rate: Rate | None = None
    retries: int = 3  # after the first try
    backoff: Backoff = Backoff()
    failures: int = 5  # in a row, until the breaker opens
    open_seconds: float = 2.0


class ErrorClass(NamedTuple):
    """What an error says: `failing`: the service is not well. `repeatable`: trying again can do no harm."""

    failing: bool
    repeatable: bool


Judge = Callable[[ServiceError], ErrorClass]


class BreakerFigures(msgspec.Struct, frozen=True):
    state: BreakerState
    failures_in_a_row: int
    retry_in: float  # seconds until a call is admitted


class GuardFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A guard as it stands, for people and metrics."""

    inside: int
    waiting: int
    max_connections: int
    retry_budget: float  # retries that could be made at once
    rate_delay: float  # seconds that the next call would wait
    breakers: dict[str, BreakerFigures]  # by key; "": the service as a whole


class Guard:
    """Guards the calls to one service. Memory is bounded: 256 breakers, `waiting` waiters, one rate window."""

    def __init__(self, name: str, policy: GuardPolicy, clock: Clock, rng: random.Random, hook: Hook = ignored) -> None:
        self.name = name
        self.policy = policy
        self._clock = clock
        self._rng = rng
        self._hook = hook
        self._bulkhead = Bulkhead(clock, policy.max_connections, policy.waiting)
        self._rate = RateLimit(policy.rate) if policy.rate else None
        self._budget = RetryBudget(now=clock.monotonic())
        self._breakers: dict[str, Breaker] = {}

    async def call(
        self,
        attempt: Callable[[int], Awaitable[T]],
        judge: Judge,
        *,
        key: str = "",
        first: int = 1,
        timeout: float | None = None,
    ) -> T:
        """What `attempt(number)` returns, tried as often as it may be; numbers count from `first`.

        `key` names what of the service has a breaker of its own (a model). `timeout` bounds one try in seconds; None:
        it bounds itself. Only a ServiceError is judged and tried again; anything else passes through at once.

        Raises:
            ServiceUnavailableError: `service_circuit_open`, `service_overloaded`, `service_throttled`: nothing was
                sent; `retry_after` says when to come back.
            ServiceError: of the last try.
        """
        breaker = self._breakers.get(key) or self._add_breaker(key)
        if breaker.state != "closed":
            self._check_open(breaker, key)
        if not self._bulkhead.enter_now() and not await self._bulkhead.enter(self.policy.wait_seconds):
            raise self._refusal(key, "service_overloaded", f"has {self.policy.max_connections} calls under way", 1.0)
        try:
            return await self._tries(breaker, attempt, judge, key, first, timeout)
        finally:
            self._bulkhead.leave()

    def is_open(self, key: str = "") -> bool:
        """Whether a call would be refused by its breaker now."""
        breaker = self._breakers.get(key)
        return breaker is not None and breaker.state != "closed" and breaker.retry_in(self._clock.monotonic()) > 0

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing is held against the service: forgetting it loses nothing."""
        return self._bulkhead.inside == 0 and all(breaker.state == "closed" for breaker in self._breakers.values())

    def figures(self) -> GuardFigures:
        now = self._clock.monotonic()
        return GuardFigures(
            inside=self._bulkhead.inside,
            waiting=self._bulkhead.waiting,
            max_connections=self.policy.max_connections,
            retry_budget=round(self._budget.balance(now), 3),
            rate_delay=self._rate.delay(now) if self._rate else 0.0,
            breakers={
                key: BreakerFigures(breaker.state, breaker.in_a_row, breaker.retry_in(now))
                for key, breaker in self._breakers.items()
            },
        )

    async def _tries(
        self,
        breaker: Breaker,
        attempt: Callable[[int], Awaitable[T]],
        judge: Judge,
        key: str,
        number: int,
        timeout: float | None,
    ) -> T:
        self._budget.deposit()
        last = number + self.policy.retries
        error: ServiceError | None = None
        while True:
            if self._rate is not None:
                await self._wait_for_rate(self._rate, key)
            ticket = self._admit(breaker, key, error)
            try:
                result = await (attempt(number) if timeout is None else self._bounded(attempt(number), timeout))
            except ServiceError as exc:
                error = exc
            except BaseException:
                breaker.withdrawn(ticket)
                raise
            else:
                self._succeeded(breaker, ticket, key)
                return result
            pause = self._after(breaker, ticket, judge(error), error, key, number, number < last)
            if pause is None:
                raise error
            await self._clock.sleep(pause)
            number += 1

    async def _bounded(self, tried: Awaitable[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await tried
        except TimeoutError as exc:
            raise ServiceTimeoutError(f"{self.name} did not answer within {seconds:g} seconds") from exc

    async def _wait_for_rate(self, limit: RateLimit, key: str) -> None:
        now = self._clock.monotonic()
        delay = limit.delay(now)
        if delay > self.policy.wait_seconds:
            raise self._refusal(key, "service_throttled", "has its rate limit reached", delay)
        limit.take(now)
        if delay > 0:
            await self._clock.sleep(delay)

    def _check_open(self, breaker: Breaker, key: str) -> None:
        wait = breaker.retry_in(self._clock.monotonic())
        if wait > 0:
            raise self._open_refusal(key, wait)

    def _admit(self, breaker: Breaker, key: str, error: ServiceError | None) -> int:
        if breaker.state == "closed":
            return breaker.generation
        now = self._clock.monotonic()
        before = breaker.state
        ticket = breaker.admit(now)
        if ticket is None:
            raise error or self._open_refusal(key, breaker.retry_in(now))
        self._tell(breaker, key, before)
        return ticket

    def _succeeded(self, breaker: Breaker, ticket: int, key: str) -> None:
        before = breaker.state
        breaker.succeeded(ticket)
        if breaker.state is not before:
            self._tell(breaker, key, before)

    def _after(
        self,
        breaker: Breaker,
        ticket: int,
        judged: ErrorClass,
        error: ServiceError,
        key: str,
        number: int,
        tries_left: bool,
    ) -> float | None:
        """Seconds until the next try; None: there is none."""
        before, now = breaker.state, self._clock.monotonic()
        if judged.failing:
            breaker.failed(ticket, now)
        else:
            breaker.succeeded(ticket)
        self._tell(breaker, key, before)
        if not (judged.repeatable and tries_left) or breaker.state != "closed":
            return None
        if not self._budget.withdraw(now):
            self._hook(RetryWithheld(self.name, key, error.code))
            return None
        pause = self.policy.backoff.pause(number, self._rng.random(), error.retry_after)
        self._hook(Retried(self.name, key, number, error.code, pause))
        return pause

    def _tell(self, breaker: Breaker, key: str, before: BreakerState) -> None:
        if breaker.state != before:
            self._hook(BreakerChanged(self.name, key, before, breaker.state))

    def _open_refusal(self, key: str, wait: float) -> ServiceUnavailableError:
        what = "failed again and again and is left alone for a moment"
        return self._refusal(key, "service_circuit_open", what, max(wait, 0.1))

    def _refusal(self, key: str, code: str, what: str, retry_after: float) -> ServiceUnavailableError:
        self._hook(CallRefused(self.name, key, code, retry_after))
        name = f"{self.name} ({key})" if key else self.name
        message = f"{name} {what}: try again in {retry_after:.1f} seconds"
        return ServiceUnavailableError(message, code=code, retry_after=retry_after)

    def _add_breaker(self, key: str) -> Breaker:
        if len(self._breakers) >= _MOST_KEYS:
            closed = (name for name, breaker in self._breakers.items() if breaker.state == "closed")
            del self._breakers[next(closed, next(iter(self._breakers)))]
        breaker = self._breakers[key] = Breaker(self.policy.failures, self.policy.open_seconds)
        return breaker
