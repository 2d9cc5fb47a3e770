"""A model that repeats the replies of a recorded run."""

from __future__ import annotations

import pytest

from journeyman.errors import ServiceError
from journeyman.events.messages import user
from journeyman.llm.client import ModelRequest
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.recorded_model import recorded_replies
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

REQUEST = ModelRequest(model="m", messages=(user("again"),))


async def test_the_replies_come_in_their_order() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"nope": {}}, "done"))) as runtime:
        run = await runtime.start("go")
        await runtime.runs.wait(run, 5)
        model = await recorded_replies(runtime.journal, run)
    first, second = await model.call(REQUEST), await model.call(REQUEST)
    assert [call.name for call in first.message.tool_calls] == ["nope"]
    assert (second.message.text, second.model) == ("done", f"replay:{run}")


async def test_a_run_that_is_not_there_cannot_be_replayed() -> None:
    async with RuntimeInMemory(ScriptedModel([])) as runtime:
        with pytest.raises(ServiceError) as caught:
            await recorded_replies(runtime.journal, "run_9")
    assert caught.value.code == "replay_unavailable"
