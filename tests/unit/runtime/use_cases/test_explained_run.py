from __future__ import annotations

from journeyman import tool
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


@tool(effects="once", approval="args.amount > 5")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


async def test_the_condition_that_was_met_is_named() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"pay": {"amount": 9}}, "Paid.")), [pay]) as runtime:
        run = await runtime.start("Pay 9")
        assert (await runtime.runs.wait(run, 5)).status == "paused"
        first, *_ = (await runtime.runs.explanations("local", run)).items
        assert first.sentence == "It asked whether `pay` may run, since its condition was met: args.amount > 5"
