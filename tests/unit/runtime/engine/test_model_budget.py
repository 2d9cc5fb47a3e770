"""Model calls under shared budgets: their cost is reserved before the call and settled after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.errors import QueueFullError, ResourceError
from journeyman.events.events import BudgetWarned, HistorySummarized, LimitReached, ModelCalled
from journeyman.events.messages import user
from journeyman.events.quota import Quota, Reservation
from journeyman.journal.journal import ApiKeyRow, Batch
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.prices import Price, Prices
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.model_budget import REPLY_TOKENS
from journeyman.runtime.use_cases.requests import BilledKey, IdempotencyKey, StartRun
from tests.harness.runtime_in_memory import RuntimeInMemory
from tests.harness.stepped_graph_runtime import edge, graph, graph_agent, node
from tests.unit.runtime.test_summaries import Summing

PRICES = Prices({"scripted": Price(1.0, 10.0)})  # a reply of 4,096 tokens is about 0.041 dollars


def reply(text: str = "ok", cost_usd: float = 0.02, **more: Any) -> Mapping[str, Any]:
    return {"text": text, "usage": {"input_tokens": 100, "output_tokens": 20, "cost_usd": cost_usd}, **more}


async def events_of(runtime: RuntimeInMemory, run: str, kind: type[Any]) -> list[Any]:
    return [entry.event for entry in await runtime.journal.read(run) if isinstance(entry.event, kind)]


async def keyed(runtime: RuntimeInMemory, quota: Quota) -> BilledKey:
    row = ApiKeyRow(id="k1", name="k", principal="local", hash="", scopes=("run",), created_at=1, quota=quota)
    await runtime.journal.commit(Batch(at=1, appends=(), api_keys=(row,)))
    return BilledKey("k1", quota)


async def test_without_quotas_nothing_is_reserved() -> None:
    async with RuntimeInMemory(ScriptedModel([reply()]), prices=PRICES) as runtime:
        run = await runtime.start("hi")
        await runtime.runs.wait(run, 5)
        assert [event.reserved for event in await events_of(runtime, run, ModelCalled)] == [None]


async def test_each_call_names_its_reservation_and_every_budget_is_charged() -> None:
    model = ScriptedModel([reply(), reply(usage={"input_tokens": 50, "output_tokens": 0})])
    async with RuntimeInMemory(
        model, of_each=Quota(usd_per_day=5.0), of_agent=Quota(tokens_per_day=9000), prices=PRICES
    ) as runtime:
        payer = await keyed(runtime, Quota(usd_per_day=1.0))
        for _ in range(2):
            run = await runtime.start("hi", payer=payer)
            assert (await runtime.runs.wait(run, 5)).response == "ok"
        [called] = await events_of(runtime, run, ModelCalled)
        day = runtime.clock.now() // 86_400_000_000
        tokens = called.reserved.tokens
        assert REPLY_TOKENS < tokens < REPLY_TOKENS + 20
        dollars = pytest.approx((tokens - REPLY_TOKENS + 10 * REPLY_TOKENS) / 1e6)
        names = ("principal:local", "agent:test", "key:k1")
        assert called.reserved == Reservation(names, day, tokens, dollars)
        for name in names:
            assert await runtime.journal.used(name, day) == (170, 0.02)  # a script costs nothing that it does not say


async def test_a_budget_that_is_used_up_ends_the_run_and_turns_the_next_away() -> None:
    model = ScriptedModel([reply("", 0.9, tool_calls=[{"name": "nope", "arguments": {}}]), reply("", 0.2)])
    async with RuntimeInMemory(model, of_each=Quota(usd_per_day=0.9), prices=PRICES) as runtime:
        run = await runtime.start("hi")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "usd_per_day")
        assert await events_of(runtime, run, LimitReached) == [
            LimitReached(limit="usd_per_day", value=0.9, budget="principal:local")
        ]
        assert len(model.requests) == 1
        with pytest.raises(ResourceError) as refused:
            await runtime.start("again")
        assert refused.value.code == "quota_exhausted"
        after_a_restart = Budgets(
            runtime.journal, runtime.clock, runtime.of_each
        )  # the journal alone knows what was used
        with pytest.raises(ResourceError):
            await after_a_restart.check(after_a_restart.scopes("local", None, Quota()))
        await after_a_restart.check(after_a_restart.scopes("bob", None, Quota()))


async def test_a_request_that_was_accepted_is_answered_when_it_is_repeated() -> None:
    async with RuntimeInMemory(
        ScriptedModel([reply("ok", 2.0)]), of_each=Quota(usd_per_day=1.0), prices=PRICES
    ) as runtime:
        request = StartRun(input=user("hi"), key=IdempotencyKey("/process", "k", "h"))
        first = await runtime.runs.start("local", request)
        await runtime.runs.wait(first.run_id, 5)
        again = await runtime.runs.start("local", request)
        assert (again.run_id, again.replayed) == (first.run_id, True)


async def test_the_warning_stands_before_the_call_that_it_is_about() -> None:
    async with RuntimeInMemory(
        ScriptedModel([reply("one", 0.9), reply("two", 0.01)]), of_each=Quota(usd_per_day=1.0)
    ) as runtime:
        await runtime.runs.wait(await runtime.start("a"), 5)
        run = await runtime.start("b")
        await runtime.runs.wait(run, 5)
        [warned] = await events_of(runtime, run, BudgetWarned)
        assert (warned.budget, warned.used, warned.limit) == ("usd_per_day principal:local", 0.9, 1.0)
        types = await runtime.types(run)
        assert types.index("budget_warned") == types.index("model_called") - 1


async def test_an_unknown_price_is_said_once_and_counts_in_tokens(caplog: pytest.LogCaptureFixture) -> None:
    quota = Quota(tokens_per_day=150, usd_per_day=1.0)
    unsaid = {"text": "ok", "usage": {"input_tokens": 60, "output_tokens": 20}}
    async with RuntimeInMemory(ScriptedModel([unsaid] * 3), of_each=quota) as runtime:
        for _ in range(2):
            await runtime.runs.wait(await runtime.start("a"), 5)
        assert await runtime.journal.used("principal:local", runtime.clock.now() // 86_400_000_000) == (160, 0.0)
        with pytest.raises(ResourceError):
            await runtime.start("b")
    assert [one.message for one in caplog.records if "price" in one.message] == [
        "no price is known for model scripted: its dollars count only if the gateway reports them"
    ]


async def test_runs_at_work_have_a_quota_too() -> None:
    model = ScriptedModel([reply(delay_ms=30), reply()])
    async with RuntimeInMemory(model, of_each=Quota(concurrent_runs=1)) as runtime:
        run = await runtime.start("a")
        with pytest.raises(QueueFullError) as refused:
            await runtime.start("b")
        assert (refused.value.code, refused.value.retry_after) == ("too_many_runs", 1)
        await runtime.runs.wait(run, 5)
        assert (await runtime.runs.wait(await runtime.start("b"), 5)).response == "ok"


async def test_thirty_two_runs_against_one_dollar() -> None:
    """Each would make four calls of 0.02 dollars, with about 0.041 reserved for each: 2.56 dollars in all."""
    calls = [reply("", delay_ms=1, tool_calls=[{"name": "nope", "arguments": {}}]) for _ in range(96)]
    model = ScriptedModel([*calls, *(reply() for _ in range(32))])
    async with RuntimeInMemory(model, of_each=Quota(usd_per_day=1.0), prices=PRICES) as runtime:
        runs = [await runtime.start("go") for _ in range(32)]
        results = [await runtime.runs.wait(run, 10) for run in runs]
        assert {result.status for result in results} == {"finished"}
        asked = len(model.requests)
        assert 50 <= asked <= 52, asked  # one dollar, and one call more than fits
        assert sum(result.stopped_by == "usd_per_day" for result in results) > 0
        day = runtime.clock.now() // 86_400_000_000
        assert (await runtime.journal.used("principal:local", day))[1] == pytest.approx(asked * 0.02)
        assert runtime.budgets.state(1)["principal:local"]["held_usd"] == 0.0


async def test_a_run_that_is_cancelled_in_mid_call_pays_its_estimate() -> None:
    async with RuntimeInMemory(
        ScriptedModel([reply(delay_ms=60_000)]), of_each=Quota(usd_per_day=1.0), prices=PRICES
    ) as runtime:
        run = await runtime.start("a")
        while "model_called" not in await runtime.types(run):
            await asyncio.sleep(0)
        await runtime.runs.cancel("local", run)
        assert (await runtime.runs.wait(run, 5)).status == "cancelled"
        [called] = await events_of(runtime, run, ModelCalled)
        day = called.reserved.day
        assert await runtime.journal.used("principal:local", day) == (called.reserved.tokens, called.reserved.cost_usd)
        assert runtime.budgets.state(1)["principal:local"]["held_usd"] == 0.0


async def test_summaries_are_paid_for() -> None:
    said = [reply(text, 0.1) for text in ("a1", "a2", "a3", "a4", "They met.", "a5")]
    async with Summing(ScriptedModel(said), of_each=Quota(usd_per_day=5.0)) as runtime:
        run = await runtime.say(1, 5)
        [summary] = await events_of(runtime, run, HistorySummarized)
        assert summary.reserved.budgets == ("principal:local",)
        assert (await runtime.journal.used("principal:local", summary.reserved.day))[1] == pytest.approx(0.6)


class Thinking(RuntimeInMemory):
    """Return an agent of one node whose code asks the model until a limit stops it."""

    def spec(self) -> AgentSpec:
        parts = (node("think", "function", call="nodes:think"), edge("think", "end"))
        return msgspec.structs.replace(super().spec(), type="custom_react_agent", graph=graph(*parts))

    def build(self, spec: AgentSpec) -> Any:
        async def think(ctx: Any) -> Any:
            while True:
                await ctx.call_model("Think.")

        agent: BaseAgent = graph_agent(spec, {"think": think})
        return agent


async def test_calls_of_a_node_s_code_are_paid_for() -> None:
    model = ScriptedModel([reply(cost_usd=0.5)] * 5)
    async with Thinking(model, of_each=Quota(usd_per_day=1.0), cost_usd=9.0) as runtime:
        run = await runtime.start("a")
        result = await runtime.runs.wait(run, 5)
        assert (result.status, result.stopped_by) == ("finished", "usd_per_day")
        assert [event.budget for event in await events_of(runtime, run, LimitReached)] == ["principal:local"]
        called = await events_of(runtime, run, ModelCalled)
        assert [event.reserved.budgets for event in called] == [("principal:local",)] * 2
        assert (await runtime.journal.used("principal:local", called[0].reserved.day))[1] == 1.0
