"""Settings of every test: no bounds on wall time, little garbage collection, and a bound on teardowns.

Hypothesis would bound the wall time of each example, which fails on a busy machine. A test of speed measures CPU time.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

TEARDOWN_SECONDS = 60

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Exempt the collected tests from garbage collection: each pass would look through all of them in vain."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Bound the teardown of a test that failed.

    pytest-timeout drops its timer at a failure, and a task that never ends would hold up the whole run.
    """
    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        return (yield)
    signal.signal(signal.SIGALRM, lambda signum, frame: pytest.fail(f"teardown took over {TEARDOWN_SECONDS} seconds"))
    signal.alarm(TEARDOWN_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
