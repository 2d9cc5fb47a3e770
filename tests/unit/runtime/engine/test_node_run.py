"""Runs of graphs: nodes in turn, parallel branches, failures and their edges, and code that is killed midway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from journeyman.agents.spec import GraphSpec, Limits
from journeyman.api.responses import state_answer
from journeyman.errors import ToolError
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalRequested,
    ModelCalled,
    NodeEntered,
    NodeLeft,
    StepRemembered,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState
from journeyman.events.messages import user
from tests.harness.stepped_graph_runtime import SteppedGraphRuntime, edge, graph, node
from tests.harness.stepped_runtime import SteppedRuntime

TEXT = "a"


async def played(
    runtime: SteppedRuntime, how: str = "ok", decision: Callable[[Any], str | None] = lambda row: None
) -> AgentState:
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    await runtime.let_go(how, decision)
    assert not runtime.wrong
    assert not runtime.errors
    return runtime.state(runtime.run_ids[0])


def entered(runtime: SteppedRuntime) -> list[str]:
    return [
        f"{event.path.branch}:{event.call}" if event.path.branch else event.call
        for event in runtime.events(runtime.run_ids[0], NodeEntered)
    ]


def texts(state: AgentState) -> list[str]:
    return [message.text for message in state.messages]


def _plain(entries: list[Entry]) -> list[dict[str, Any]]:
    """Return the events without their position in a graph and without the version of the definition."""
    plain = []
    for entry in entries:
        event = entry.event
        if entry.type.startswith("node_"):
            continue
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        for name in ("path", "version", "request_hash", "idempotency_key"):
            fields.pop(name, None)
        plain.append({"type": entry.type, **fields})
    return plain


@pytest.mark.parametrize(
    ("plan", "limits"),
    [
        ((), Limits()),
        ((("look", "put", "nope", "touch"), ("tell",)), Limits()),
        ((("pay_asked", "look_asked"),), Limits()),
        ((("look", "put"), ("look",)), Limits(steps=1)),
        ((("look",), ("look",)), Limits(steps=2)),
        ((("look", "look"),), Limits(tool_calls=1)),
        ((("look",),) * 6, Limits(repeats=2)),
    ],
)
async def test_a_react_agent_is_the_graph_llm_and_tools(plan: tuple[tuple[str, ...], ...], limits: Limits) -> None:
    """Both make the same events but for those of nodes: with approvals, unknown tools, failures and limits."""
    for how in ("ok", "fail", "error"):
        react = SteppedRuntime({TEXT: plan}, limits=limits)
        walked = SteppedGraphRuntime({"Be brief.": plan}, limits=limits)
        for runtime in (react, walked):
            await played(runtime, how, lambda row: "approve")
        one, other = (_plain(runtime.entries(runtime.run_ids[0])) for runtime in (react, walked))
        for event in (*one, *other):  # the two doubles name calls and answers in ways of their own
            for name in ("message", "call_id", "output", "error"):
                event.pop(name, None)
        assert one == other
        assert len(one) > 3


async def test_nodes_have_prompts_and_tools_of_their_own() -> None:
    runtime = SteppedGraphRuntime(
        {"Work.": (("look",),)},
        graph=graph(
            node("plan", prompt="Plan.", tools=()),
            node("work", prompt="Work.", tools=("look",)),
            node("act", "tools"),
            edge("plan", "work"),
            edge("work", "act", "state.tool_calls.size() > 0"),
            edge("work", "end"),
            edge("act", "work"),
        ),
    )
    state = await played(runtime)
    assert entered(runtime) == ["plan#1", "work#1", "act#1", "work#2"]
    assert [(request.messages[0].text, len(request.tools)) for request in runtime.requests] == [
        ("Plan.", 0),
        ("Work.", 1),
        ("Work.", 1),
    ]
    assert (state.status, state.output) == ("finished", "Work. says 5")


async def test_a_tool_that_was_not_offered_is_not_there() -> None:
    plan = {"Work.": (("pay",),)}
    around = (node("act", "tools"), edge("work", "act", "state.tool_calls.size() > 0"), edge("work", "end"))
    runtime = SteppedGraphRuntime(
        plan, graph=graph(node("work", prompt="Work.", tools=("look",)), *around, edge("act", "work"))
    )
    await played(runtime)
    (finished,) = runtime.events(runtime.run_ids[0], ToolCallFinished)
    assert (finished.error.code, finished.attempts) == ("tool_not_found", 0)


PARALLEL = graph(
    node("plan", prompt="Plan."),
    node("left", prompt="Left."),
    node("right", prompt="Right."),
    node("sum", prompt="Sum."),
    edge("plan", "left right"),
    edge("right left", "sum"),
    edge("sum", "end"),
)


async def test_branches_run_side_by_side_and_a_join_appends_in_the_order_of_the_edge() -> None:
    runtime = SteppedGraphRuntime({}, graph=PARALLEL)
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    while len(runtime.gates) < 2:
        await runtime.settle(8)
        if runtime.disk.held:
            runtime.disk.write()
        elif len(runtime.gates) == 1:
            runtime.open_gate(0)
    assert [gate.name for gate in runtime.gates] == ["model Left.", "model Right."]
    assert [len(request.messages) for request in runtime.requests] == [2, 3, 3]
    await runtime.let_go()
    state = runtime.state(runtime.run_ids[0])
    assert texts(state) == [TEXT, "Plan. says 2", "Right. says 3", "Left. says 3", "Sum. says 5"]
    assert entered(runtime) == ["plan#1", "plan#1.0:left#1", "plan#1.1:right#1", "sum#1"]
    rows = await runtime.disk.messages("me/t", 1, 100)
    assert [row.message.text for row in rows] == texts(state)


async def test_one_branch_may_wait_for_a_human_while_the_other_works() -> None:
    asked = graph(
        node("plan", prompt="Plan."),
        node("review", "approval", message="Send {{ context.thread.what | default('it') }}?"),
        node("right", prompt="Right."),
        edge("plan", "review right"),
        edge("review right", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=asked)
    state = await played(runtime)
    assert (state.status, len(state.open_approvals), texts(state)) == ("paused", 1, [TEXT, "Plan. says 2"])
    (request,) = runtime.events(runtime.run_ids[0], ApprovalRequested)
    assert [(each.node, each.status, len(each.messages)) for each in state_answer(state).nodes] == [
        ("plan", "left", 0),
        ("review", "waiting", 0),
        ("right", "ended", 1),
    ]
    assert (request.kind, request.message, request.decisions, request.call) == (
        "node",
        "Send it?",
        ("approve", "deny"),
        "review#1",
    )
    assert runtime.worker.running == 0
    await runtime.crash()
    await runtime.boot()
    await runtime.let_go(decision=lambda row: "approve")
    state = runtime.state(runtime.run_ids[0])
    assert (state.status, state.output) == ("finished", "Right. says 3")


async def test_a_no_ends_the_run_or_takes_its_way() -> None:
    def reviewed(**more: Any) -> GraphSpec:
        return graph(
            node("review", "approval", message="?", **more),
            node("sorry", prompt="Sorry."),
            edge("review", "end"),
            edge("sorry", "end"),
        )

    state = await played(SteppedGraphRuntime({}, graph=reviewed()), decision=lambda row: "deny")
    assert (state.status, state.stopped_by, state.error) == ("finished", "denied", None)
    assert state.output == "A human said no at the node review."
    state = await played(SteppedGraphRuntime({}, graph=reviewed(on_error="sorry")), decision=lambda row: "deny")
    assert (state.status, state.output) == ("finished", "Sorry. says 2")
    state = await played(SteppedGraphRuntime({}, graph=reviewed()), decision=lambda row: "approve")
    assert (state.status, state.output) == ("finished", "")


async def test_a_node_that_fails_is_tried_again_and_then_takes_its_way() -> None:
    failing = graph(
        node("work", prompt="Work.", retry=2, on_error="sorry", on_unavailable="later"),
        node("sorry", prompt="Sorry."),
        node("later", "approval", message="Later?"),
        edge("work", "end"),
        edge("sorry", "end"),
        edge("later", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=failing)
    state = await played(runtime, "error")
    assert entered(runtime) == ["work#1", "work#1", "work#1", "sorry#1"]
    assert (state.status, state.error and state.error.code) == ("failed", "gateway_error")
    assert [event.attempt for event in runtime.events(runtime.run_ids[0], NodeLeft)] == [1, 2, 3, 1]
    runtime = SteppedGraphRuntime({}, graph=failing)
    state = await played(runtime, "open")
    assert (entered(runtime), state.status) == (["work#1", "later#1"], "paused")


async def test_a_condition_that_has_no_answer_fails_the_run_or_takes_its_way() -> None:
    def asking(**more: Any) -> GraphSpec:
        return graph(
            node("work", prompt="Work.", **more),
            node("sorry", prompt="Sorry."),
            edge("work", "end", "context.thread.missing > 1"),
            edge("work", "end"),
            edge("sorry", "end"),
        )

    state = await played(SteppedGraphRuntime({}, graph=asking()))
    assert (state.status, state.error and state.error.code) == ("failed", "condition_error")
    state = await played(SteppedGraphRuntime({}, graph=asking(on_error="sorry")))
    assert (state.status, state.output) == ("finished", "Sorry. says 3")


async def test_calls_that_the_graph_goes_past_are_answered() -> None:
    """A message that asks for tools needs their results: a gateway rejects it otherwise."""
    past = graph(
        node("ask", prompt="Ask."),
        node("left", prompt="Left."),
        node("right", prompt="Right."),
        node("sum", prompt="Sum."),
        edge("ask", "left right"),
        edge("left right", "sum"),
        edge("sum", "end"),
    )
    asks = {"Ask.": (("look",),), "Left.": (("look",), ("look",)), "Sum.": ()}
    runtime = SteppedGraphRuntime(asks, graph=past)
    state = await played(runtime)
    assert state.status == "finished"
    assert {event.error.code for event in runtime.events(runtime.run_ids[0], ToolCallFinished)} == {"call_skipped"}


LOOP = graph(node("f", "function"), node("g", "function"), edge("f", "g"), edge("g", "f"))


async def nothing(ctx: Any) -> None: ...


async def test_a_loop_without_a_model_ends_at_the_limit_too() -> None:
    runtime = SteppedGraphRuntime({}, graph=LOOP, code={"f": nothing, "g": nothing}, limits=Limits(steps=2))
    state = await played(runtime)
    assert (state.status, state.stopped_by, sum(state.walk.visits.values())) == ("finished", "steps", 20)
    empty = graph(node("a", "tools"), node("b", "tools"), edge("a", "b"), edge("b", "a"))
    state = await played(SteppedGraphRuntime({}, graph=empty))
    assert (state.status, state.stopped_by) == ("finished", "steps")


async def test_a_run_that_is_cancelled_closes_its_nodes() -> None:
    runtime = SteppedGraphRuntime({}, graph=PARALLEL)
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    while len(runtime.gates) < 2:
        await runtime.settle(8)
        if runtime.disk.held:
            runtime.disk.write()
        elif len(runtime.gates) == 1:
            runtime.open_gate(0)
    runtime.spawn(runtime.runs.cancel, "me", runtime.run_ids[0])
    await runtime.let_go()
    state = runtime.state(runtime.run_ids[0])
    assert (state.status, state.open_nodes, state.open_model_calls) == ("cancelled", (), ())
    assert [event.error.code for event in runtime.events(runtime.run_ids[0], NodeLeft) if event.error] == [
        "cancelled"
    ] * 2


# --- agents as nodes

EXPERT = graph(
    node("plan", prompt="Plan."),
    node("expert", "agent", agent="expert", retry=1),
    node("right", prompt="Right."),
    node("sum", prompt="Sum."),
    edge("plan", "expert right"),
    edge("expert right", "sum"),
    edge("sum", "end"),
)
SUMMED = [TEXT, "Plan. says 2", "Expert. says 2", "Right. says 3", "Sum. says 5"]


async def test_the_answer_of_another_agent_is_a_message_of_its_branch() -> None:
    runtime = SteppedGraphRuntime({}, graph=EXPERT)
    state = await played(runtime)
    assert (state.status, texts(state)) == ("finished", SUMMED)
    assert runtime.state("run_2").input == user("Plan. says 2")
    assert "run_resumed" not in runtime.types("run_1")
    runtime = SteppedGraphRuntime({"Expert.": (("look_asked",),)}, graph=EXPERT)
    state = await played(runtime)
    assert (state.status, state.walk.branches["plan#1.0"].node.child) == ("paused", "run_2")
    await runtime.let_go(decision=lambda row: "approve")
    assert (runtime.state("run_1").status, runtime.state("run_1").output) == ("finished", "Sum. says 5")


async def test_an_agent_that_fails_is_tried_again() -> None:
    runtime = SteppedGraphRuntime(
        {}, graph=graph(node("expert", "agent", agent="expert", retry=1), edge("expert", "end"))
    )
    state = await played(runtime, "error")
    assert (state.status, state.error and state.error.code) == ("failed", "gateway_error")
    assert [event.attempt for event in runtime.events("run_1", NodeLeft)] == [1, 2]
    unknown = graph(
        node("expert", "agent", agent="nobody", on_error="sorry"),
        node("sorry", prompt="Sorry."),
        edge("expert", "end"),
        edge("sorry", "end"),
    )
    assert (await played(SteppedGraphRuntime({}, graph=unknown))).output == "Sorry. says 2"


async def test_a_crash_at_any_commit_changes_nothing_for_agents_as_nodes() -> None:
    for commits in range(1, 14):
        state = await killed(SteppedGraphRuntime({}, graph=EXPERT), commits)
        assert (state.status, texts(state)) == ("finished", SUMMED), commits


# --- code


def coded(code: Any, *more: Any, **spec: Any) -> SteppedGraphRuntime:
    shape = graph(node("f", "function", **spec), *more, edge("f", "end"))
    return SteppedGraphRuntime({}, graph=shape, code={"f": code})


async def test_code_reads_and_changes_contexts_and_gives_a_patch() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        assert [message.text for message in ctx.messages] == [TEXT]
        assert (ctx.run_id, ctx.thread_id, ctx.principal, ctx.node, ctx.visit) == ("run_1", "t", "me", "f", 1)
        await ctx.context.patch(thread={"n": 1}, global_={"seen": True})
        await ctx.progress(0.5)
        return {"n": ctx.context.thread["n"] + 1}

    state = await played(coded(code))
    assert (state.status, state.thread_context, state.global_context) == ("finished", {"n": 2}, {"seen": True})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (ValueError("no such luck"), "ValueError: no such luck"),
        (ToolError("Ours.", code="ours"), "Ours."),
        (asyncio.CancelledError(), "The node's code cancelled itself."),
        (SystemExit(3), "SystemExit: 3"),
        ("a text", "It returned str, not a dictionary or None."),
        ({"big": "x" * 40_000}, "A context holds at most 32 KiB"),
        ({"bad": object()}, ""),
    ],
)
async def test_code_that_fails_fails_the_node(code: Any, message: str) -> None:
    async def failing(ctx: Any) -> Any:
        if isinstance(code, BaseException):
            raise code
        return code

    runtime = coded(failing, retry=1)
    state = await played(runtime)
    assert (state.status, state.error is not None) == ("failed", True)
    assert state.error is not None
    assert message in state.error.message
    assert len(runtime.events("run_1", NodeLeft)) == 2
    sorry = coded(failing, node("sorry", prompt="Sorry."), edge("sorry", "end"), on_error="sorry")
    assert (await played(sorry)).output == "Sorry. says 2"


async def test_code_is_stopped_after_its_time() -> None:
    async def slow(ctx: Any) -> None:
        await ctx.call_tool("pay", {})
        await asyncio.Event().wait()

    runtime = coded(slow, timeout_seconds=0.1)
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    while not runtime.run_ids or not runtime.state("run_1").ended:
        await asyncio.sleep(0.001)
        if runtime.disk.held:
            runtime.disk.write()
    state = runtime.state("run_1")
    assert (state.status, state.error and state.error.code, state.open_calls) == ("failed", "node_timeout", ())
    (finished,) = runtime.events("run_1", ToolCallFinished)
    assert finished.error.code == "outcome_unknown"


async def killed(runtime: SteppedGraphRuntime, commits: int, how: str = "ok") -> AgentState:
    """Kill the run after this many commits and recover it. Returns its last state."""
    await runtime.boot()
    runtime.spawn(runtime.say, TEXT)
    for _ in range(400):
        await runtime.settle(8)
        if runtime.disk.held:
            if not commits:
                break
            runtime.disk.write()
            commits -= 1
        elif runtime.gates:
            runtime.open_gate(0, how)
        else:
            break
    await runtime.crash()
    await runtime.boot()
    await runtime.let_go(how, lambda row: row.decisions[0])
    assert not runtime.wrong
    return runtime.state("run_1") if runtime.run_ids else AgentState()


async def test_code_that_is_killed_goes_on_where_it_was() -> None:
    ran: list[str] = []

    async def code(ctx: Any) -> dict[str, Any]:
        first = await ctx.call_tool("put", {"n": 1})
        dice = await ctx.remember("dice", lambda: ran.append("dice") or len(ran))
        second = await ctx.call_tool("pay", {"dice": dice})
        thought = await ctx.call_model("Think.", system="Quietly.")
        await ctx.context.patch(thread={"count": ctx.context.thread.get("count", 0) + 1})
        return {"dice": dice, "said": [first, second, thought]}

    whole = await played(coded(code))
    assert whole.thread_context["said"] == ["put done", "pay done", "Quietly. says 2"]
    for commits in range(1, 20):
        ran.clear()
        runtime = coded(code)
        state = await killed(runtime, commits)
        assert state.status == "finished", (commits, runtime.types("run_1"), state.error)
        expected = {**whole.thread_context, "dice": state.thread_context["dice"]}
        if state.thread_context["said"][1] != "pay done":  # killed as it ran: its outcome is unknown
            expected["said"] = ["put done", state.thread_context["said"][1], "Quietly. says 2"]
        assert state.thread_context == expected
        assert len(runtime.events("run_1", StepRemembered)) == 2
        pays = [event for event in runtime.events("run_1", ToolCallStarted) if event.tool == "pay"]
        retried = [row for row in runtime.events("run_1", ApprovalRequested) if row.kind == "unknown_outcome"]
        assert len(pays) <= 1 + len(retried)
        calls = [event for event in runtime.events("run_1", ModelCalled) if event.call == "f#1.m1"]
        assert len(calls) <= 2
    assert not retried


async def test_code_that_calls_a_tool_which_a_human_must_allow_runs_again_after_the_answer() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        runtime.ran["top"] += 1
        await ctx.call_tool("look", {})
        return {"paid": await ctx.call_tool("pay_asked", {"n": 1})}

    runtime = coded(code)
    state = await played(runtime)
    assert (state.status, runtime.worker.running, runtime.ran["top"]) == ("paused", 0, 1)
    (approval,) = await runtime.disk.approvals(None)
    runtime.spawn(runtime.answer, approval.id, "approve", {"n": 2})
    await runtime.let_go()
    state = runtime.state("run_1")
    assert (state.status, state.thread_context, runtime.ran["top"]) == ("finished", {"paid": "pay_asked done"}, 2)
    started = runtime.events("run_1", ToolCallStarted)
    assert [(event.call, event.arguments) for event in started] == [("f#1.t1", {}), ("f#1.t2", {"n": 2})]


async def test_a_call_that_is_refused_raises_in_the_code() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        codes = []
        for name in ("nope", "pay_asked", "look"):
            try:
                await ctx.call_tool(name, {})
            except ToolError as exc:
                codes.append(exc.code)
        return {"codes": codes}

    state = await played(coded(code), "fail", lambda row: "deny")
    assert state.thread_context == {"codes": ["tool_not_found", "approval_denied", "tool_failed"]}


async def test_another_try_repeats_what_failed_and_nothing_else() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        await ctx.call_tool("put", {"n": ctx.attempt})
        if ctx.attempt == 1:
            await asyncio.gather(ctx.call_tool("nope", {}), ctx.call_tool("look", {}))
        return {"second": await ctx.call_tool("look", {})}

    runtime = coded(code, retry=1)
    state = await played(runtime)
    assert (state.status, state.thread_context) == ("finished", {"second": "look done"})
    started = [(event.call, event.tool) for event in runtime.events("run_1", ToolCallStarted)]
    assert [tool for _, tool in started].count("put") == 1
    assert len({call for call, _ in started}) == len(started)
    assert (state.open_calls, state.tool_calls) == ((), len(started))


async def test_calls_side_by_side_wait_for_a_human_together() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        done = await asyncio.gather(*(ctx.call_tool(name, {}) for name in ("look", "pay_asked", "put")))
        return {"done": done}

    runtime = coded(code)
    state = await played(runtime)
    assert (state.status, len(state.open_approvals)) == ("paused", 1)
    assert [event.tool for event in runtime.events("run_1", ToolCallFinished)] == ["look", "put"]
    await runtime.let_go(decision=lambda row: "approve")
    state = runtime.state("run_1")
    assert state.thread_context == {"done": ["look done", "pay_asked done", "put done"]}
    assert len(runtime.events("run_1", ToolCallStarted)) == 3


async def test_parallel_code_that_asks_two_questions_pauses_until_both_are_answered() -> None:
    async def code(ctx: Any) -> dict[str, Any]:
        async def look_and(name: str) -> str:
            await ctx.call_tool("look", {})
            result: str = await ctx.call_tool(name, {})
            return result

        return {"done": await asyncio.gather(look_and("pay_asked"), look_and("look_asked"))}

    world = coded(code)
    state = await played(world)
    assert (state.status, len(state.open_approvals), world.worker.running) == ("paused", 2, 0)
    approvals = await world.disk.approvals(None)
    for left in (1, 0):
        world.spawn(world.answer, approvals[left].id, "approve")
        await world.let_go()
        state = world.state("run_1")
        assert len(state.open_approvals) == left
    assert state.status == "finished"
    waits = [kind for kind in world.types("run_1") if kind in ("run_paused", "approval_given", "run_resumed")]
    assert waits == ["run_paused", "approval_given", "run_resumed", "run_paused", "approval_given", "run_resumed"]


async def test_a_call_that_suspended_code_leaves_behind_does_not_keep_its_run_open() -> None:
    async def code(ctx: Any) -> None:
        asked = asyncio.create_task(ctx.call_tool("pay_asked", {}))
        looked = asyncio.create_task(ctx.call_tool("look", {}))
        await asyncio.wait([asked], timeout=0)
        assert not looked.done()

    world = coded(code)
    state = await played(world)
    assert (state.status, world.worker.running) == ("paused", 0)


async def test_limits_hold_in_code_too() -> None:
    async def code(ctx: Any) -> None:
        for _ in range(9):
            await (ctx.call_tool("look", {}) if tools else ctx.call_model([user("x")]))

    for tools, limit in ((True, "tool_calls"), (False, "steps")):
        runtime = coded(code)
        runtime.limits = Limits(steps=3, tool_calls=3)
        state = await played(runtime)
        assert (state.status, state.stopped_by) == ("finished", limit)
        assert (state.tool_calls, state.model_calls) == ((3, 0) if tools else (0, 3))


async def test_two_branches_that_give_one_key_fail_the_run_and_both_are_named() -> None:
    async def first(ctx: Any) -> dict[str, Any]:
        return {"kept": {"by": "first", "list": [1]}, "same": "old"}

    async def code(ctx: Any) -> dict[str, Any]:
        await ctx.context.patch(thread={f"own_{ctx.node}": 1, "kept": {"by": None, "extra": ctx.node}})
        return {"same": {"nested": ctx.node}}

    shape = graph(
        node("start", "function"),
        node("plan", prompt="Plan."),
        node("f", "function"),
        node("g", "function"),
        edge("start", "plan"),
        edge("plan", "f g"),
        edge("f g", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=shape, code={"start": first, "f": code, "g": code})
    state = await played(runtime)
    assert state.thread_context == {"kept": {"by": "first", "list": [1]}, "same": "old"}
    row = await runtime.disk.thread(state.thread)
    assert row is not None
    assert row.context == state.thread_context, "the next run begins with it"
    assert runtime.types(runtime.run_ids[0])[-2:] == ["context_changed", "run_failed"]
    assert state.error is not None
    assert (state.status, state.error.code) == ("failed", "context_conflict")
    assert "f and g" in state.error.message


async def test_code_may_end_the_run_with_words() -> None:
    async def code(ctx: Any) -> Any:
        with pytest.raises(ValueError, match="some text"):
            ctx.answer(" ")
        return ctx.answer("It is sold out.")

    shape = graph(
        node("plan", prompt="Plan."),
        node("stock", "function"),
        node("order", prompt="Order."),
        edge("plan", "stock"),
        edge("stock", "order"),
        edge("order", "end"),
    )
    runtime = SteppedGraphRuntime({"Plan.": (("look", "put"),)}, graph=shape, code={"stock": code})
    state = await played(runtime)
    assert (state.status, state.output, state.stopped_by) == ("finished", "It is sold out.", None)
    assert entered(runtime) == ["plan#1", "stock#1"]
    assert [message.role for message in state.messages] == ["user", "assistant", "tool", "tool", "assistant"]
    rows = await runtime.disk.messages(state.thread, 1, 99)
    assert rows[-1].message.text == "It is sold out."
    assert len(runtime.requests) == 1, "no model was asked for the answer"


async def test_code_in_a_branch_ends_the_whole_run_with_words() -> None:
    async def code(ctx: Any) -> Any:
        return ctx.answer("Enough.")

    async def wait(ctx: Any) -> None:
        await asyncio.Event().wait()

    shape = graph(
        node("plan", prompt="Plan."),
        node("f", "function"),
        node("g", "function"),
        edge("plan", "f g"),
        edge("f g", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=shape, code={"f": code, "g": wait})
    state = await played(runtime)
    assert (state.status, state.output) == ("finished", "Enough.")
    rows = await runtime.disk.messages(state.thread, 1, 99)
    assert rows[-1].message.text == "Enough."
    assert [event.error.code for event in runtime.events(runtime.run_ids[0], NodeLeft) if event.error] == ["cancelled"]


async def test_joins_may_part_again_and_branches_may_end_by_themselves() -> None:
    shape = graph(
        node("plan", prompt="Plan."),
        node("a", prompt="A."),
        node("b", prompt="B."),
        node("c", prompt="C."),
        node("d", prompt="D."),
        node("e", prompt="E."),
        edge("plan", "a b c"),
        edge("c", "end"),
        edge("a b", "d e"),
        edge("d e", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=shape)
    state = await played(runtime)
    assert entered(runtime)[4:] == ["a#1.0:d#1", "a#1.1:e#1", "end#1"]
    assert texts(state) == [TEXT, "Plan. says 2", "A. says 3", "B. says 3", "D. says 5", "E. says 5"]
    assert (state.output, state.walk.branches) == ("E. says 5", {})
    rows = await runtime.disk.messages("me/t", 1, 100)
    assert [row.message.text for row in rows] == texts(state)


async def test_a_join_of_some_branches_comes_before_that_of_all() -> None:
    shape = graph(
        node("plan", prompt="Plan."),
        node("a", prompt="A."),
        node("b", prompt="B."),
        node("c", prompt="C."),
        node("d", prompt="D."),
        node("e", prompt="E."),
        edge("plan", "a b c"),
        edge("a b", "d"),
        edge("c d", "e"),
        edge("e", "end"),
    )
    runtime = SteppedGraphRuntime({}, graph=shape)
    state = await played(runtime)
    expected = [TEXT, "Plan. says 2", "C. says 3", "A. says 3", "B. says 3", "D. says 5", "E. says 7"]
    assert texts(state) == expected
    rows = await runtime.disk.messages("me/t", 1, 100)
    assert [row.message.text for row in rows] == expected
