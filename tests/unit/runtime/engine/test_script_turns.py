from __future__ import annotations

import asyncio
from collections.abc import Container

from journeyman.events.messages import user
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.client import ModelRequest
from journeyman.runtime.engine.script_turns import ScriptTurns, has_turns

REQUEST = ModelRequest(model="script:a", messages=(user("hi"),))


async def next_turn(request: ModelRequest, used: Container[int]) -> int | None:
    """Two turns; the script `c` cannot be opened."""
    await asyncio.sleep(0)
    if request.model == "script:c":
        return None
    return next((number for number in (1, 2) if number not in used), 0)


async def test_calls_at_the_same_time_take_turns_in_their_order_and_each_script_has_its_own() -> None:
    journal = MemoryJournal()
    await journal.open()
    turns = ScriptTurns(journal, next_turn).of_run("run_1")
    other = ModelRequest(model="script:b", messages=())
    closed = ModelRequest(model="script:c", messages=())
    asked = [REQUEST, REQUEST, other, REQUEST, closed]
    taken = await asyncio.gather(*map(turns.with_turn, asked))
    assert [request.turn for request in taken] == [1, 2, 1, 0, None]


def test_only_scripts_and_recordings_have_turns() -> None:
    models = ("script:a", "replay:run_1", "offline", "gpt-5-mini")
    assert [has_turns(ModelRequest(model=name, messages=())) for name in models] == [True, True, False, False]
