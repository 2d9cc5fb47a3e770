"""A run of a graph is forked at each of its events and ends as its parent did; its rows say what its events say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec

from journeyman import tool
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.errors import StateError, ValidationError
from journeyman.events.messages import assistant
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, RunResult
from tests.harness.runtime_in_memory import RuntimeInMemory
from tests.harness.stepped_graph_runtime import edge, graph, graph_agent, node

SHAPE = graph(
    node("plan", prompt="Plan."),
    node("score", "function"),
    node("review", "approval", message="Go on?"),
    node("sum", prompt="Sum."),
    edge("plan", "score review"),
    edge("review score", "sum"),
    edge("sum", "end"),
)


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


async def score(ctx: Any) -> dict[str, Any]:
    seen = await ctx.call_tool("look", {"name": "A"})
    return {"seen": seen, "thought": await ctx.call_model("Think.", system="Think.")}


class Words:
    """Says who speaks, and how much it sees."""

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        return ModelReply(message=assistant(f"{request.messages[0].text} {len(request.messages)}"), model="m")

    async def aclose(self) -> None: ...


class Walking(RuntimeInMemory):
    def spec(self) -> AgentSpec:
        tools = tuple(tool.spec for tool in self.registry.tools.values())
        model = ModelSettings(name="m")
        return AgentSpec(type="custom_react_agent", name="test", model=model, tools=tools, limits=Limits(), graph=SHAPE)

    def build(self, spec: AgentSpec) -> BaseAgent:  # type: ignore[override]
        return graph_agent(spec, {"score": score})

    async def ended(self, run: str) -> RunResult:
        """To its end; every question is answered with yes."""
        result = await self.runs.wait(run, 5)
        while result.status == "paused":
            (asked,) = [row for row in await self.journal.approvals(None) if row.run == run]
            await self.runs.answer("local", run, [HumanAnswer(approval=asked.id, decision="approve")])
            result = await self.runs.wait(run, 5)
        return result


async def test_a_fork_at_any_event_ends_as_its_parent(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    async with Walking(Words(), (look,), journal) as runtime:
        parent = await runtime.start("go", "t")
        expected = await runtime.ended(parent)
        assert (expected.status, expected.response) == ("finished", "Sum. 3")
        texts = [message.text for message in (await runtime.runs.state("local", parent)).messages]
        forks = 0
        for at in range(2, expected.last_seq):
            try:
                child = (await runtime.forks.fork("local", ForkRun(run_id=parent, at=at))).run_id
            except (StateError, ValidationError):  # its last events: there is nothing left to go on with
                continue
            result, state = await runtime.ended(child), await runtime.runs.state("local", child)
            assert (result.status, result.response) == ("finished", expected.response), (at, result.error)
            assert [message.text for message in state.messages] == texts, at
            assert state.thread_context == {"seen": "A is there", "thought": "Think. 2"}, at
            forks += 1
        assert forks > 20
    await journal.close()
    assert list(differences(apsw.Connection(str(tmp_path / "journal.db")))) == []


SIGNED: list[str] = []


@tool(effects="idempotent", approval="always")
async def sign(paper: str) -> str:
    """Sign."""
    SIGNED.append(paper)
    return "signed"


async def signing(ctx: Any) -> dict[str, Any]:
    return {"seen": await ctx.call_tool("sign", {"paper": "A"})}


class Signing(Walking):
    def spec(self) -> AgentSpec:
        shape = graph(
            node("signing", "function"), node("sum", prompt="Sum."), edge("signing", "sum"), edge("sum", "end")
        )
        return msgspec.structs.replace(super().spec(), graph=shape)

    def build(self, spec: AgentSpec) -> BaseAgent:  # type: ignore[override]
        return graph_agent(spec, {"signing": signing})


async def test_a_fork_of_what_code_was_allowed_asks_again() -> None:
    async with Signing(Words(), (sign,)) as runtime:
        parent = await runtime.start("go")
        assert (await runtime.ended(parent)).status == "finished"
        types = await runtime.types(parent)
        for at in range(2, types.index("tool_call_finished") + 1):
            SIGNED.clear()
            child = (await runtime.forks.fork("local", ForkRun(run_id=parent, at=at))).run_id
            paused = await runtime.runs.wait(child, 5)
            assert (paused.status, SIGNED) == ("paused", []), (at, types[at - 1])
            assert (await runtime.ended(child)).status == "finished"
            assert SIGNED == ["A"], (at, types[at - 1])
