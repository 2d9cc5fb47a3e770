"""An MCP server is away, or lists other tools, when a call that a human approved is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.parsing import parse_test
from journeyman.agent_tests.recording import Recording, read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from journeyman.agent_tests.writing import file_text
from journeyman.events.events import ApprovalRequested, Lack, RunPaused, ToolCallFinished, ToolCallStarted
from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall
from tests.harness.fickle_server import FickleServer
from tests.harness.incomplete_runtime import FickleGateway, IncompleteRuntime, Reply, desk, incomplete
from tests.harness.stepped_runtime import SteppedRuntime
from tests.surroundings.table import cell

WAITS = (
    "An answer is taken. A call that a human approved waits (`waiting_for: tool`) before it starts, and is made once "
    "when the server answers again."
)

LACK = Lack("tool", "shop__pay")


def paying(text: str, number: int) -> Reply:
    return (("shop__pay", {"amount": 5}),) if number == 0 else "done"


def shopping(**options: Any) -> Any:
    return incomplete(desk(), gateway=FickleGateway(paying), server=FickleServer(), **options)


async def of_type(runtime: IncompleteRuntime, run_id: str, kind: type[Any]) -> list[Any]:
    return [entry.event for entry in await runtime.journal.read(run_id) if isinstance(entry.event, kind)]


async def answer(runtime: IncompleteRuntime, run_id: str, decision: Any = "approve") -> None:
    [asked] = await runtime.journal.approvals(None)
    await runtime.runtime.runs.answer("local", run_id, [HumanAnswer(approval=asked.id, decision=decision)])
    await runtime.settle()


async def waiting(runtime: IncompleteRuntime) -> str:
    """Start a run whose call is approved while the server is away."""
    run_id = await runtime.start("a")
    assert runtime.server is not None
    runtime.server.here = False
    await answer(runtime, run_id)
    return run_id


async def end_of_call(runtime: IncompleteRuntime, run_id: str) -> ToolCallFinished:
    [ended] = await of_type(runtime, run_id, ToolCallFinished)
    assert (await runtime.state(run_id)).status == "finished"
    return ended  # type: ignore[no-any-return]


@cell("MCP server", "in a pause", WAITS)
async def test_an_approved_call_waits_for_its_server_and_runs_once_when_that_is_back() -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        result = await runtime.runtime.runs.result("local", run_id)
        assert (result.status, result.waiting_for) == ("paused", "tool")
        assert "'shop__pay'" in (result.waiting_reason or "")
        assert runtime.runtime.scheduler.running == 0
        before = await runtime.types(run_id)
        await runtime.pass_time(3600, step=20)
        assert await runtime.types(run_id) == before
        assert not await of_type(runtime, run_id, ToolCallStarted)
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await end_of_call(runtime, run_id)).result == "paid"
        assert runtime.server.calls == ["shop__pay"]
        assert len(await of_type(runtime, run_id, ToolCallStarted)) == 1
        assert [pause.lacks for pause in await of_type(runtime, run_id, RunPaused)] == [None, LACK]


@cell("MCP server", "in a call", "A call without an approval gets `tool_unavailable`, which the model reads.")
async def test_the_model_reads_of_a_call_that_no_human_approved() -> None:
    async with shopping() as runtime:
        tool = runtime.server.tool(
            approval=msgspec.structs.replace(runtime.server.tool().spec.policy.approval, when="never")
        )
        runtime.registry.remove("shop__pay")
        runtime.registry.add(tool)
        runtime.serve(desk())
        runtime.server.here = False
        run_id = await runtime.start("a")
        ended = await end_of_call(runtime, run_id)
        assert ended.error is not None
        assert ended.error.code == "tool_unavailable"


@cell("MCP server", "at resume", f"{WAITS} Other calls get `tool_unavailable`, which the model reads.")
@pytest.mark.parametrize("restarts", [1, 3])
async def test_it_waits_over_restarts_and_the_answer_is_kept(restarts: int) -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        before = await runtime.types(run_id)
        for _ in range(restarts):
            await runtime.stop()
            await runtime.boot(desk())
            await runtime.pass_time(5)
        assert await runtime.types(run_id) == before
        assert [row.lacks for row in await runtime.journal.lacking()] == ["tool:shop__pay"]
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await end_of_call(runtime, run_id)).result == "paid"
        assert runtime.server.calls == ["shop__pay"]


async def test_an_answer_is_taken_while_the_server_is_away_after_a_restart_too() -> None:
    async with shopping() as runtime:
        run_id = await runtime.start("a")
        await runtime.stop()
        runtime.server.here = False
        await runtime.boot(desk())
        await answer(runtime, run_id)
        assert (await runtime.state(run_id)).lacks == LACK
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await end_of_call(runtime, run_id)).result == "paid"


async def test_a_lone_call_waits_where_its_server_was_not_reached_since_the_start() -> None:
    async with shopping() as runtime:
        call = StartCall(tool="shop__pay", arguments={"amount": 1}, unlisted=True)
        run_id = (await runtime.runtime.runs.call("local", call)).run_id
        await runtime.settle()
        await runtime.stop()
        runtime.server.here = False
        await runtime.boot(desk())
        runtime.registry.remove("shop__pay")
        await answer(runtime, run_id)
        assert (await runtime.state(run_id)).lacks == LACK
        runtime.registry.add(runtime.server.tool())
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await end_of_call(runtime, run_id)).result == "paid"


@pytest.mark.parametrize("away", [False, True])
async def test_a_tool_that_has_changed_is_asked_for_once_more(away: bool) -> None:
    async with shopping() as runtime:
        run_id = await runtime.start("a")
        runtime.server.listed["shop__pay"] = "v2"
        runtime.server.here = not away
        await answer(runtime, run_id)
        runtime.server.here = True
        await runtime.pass_time(2)
        first, second = await of_type(runtime, run_id, ApprovalRequested)
        assert (first.live, second.live, second.args_hash.partition(".")[0]) == (False, True, "v2")
        assert second.message.endswith("The code of shop__pay changed since you approved.")
        assert runtime.server.calls == []
        await answer(runtime, run_id)
        assert (await end_of_call(runtime, run_id)).result == "paid"
        [started] = await of_type(runtime, run_id, ToolCallStarted)
        assert started.code_hash == "v2"


async def test_a_tool_that_changes_again_is_told_to_the_model() -> None:
    async with shopping() as runtime:
        run_id = await runtime.start("a")
        for version in ("v2", "v3"):
            runtime.server.listed["shop__pay"] = version
            await answer(runtime, run_id)
        ended = await end_of_call(runtime, run_id)
        assert ended.error is not None
        assert ended.error.code == "tool_changed"
        assert runtime.server.calls == []


async def test_the_answer_for_a_changed_tool_survives_a_restart() -> None:
    async with shopping() as runtime:
        run_id = await runtime.start("a")
        runtime.server.listed["shop__pay"] = "v2"
        await answer(runtime, run_id)
        runtime.server.here = False
        await answer(runtime, run_id)
        await runtime.stop()
        await runtime.boot(desk())
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await end_of_call(runtime, run_id)).result == "paid"
        assert len(await of_type(runtime, run_id, ApprovalRequested)) == 2


async def test_a_tool_that_is_not_listed_any_more_is_not_found() -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        del runtime.server.listed["shop__pay"]
        runtime.server.here = True
        await runtime.pass_time(2)
        ended = await end_of_call(runtime, run_id)
        assert ended.error is not None
        assert ended.error.code == "tool_not_found"
        assert runtime.server.calls == []


async def test_a_cancel_ends_a_waiter_whose_call_did_not_start() -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        await runtime.runtime.runs.cancel("local", run_id)
        await runtime.settle()
        assert (await runtime.state(run_id)).status == "cancelled"
        [ended] = await of_type(runtime, run_id, ToolCallFinished)
        assert ended.error.code == "cancelled"
        assert await runtime.journal.lacking() == []


async def test_a_server_that_comes_and_goes_writes_few_events() -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        first = len(await runtime.types(run_id))

        runtime.registry.remove("shop__pay")
        runtime.registry.add(msgspec.structs.replace(runtime.server.tool(), server=_Unlistable()))
        runtime.server.here = True
        await runtime.pass_time(600, step=2)
        assert 2 <= len(await runtime.types(run_id)) - first <= 2 * 15


class _Unlistable(FickleServer):
    """A server that is connected and does not list its tools."""

    def __init__(self) -> None:
        super().__init__(here=False)


async def test_it_becomes_a_test_that_passes() -> None:
    async with shopping() as runtime:
        run_id = await waiting(runtime)
        runtime.server.listed["shop__pay"] = "v2"
        runtime.server.here = True
        await runtime.pass_time(2)
        runtime.server.here = False
        await answer(runtime, run_id)
        runtime.server.here = True
        await runtime.pass_time(2)
        assert (await runtime.state(run_id)).status == "finished"
        recording = await read_recording(runtime.journal, run_id)

        async def played(of: Recording) -> Recording:
            agent = runtime.catalog.agents["desk"]
            today = await ReplayEngine(of, agent, runtime.build, runtime.direct).play()
            assert not today.exhausted
            return as_recorded(of, today, agent.spec)

        before = await played(recording)
        assert compare(recording, before).text() == ""
        text = file_text(msgspec.structs.replace(recording, prompts=before.prompts), agent=None, description="")
        again = parse_test(text.encode(), Path("run.agent-test.yaml")).recording
        assert again is not None
        assert compare(again, await played(again)).text() == ""


# --- kills


async def bought(runtime: SteppedRuntime, most: int) -> int:
    """Approve a call while its server is away, wait, and let the server come back. Returns how many commits there were.

    At most `most` commits are made.
    """
    written = 0
    runtime.spawn(runtime.say, "a")
    for tick in range(200):
        runtime.server_away = tick < 100
        await runtime.settle(6)
        while runtime.disk.held:
            if written == most:
                return written
            runtime.disk.write()
            written += 1
            await runtime.settle(6)
        while runtime.gates:
            runtime.open_gate(0)
        if rows := await runtime.disk.approvals(None):
            runtime.spawn(runtime.answer, rows[0].id, "approve")
        runtime.clock.advance(0.25)
        if runtime.run_ids and runtime.state(runtime.run_ids[0]).ended:
            return written
    return written


async def remote() -> SteppedRuntime:
    runtime = SteppedRuntime({"a": (["pay_asked", "look"],)}, remote=("pay_asked",))
    await runtime.boot()
    return runtime


@pytest.mark.parametrize("back", [True, False], ids=["server is back", "server is away"])
async def test_a_kill_at_each_commit(back: bool) -> None:
    whole = await remote()
    total = await bought(whole, 10_000)
    assert whole.state("run_1").status == "finished", whole.types("run_1")
    assert [pause.lacks for pause in whole.events("run_1", RunPaused)] == [None, Lack("tool", "pay_asked")]
    assert total >= 8
    await whole.crash()
    for commits in range(1, total + 1):
        runtime = await remote()
        await bought(runtime, commits)
        await runtime.crash()
        for away in (not back, False):
            runtime.server_away = away
            await runtime.boot()
            runtime.lacking.look()
            await runtime.let_go(decision=lambda row: "done" if row.kind == "unknown_outcome" else "approve")
            if away:
                await runtime.crash()
        if not runtime.run_ids:  # the acceptance was not committed
            continue
        assert runtime.state("run_1").status == "finished", (commits, runtime.types("run_1"))
        assert len(runtime.events("run_1", ToolCallFinished)) == 2
        assert not runtime.wrong
        assert await runtime.disk.lacking() == []
        await runtime.crash()
