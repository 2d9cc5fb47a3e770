"""The guard that every call to a service passes, which applies all limits in one order:

concurrency limit > rate limit > circuit breaker > retry > timeout.

While the breaker is open, a call is refused before it waits for anything. A retry keeps its slot but passes the rate
limit and the breaker again, since to the service each attempt is a request.
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
from journeyman.resilience.pace import Pace
from journeyman.resilience.rate_limit import Rate, RateLimit
from journeyman.resilience.retry import Backoff, RetryBudget
from journeyman.resilience.signals import (
    BreakerChanged,
    BreakerState,
    CallRefused,
    Hook,
    Retried,
    RetryWithheld,
    ignore_signal,
)

T = TypeVar("T")

_MAX_BREAKERS = 256  # per guard


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one service."""

    max_connections: int = 100  # concurrent calls
    waiting: int = 1000  # calls that may wait for a slot
    wait_seconds: float = 10.0  # longest wait for a slot, and for the rate limit
    rate: Rate | None = None
    retries: int = 3  # after the first attempt
    backoff: Backoff = Backoff()
    failures: int = 5  # that open the breaker, if they come within the window and few calls succeed between them
    open_seconds: float = 2.0
    window_seconds: float = 300.0
    waits_for_slot: bool = False  # whether a call waits for a slot for as long as its caller does
    paced: bool = False  # whether a 429 closes the service for all callers, and calls after it are paced
    first_rate: float = 20.0  # calls a second after that, doubled each second


class ErrorClass(NamedTuple):
    """The meaning of an error.

    `failing`: it counts as a failure of the service. `repeatable`: the call may be repeated without harm.
    """

    failing: bool
    repeatable: bool


Classify = Callable[[ServiceError], ErrorClass]


class BreakerFigures(msgspec.Struct, frozen=True):
    """The state of a circuit breaker at one moment."""

    state: BreakerState
    failures: int  # that count towards its opening
    retry_in: float  # seconds until a call is admitted


class GuardFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a guard at one moment, for the debug page and metrics."""

    inside: int  # calls that hold a slot
    waiting: int  # calls that wait for a slot
    max_connections: int
    retry_budget: float  # retries that may be made at once
    rate_delay: float  # seconds that the next call would wait
    breakers: dict[str, BreakerFigures]  # by key; "": the service as a whole


class Guard:
    """The guard of one service. Its memory is bounded: 256 breakers, `policy.waiting` waiters, one rate window."""

    def __init__(
        self, name: str, policy: GuardPolicy, clock: Clock, rng: random.Random, hook: Hook = ignore_signal
    ) -> None:
        self.name = name
        self.policy = policy
        self._clock = clock
        self._rng = rng
        self._hook = hook
        self._bulkhead = Bulkhead(clock, policy.max_connections, policy.waiting)
        self._rate = RateLimit(policy.rate) if policy.rate else None
        self._budget = RetryBudget(now=clock.monotonic())
        self._breakers: dict[str, Breaker] = {}
        self._paces: dict[str, Pace] = {}  # by key, while calls are paced
        self._common: Pace | None = None  # of keys that have none, after a start

    async def call(
        self,
        attempt: Callable[[int], Awaitable[T]],
        classify: Classify,
        *,
        key: str = "",
        first: int = 1,
        timeout: float | None = None,
    ) -> T:
        """Call `attempt(number)` until it succeeds or may not be repeated, and return its result.

        Only a ServiceError is classified and retried; any other exception passes through at once.

        Args:
            attempt: Makes one attempt; its argument counts the attempts from `first`.
            classify: Says what an error means.
            key: The part of the service that has a separate breaker, such as a model.
            first: The number of the first attempt.
            timeout: Seconds for one attempt; None: the attempt has a limit itself.

        Raises:
            ServiceUnavailableError: `service_circuit_open`, `service_overloaded` or `service_throttled`: nothing was
                sent, and `retry_after` says when to try again.
            ServiceError: The error of the last attempt.
        """
        breaker = self._breakers.get(key) or self._add_breaker(key)
        if breaker.state != "closed":
            self._check_open(breaker, key)
        if not self._bulkhead.enter_now() and not await self._bulkhead.enter(self._slot_seconds):
            raise self._refused(key, "service_overloaded", f"has {self.policy.max_connections} calls under way", 1.0)
        try:
            return await self._attempt_repeatedly(breaker, attempt, classify, key, first, timeout)
        finally:
            self._bulkhead.leave()

    @property
    def _slot_seconds(self) -> float | None:
        return None if self.policy.waits_for_slot else self.policy.wait_seconds

    def begin_slowly(self) -> None:
        """Pace the calls from now on: many runs go on at the same time after a start."""
        if self.policy.paced:
            self._common = Pace(self.policy.first_rate, self._clock.monotonic())

    def closed_for(self) -> float:
        """Return the seconds until the service takes calls of every key again, as it has said itself."""
        now = self._clock.monotonic()
        return max((pace.closed_for(now) for pace in self._paces.values()), default=0.0)

    def is_open(self, key: str = "") -> bool:
        """Return whether the breaker of `key` would refuse a call now."""
        breaker = self._breakers.get(key)
        return breaker is not None and breaker.state != "closed" and breaker.retry_in(self._clock.monotonic()) > 0

    @property
    def idle(self) -> bool:
        """Whether the guard has no calls and no failures, so that dropping it loses nothing."""
        return self._bulkhead.inside == 0 and all(breaker.state == "closed" for breaker in self._breakers.values())

    def figures(self) -> GuardFigures:
        """Return the current state of the guard."""
        now = self._clock.monotonic()
        return GuardFigures(
            inside=self._bulkhead.inside,
            waiting=self._bulkhead.waiting,
            max_connections=self.policy.max_connections,
            retry_budget=round(self._budget.balance(now), 3),
            rate_delay=self._rate.delay(now) if self._rate else 0.0,
            breakers={
                key: BreakerFigures(breaker.state, breaker.failures(now), breaker.retry_in(now))
                for key, breaker in self._breakers.items()
            },
        )

    async def _attempt_repeatedly(
        self,
        breaker: Breaker,
        attempt: Callable[[int], Awaitable[T]],
        classify: Classify,
        key: str,
        number: int,
        timeout: float | None,
    ) -> T:
        self._budget.deposit()
        last = number + self.policy.retries
        error: ServiceError | None = None
        while True:
            if self._paces or self._common is not None:
                await self._wait_for_turn(key, error)
            if self._rate is not None:
                await self._wait_for_rate(self._rate, key)
            ticket = self._admit(breaker, key, error)
            try:
                result = await (attempt(number) if timeout is None else self._with_timeout(attempt(number), timeout))
            except ServiceError as exc:
                error = exc
            except BaseException:
                breaker.withdrawn(ticket)
                raise
            else:
                self._record_success(breaker, ticket, key)
                return result
            pause = self._pause_after(breaker, ticket, classify(error), error, key, number, number < last)
            if pause is None:
                raise error
            if pause > 0:
                await self._clock.sleep(pause)
            number += 1

    async def _with_timeout(self, attempt: Awaitable[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await attempt
        except TimeoutError as exc:
            raise ServiceTimeoutError(f"{self.name} did not answer within {seconds:g} seconds") from exc

    async def _wait_for_rate(self, limit: RateLimit, key: str) -> None:
        now = self._clock.monotonic()
        delay = limit.delay(now)
        if delay > self.policy.wait_seconds:
            raise self._refused(key, "service_throttled", "has its rate limit reached", delay)
        limit.take(now)
        if delay > 0:
            await self._clock.sleep(delay)

    async def _wait_for_turn(self, key: str, error: ServiceError | None) -> None:
        """Wait for the call's turn while calls are paced. Raises if the service is closed for longer than that."""
        while (pace := self._pace_of(key)) is not None:
            closed = pace.closed_for(self._clock.monotonic())
            if closed > self.policy.wait_seconds:
                raise error or self._refused(key, "service_throttled", "wants no calls for a time", closed)
            delay, refusals = pace.take_turn(self._clock.monotonic()), pace.refusals
            if delay > 0:
                await self._clock.sleep(delay)
            if pace.refusals == refusals:  # else the service was closed while this call waited
                return

    def _pace_of(self, key: str) -> Pace | None:
        """Return the pace of this key's calls, None if they have none any more."""
        now = self._clock.monotonic()
        if self._common is not None and self._common.is_over(now):
            self._common = None
        pace = self._paces.get(key)
        if pace is not None and pace.is_over(now):
            del self._paces[key]
            pace = None
        return pace or self._common

    def _close(self, key: str, seconds: float) -> None:
        """Close the service for the calls of this key, since it refused one for their number."""
        now = self._clock.monotonic()
        if key not in self._paces:
            if len(self._paces) >= _MAX_BREAKERS:
                del self._paces[next(iter(self._paces))]
            self._paces[key] = Pace(self.policy.first_rate, now)
        self._paces[key].refused(now, seconds)

    def _check_open(self, breaker: Breaker, key: str) -> None:
        wait = breaker.retry_in(self._clock.monotonic())
        if wait > 0:
            raise self._circuit_open(key, wait)

    def _admit(self, breaker: Breaker, key: str, error: ServiceError | None) -> int:
        if breaker.state == "closed":
            return breaker.generation
        now = self._clock.monotonic()
        before = breaker.state
        ticket = breaker.admit(now)
        if ticket is None:
            raise error or self._circuit_open(key, breaker.retry_in(now))
        self._report_change(breaker, key, before)
        return ticket

    def _record_success(self, breaker: Breaker, ticket: int, key: str) -> None:
        before = breaker.state
        breaker.succeeded(ticket)
        if breaker.state is not before:
            self._report_change(breaker, key, before)
            if self.policy.paced and key not in self._paces:
                self._paces[key] = Pace(self.policy.first_rate, self._clock.monotonic())

    def _pause_after(
        self,
        breaker: Breaker,
        ticket: int,
        error_class: ErrorClass,
        error: ServiceError,
        key: str,
        number: int,
        may_retry: bool,
    ) -> float | None:
        """Record a failed attempt and return the seconds until the next one. None: there is no next attempt."""
        before, now = breaker.state, self._clock.monotonic()
        if error_class.failing:
            breaker.failed(ticket, now)
        else:
            breaker.succeeded(ticket)
        self._report_change(breaker, key, before)
        if self.policy.paced and error.status == 429:
            pause = self.policy.backoff.pause(number, self._rng.random(), error.retry_after)
            self._close(key, pause)
            if error_class.repeatable and may_retry:
                self._hook(Retried(self.name, key, number, error.code, pause))
                return 0.0
            return None
        if not (error_class.repeatable and may_retry) or breaker.state != "closed":
            return None
        if not self._budget.withdraw(now):
            self._hook(RetryWithheld(self.name, key, error.code))
            return None
        pause = self.policy.backoff.pause(number, self._rng.random(), error.retry_after)
        self._hook(Retried(self.name, key, number, error.code, pause))
        return pause

    def _report_change(self, breaker: Breaker, key: str, before: BreakerState) -> None:
        if breaker.state != before:
            self._hook(BreakerChanged(self.name, key, before, breaker.state))

    def _circuit_open(self, key: str, wait: float) -> ServiceUnavailableError:
        what = "failed again and again and is left alone for a moment"
        return self._refused(key, "service_circuit_open", what, max(wait, 0.1))

    def _refused(self, key: str, code: str, what: str, retry_after: float) -> ServiceUnavailableError:
        self._hook(CallRefused(self.name, key, code, retry_after))
        name = f"{self.name} ({key})" if key else self.name
        message = f"{name} {what}: try again in {retry_after:.1f} seconds"
        return ServiceUnavailableError(message, code=code, retry_after=retry_after)

    def _add_breaker(self, key: str) -> Breaker:
        if len(self._breakers) >= _MAX_BREAKERS:
            closed = (name for name, breaker in self._breakers.items() if breaker.state == "closed")
            del self._breakers[next(closed, next(iter(self._breakers)))]
        policy = self.policy
        breaker = self._breakers[key] = Breaker(policy.failures, policy.open_seconds, policy.window_seconds)
        return breaker
