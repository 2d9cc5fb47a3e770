"""What a run does at its limits: how tokens count, and what it says in the end."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman import tool
from journeyman.agents.spec import OnReached
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

LOOKS = turns(*[{"look": {"name": f"no {number}"}} for number in range(9)], "Done.")
BIG = [{**turn, "usage": {"input_tokens": 20_000, "output_tokens": 10, "cached_tokens": 19_900}} for turn in LOOKS]


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


@pytest.mark.parametrize(
    ("limits", "asked", "stopped_by"),
    [
        ({}, 5, "tokens"),  # as 0.1 has stored it: five replies to a prompt of 20,000 tokens are its 100,000
        ({"on_reached": OnReached()}, 10, None),
        ({"on_reached": OnReached(), "tokens": 330}, 3, "tokens"),
        ({"on_reached": OnReached(), "tokens": None}, 10, None),
    ],
)
async def test_tokens_of_the_cache_count_in_runs_of_0_1_alone(
    limits: dict[str, Any], asked: int, stopped_by: str | None
) -> None:
    async with RuntimeInMemory(ScriptedModel(BIG), [look], **limits) as runtime:
        result = await runtime.runs.wait(await runtime.start("go"), 5)
        calls = (await runtime.types(result.run_id)).count("model_called")
    assert (result.status, result.stopped_by, calls) == ("finished", stopped_by, asked)
