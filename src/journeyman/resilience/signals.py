"""Signals that a guard sends for logs and metrics: frozen facts about what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

BreakerState = Literal["closed", "open", "half_open"]


class BreakerChanged(msgspec.Struct, frozen=True):
    """A breaker changed its state. `key` is the part of the service that it watches, such as a model."""

    guard: str
    key: str
    before: BreakerState
    state: BreakerState


class Retried(msgspec.Struct, frozen=True):
    """Attempt number `attempt` failed with `code`; the next one follows after `pause` seconds."""

    guard: str
    key: str
    attempt: int
    code: str
    pause: float


class RetryWithheld(msgspec.Struct, frozen=True):
    """A call that could have been repeated was not, since the retry budget is used up."""

    guard: str
    key: str
    code: str


class CallRefused(msgspec.Struct, frozen=True):
    """A call was not made: `code` says which limit refused it, `retry_after` in how many seconds to try again."""

    guard: str
    key: str
    code: str
    retry_after: float


Signal = BreakerChanged | Retried | RetryWithheld | CallRefused
Hook = Callable[[Signal], None]  # called on the event loop; must neither block nor raise


def ignore_signal(signal: Signal) -> None:
    """Ignore a signal: the default hook."""
