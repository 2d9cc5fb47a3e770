from __future__ import annotations

import pytest

from journeyman.errors import ServiceError
from journeyman.events.messages import assistant, user
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.replay import ReplayModel

ASK = ModelRequest(model="replay:run_1", messages=(user("hi"),))


async def test_gives_the_recorded_replies_in_order_and_then_fails():
    replies = [ModelReply(message=assistant(text), model="gpt") for text in ("one", "two")]
    model = ReplayModel(replies)
    deltas: list[TextDelta] = []
    assert await model.call(ASK) == replies[0]
    assert await model.call(ASK, deltas.append) == replies[1]
    assert deltas == [TextDelta("two")]
    with pytest.raises(ServiceError, match="2 replies") as caught:
        await model.call(ASK)
    assert caught.value.code == "replay_exhausted"
    await model.aclose()
