from __future__ import annotations

import pytest

from journeyman.errors import ResourceError
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.submission import MOST_WAITING
from journeyman.testing import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def test_beyond_the_bounded_queue_callers_are_told_at_once() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Here."))) as runtime:
        runtime.worker._backlog.update((f"run_{number}", False) for number in range(MOST_WAITING))
        with pytest.raises(ResourceError) as refused:
            await runtime.start("hello")
        assert (refused.value.code, refused.value.retry_after) == ("overloaded", 2)
        assert await runtime.journal.runs(RunFilter()) == [], "nothing was accepted"
        runtime.worker._backlog.popitem()
        await runtime.start("hello")
