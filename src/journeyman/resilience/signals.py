"""What a guard did: frozen facts for logs and metrics. Counting and writing is the readers' work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

BreakerState = Literal["closed", "open", "half_open"]


class BreakerChanged(msgspec.Struct, frozen=True):
    """A breaker went from one state to another. `key` names what of the service it watches: a model, say."""

    guard: str
    key: str
    before: BreakerState
    state: BreakerState


class Retried(msgspec.Struct, frozen=True):
    """Try `attempt` failed with `code`; the next one follows after `pause` seconds."""

    guard: str
    key: str
    attempt: int
    code: str
    pause: float


class RetryWithheld(msgspec.Struct, frozen=True):
    """A try that might have been repeated was not: the retry budget is spent."""

    guard: str
    key: str
    code: str


class CallRefused(msgspec.Struct, frozen=True):
    """A call was not made: `code` says which bound refused it, `retry_after` in how many seconds to come back."""

    guard: str
    key: str
    code: str
    retry_after: float


Signal = BreakerChanged | Retried | RetryWithheld | CallRefused
Hook = Callable[[Signal], None]  # called on the event loop; must neither block nor raise


def ignored(signal: Signal) -> None:
    """The hook of whoever wants to hear nothing."""
