from __future__ import annotations

import pytest

from journeyman.errors import ResourceError
from journeyman.journal.journal import RunFilter
from journeyman.runtime.use_cases.submission import MOST_WAITING
from journeyman.testing import ScriptedModel
from tests.harness.runtime_in_memory import Rig, turns


async def test_beyond_the_bounded_queue_callers_are_told_at_once() -> None:
    async with Rig(ScriptedModel(turns("Here."))) as rig:
        rig.worker._backlog.update((f"run_{number}", False) for number in range(MOST_WAITING))
        with pytest.raises(ResourceError) as refused:
            await rig.start("hello")
        assert (refused.value.code, refused.value.retry_after) == ("overloaded", 2)
        assert await rig.journal.runs(RunFilter()) == [], "nothing was accepted"
        rig.worker._backlog.popitem()
        await rig.start("hello")
