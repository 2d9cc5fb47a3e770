from __future__ import annotations

import pytest

from journeyman.errors import ResourceError
from journeyman.events.messages import user
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.requests import StartRun
from journeyman.runtime.use_cases.submission import MOST_WAITING, Backlog
from journeyman.testing import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def test_beyond_the_bounded_queue_callers_are_told_at_once() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Here."))) as runtime:
        for number in range(MOST_WAITING):
            runtime.worker._backlog.put(f"owner_{number % 7}", f"run_{number}")
        with pytest.raises(ResourceError) as refused:
            await runtime.start("hello")
        assert (refused.value.code, refused.value.retry_after) == ("overloaded", 2)
        assert await runtime.journal.runs(RunFilter()) == [], "nothing was accepted"
        runtime.worker._backlog.discard("run_0")
        await runtime.start("hello")


async def test_one_principal_does_not_fill_the_queue_of_all() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Here."))) as runtime:
        for number in range(Backlog().share):
            runtime.worker._backlog.put("greedy", f"run_{number}")
        with pytest.raises(ResourceError, match="of your runs"):
            await runtime.runs.start("greedy", StartRun(input=user("hello")))
        await runtime.runs.start("other", StartRun(input=user("hello")))
