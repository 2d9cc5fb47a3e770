"""The guards' facts as log lines. A refused call writes none: its run says that it failed, and why."""

from __future__ import annotations

import logging

from journeyman.resilience.signals import BreakerChanged, Retried, RetryWithheld, Signal

_LOG = logging.getLogger(__name__)


def log_signal(signal: Signal) -> None:
    """Write what people want to read of it."""
    match signal:
        case BreakerChanged(guard, key, before, state):
            level = logging.WARNING if state == "open" else logging.INFO
            facts = {"guard": guard, "key": key, "before": before, "state": state}
            _LOG.log(level, "breaker of %s is %s", f"{guard} ({key})" if key else guard, state, extra=facts)
        case Retried(guard, key, attempt, code, pause):
            tried = {"guard": guard, "key": key, "attempt": attempt, "code": code}
            _LOG.info("try %d at %s failed, the next in %.1f seconds", attempt, guard, pause, extra=tried)
        case RetryWithheld(guard, key, code):
            facts = {"guard": guard, "key": key, "code": code}
            _LOG.debug("the retry budget of %s is spent", guard, extra=facts)
