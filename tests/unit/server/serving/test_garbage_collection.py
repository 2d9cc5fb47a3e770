"""The garbage collector of a served process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from journeyman.server.serving.garbage_collection import FrozenObjects, collect_seldom


class Node:
    """An object that refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.freeze()  # as after the collection of the tests


def test_the_collector_runs_seldom() -> None:
    collect_seldom()
    before = [generation["collections"] for generation in gc.get_stats()]
    kept = [[number] for number in range(100_000)]
    after = [generation["collections"] for generation in gc.get_stats()]
    assert len(kept) == 100_000
    assert after[0] - before[0] <= 3
    assert after[2] == before[2]


def test_what_is_alive_is_exempt_and_a_reload_frees_what_was() -> None:
    collect_seldom()
    reloads: list[object] = [None]
    garbage, definition = weakref.ref(Node()), Node()
    released = weakref.ref(definition)
    frozen = FrozenObjects(lambda: reloads[-1])
    del definition
    assert garbage() is None
    frozen.renew_after_reload()
    assert released() is not None  # no reload yet
    reloads.append(object())
    frozen.renew_after_reload()
    assert released() is None
    assert gc.get_freeze_count() > 1000
