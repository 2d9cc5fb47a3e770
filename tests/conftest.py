"""Settings of every test: no bounds on wall time, little garbage collection, and how the doses of `make` are made.

Hypothesis would bound the wall time of each example, which fails on a busy machine. A test of speed measures CPU time.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

TEARDOWN_SECONDS = 60
FEW = 10  # examples
ARCHITECTURE = "tests/architecture/"
ONLY_ALONE = "alone and not long"  # the `-m` of the second part of `make test`

gc.set_threshold(100_000, 20, 100)  # collecting and running the tests leaves little garbage and keeps many objects

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--examples`. `make test` runs the first half of the examples of Hypothesis, `make test-long` the others.

    `make unit` runs a few.
    """
    parser.addoption("--examples", choices=("all", "first", "rest", "few"), default="all")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip test files without a test that runs alone, if only those run: importing all of them takes 4 s of CPU."""
    if config.option.markexpr != ONLY_ALONE or not collection_path.name.startswith("test_"):
        return None
    return True if collection_path.is_file() and "mark.alone" not in collection_path.read_text() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the unit tests last and divide the examples of Hypothesis tests between `make test` and `make test-long`.

    Small files at the end keep all processes busy. A test marked `long` keeps all of its examples. A derandomized one
    makes the same examples each time: `make test` runs all of them. In CI, Hypothesis derandomizes every test.
    """
    items.sort(key=lambda item: "/unit/" in item.nodeid)
    part = config.option.examples
    if part == "all":
        return
    done = []
    for item in items:
        test = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if item.get_closest_marker("long"):
            continue
        if own is None or own.derandomize or own.max_examples == 1:
            done += [item] if part == "rest" else []
            continue
        first = (own.max_examples + 1) // 2
        count = {"first": first, "rest": own.max_examples - first, "few": min(first, FEW)}[part]
        test._hypothesis_internal_use_settings = settings(own, max_examples=count)
    items[:] = [item for item in items if item not in done]
    config.hook.pytest_deselected(items=done)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute tests by file and in their order, and `tests/architecture` as one: its files share syntax trees."""
    from xdist.scheduler import LoadFileScheduling  # optional: not every run is distributed

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return ARCHITECTURE if nodeid.startswith(ARCHITECTURE) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


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
