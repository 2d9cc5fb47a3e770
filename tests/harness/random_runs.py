"""Courses that a run may take: replies, parallel calls, failures, approvals, limits, typed answers, cancels, forks."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec

from journeyman import ToolContext, tool
from journeyman.agents.agent import BaseAgent
from journeyman.agents.output import OutputSchema
from journeyman.agents.prompt import Prompt
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, LimitAsk, OnReached, Output
from journeyman.agents.toolset import Toolset
from journeyman.errors import BaseError
from journeyman.events.fold import AgentState
from journeyman.events.messages import user
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, MessageEdit, StartRun
from journeyman.tools.tool import ToolRetry
from tests.harness.runtime_in_memory import RuntimeInMemory


@tool(effects="none")
async def look(at: int) -> dict[str, int]:
    """Look."""
    await asyncio.sleep(0)
    return {"seen": at}


@tool(effects="idempotent")
async def note(text: str, ctx: ToolContext) -> str:
    """Note something in both contexts."""
    await ctx.context.patch(thread={"note": text})
    await ctx.context.patch(global_={"last": text})
    return text


@tool(effects="none")
async def slow(turns: int) -> str:
    """Come late."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return f"{turns} turns later"


@tool(effects="none")
async def broken() -> str:
    """Fail."""
    raise ValueError("it broke\nin two lines")


@tool(effects="idempotent", retries=2)
async def shaky(ctx: ToolContext) -> str:
    """Fail once."""
    SHAKEN[ctx.idempotency_key] = SHAKEN.get(ctx.idempotency_key, 0) + 1
    if SHAKEN[ctx.idempotency_key] < 2:
        raise ToolRetry(after=0)
    return "held"


@tool(effects="once", approval="always")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


@tool(effects="once", on_unknown="ask", timeout_seconds=0.001)
async def late() -> str:
    """Never answer in time."""
    await asyncio.sleep(10)
    return "never"


ASK = LimitAsk(ask=True, up_to=3)
LIMITS: dict[int, dict[str, Any]] = {
    2: {"steps": 2},
    3: {"tool_calls": 2},
    4: {"steps": 1, "tool_calls": 1, "on_reached": OnReached(steps=ASK, tool_calls=ASK)},
    5: {"steps": 2, "on_reached": OnReached(steps=ASK)},
}
SHAKEN: dict[str, int] = {}
NAMES = ("look", "look", "note", "slow", "slow", "broken", "shaky", "pay", "late", "nope")
TOOLS = (look, note, slow, broken, shaky, pay, late)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class RandomRuns(RuntimeInMemory):
    """A runtime whose agent has a prompt, and where asked an output schema."""

    def __init__(self, model: ScriptedModel, output: bool = False, **limits: Any) -> None:
        super().__init__(model, TOOLS, **limits)
        self.output = output

    def spec(self) -> AgentSpec:
        spec = msgspec.structs.replace(super().spec(), prompt="Help {{ context.thread.name | default('them') }}.\nNow.")
        return msgspec.structs.replace(spec, output=Output(schema=SCHEMA)) if self.output else spec

    def build(self, spec: AgentSpec) -> ReactAgent:
        prompt = Prompt(spec.prompt)

        def render(state: AgentState) -> str:
            return prompt.render(
                agent={"name": spec.name},
                thread=state.thread_context,
                global_=state.global_context,
                now=state.started_at,
            )

        check = OutputSchema(spec.output.schema).check if spec.output else None
        return ReactAgent(spec, Toolset(spec.tools, self.registry.check_arguments), render, check)

    def now(self, **changes: Any) -> BaseAgent:
        """The agent of today, changed."""
        return self.build(msgspec.structs.replace(self.spec(), **changes))


def arguments(name: str, rng: random.Random) -> dict[str, Any] | str:
    match name:
        case "look":
            return rng.choice([{"at": rng.randrange(9)}, {"at": "no number"}, "not json"])
        case "note":
            return {"text": rng.choice(["a", "- b: |", "c\n d\n", "ü€😀", "", "no"])}
        case "slow":
            return {"turns": rng.randrange(12)}
        case "pay":
            return {"amount": rng.randrange(100)}
        case _:
            return {}


def script(rng: random.Random, output: bool) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for _ in range(rng.randrange(4)):
        names = rng.choices(NAMES, k=rng.randrange(1, 4))
        calls = [{"name": name, "arguments": arguments(name, rng)} for name in names]
        usage = {"input_tokens": rng.randrange(50), "output_tokens": 3, "cost_usd": 0.25}
        turns.append({"text": rng.choice(["", "I look."]), "tool_calls": calls, "usage": usage})
    if rng.random() < 0.1:
        return [*turns, {"error": "500"}]
    wrong = [{"text": "no json"}] * rng.randrange(4) if output else []
    return [*turns, *wrong, {"text": '{"n": 1}' if output else "Done: all is well.\nBye."}]


async def random_run(seed: int) -> tuple[RandomRuns, str]:
    """A runtime, entered, and a run in it that has ended or rests."""
    rng = random.Random(seed)
    output = seed % 5 == 1
    limits = LIMITS.get(seed % 7, {})
    turns = [*script(rng, False), *script(rng, output), *script(rng, output), *script(rng, output)]
    runtime = RandomRuns(ScriptedModel(turns), output, **limits)
    await runtime.__aenter__()
    run = await begin(runtime, rng, "First.")
    run = await begin(runtime, rng, "Then:\n  more.")
    if seed % 4 == 0:
        run = await forked(runtime, rng, run)
    return runtime, run


async def begin(runtime: RandomRuns, rng: random.Random, text: str) -> str:
    context = {"name": rng.choice(["Ann", "Bo"])} if rng.random() < 0.5 else None
    started = await runtime.runs.start(
        "local", StartRun(input=user(text), thread_id="t", context=context, stream=rng.random() < 0.5)
    )
    await through(runtime, rng, started.run_id)
    return started.run_id


async def through(runtime: RandomRuns, rng: random.Random, run: str) -> None:
    """To its end, with answers, a restart or a cancel on the way."""
    for _ in range(12):
        result = await runtime.runs.wait(run, 5)
        if result.status != "paused":
            return
        if rng.random() < 0.1:
            await runtime.runs.cancel("local", run)
            continue
        answers = [
            HumanAnswer(approval=row.id, decision=rng.choice(row.decisions), result=None) for row in result.approvals
        ]
        await runtime.runs.answer("local", run, answers if rng.random() < 0.5 else answers[:1])
    raise AssertionError(f"{run} does not come to an end")


async def forked(runtime: RandomRuns, rng: random.Random, parent: str) -> str:
    row = await runtime.runs.get("local", parent)
    edits = (MessageEdit(content=user("Other.").content, replace=1), MessageEdit(content=user("More.").content))
    for at in rng.sample(range(1, row.last_seq + 1), row.last_seq):
        try:
            request = ForkRun(run_id=parent, at=at, messages=edits[: rng.randrange(3)], context={"name": "Fay"})
            started = await runtime.forks.fork("local", request)
        except BaseError:  # not every event can be forked at
            continue
        await through(runtime, rng, started.run_id)
        return started.run_id
    return parent
