"""Resources that a process has opened: each once, closed last opened first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.authoring.resources import resource

EVENTS: list[str] = []


@resource
def first() -> Iterator[str]:
    EVENTS.append("open first")
    yield "first"
    EVENTS.append("close first")


@resource
async def second() -> str:
    EVENTS.append("open second")
    await asyncio.sleep(0)
    if len(EVENTS) == 1:
        raise ConnectionError("not yet")
    return "second"


async def test_callers_at_the_same_time_share_one_opening() -> None:
    EVENTS.clear()
    opened = OpenResources()
    await opened.get(first)
    assert await asyncio.gather(opened.get(second), opened.get(second)) == ["second", "second"]
    assert EVENTS == ["open first", "open second"]
    await opened.aclose()
    assert EVENTS[-1] == "close first"


async def test_an_opening_that_failed_is_tried_again() -> None:
    EVENTS.clear()
    opened = OpenResources()
    with pytest.raises(ConnectionError):
        await opened.get(second)
    assert await opened.get(second) == "second"
