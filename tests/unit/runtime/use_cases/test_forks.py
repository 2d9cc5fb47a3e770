"""Time travel: a new run begins as another did, whatever that one was doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from journeyman import ToolContext, tool
from journeyman.agent_files.assembly import assemble
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, Limits
from journeyman.errors import (
    BaseError,
    ForbiddenError,
    IdempotencyError,
    NotFoundError,
    StateError,
    ValidationError,
)
from journeyman.events.codec import Entry
from journeyman.events.events import ApprovalRequested, MessageReplaced, RunAccepted, RunForked, ToolCallStarted
from journeyman.events.fold import AgentState
from journeyman.events.messages import Message, TextPart, ToolCall
from journeyman.journal.journal import RunFilter
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, IdempotencyKey, MessageEdit, StartCall
from journeyman.tools.spec import ToolSpec
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

OUTCOMES: list[str] = []


@tool(effects="none")
async def look(name: str) -> str:
    """Look something up."""
    return f"{name} is there"


@tool(effects="none")
async def note(ctx: ToolContext) -> str:
    """Note something in both contexts."""
    await ctx.context.patch(thread={"noted": True}, global_={"notes": 1})
    return "noted"


@tool(effects="once")
async def pay(amount: int) -> str:
    """Pay."""
    OUTCOMES.append(f"paid {amount}")
    return OUTCOMES[-1]


@tool(effects="idempotent")
async def put(ctx: ToolContext) -> str:
    """Put."""
    OUTCOMES.append(ctx.idempotency_key)
    return "put"


@tool(effects="once", approval="always")
async def sign() -> str:
    """Sign."""
    return "signed"


TOOLS = (look, note, pay, put, sign)


def text(content: str, **rest: Any) -> MessageEdit:
    return MessageEdit(content=(TextPart(content),), **rest)


async def fork(runtime: RuntimeInMemory, run: str, at: int, **edits: Any) -> str:
    return (await runtime.forks.fork("local", ForkRun(run_id=run, at=at, **edits))).run_id


async def ended(
    runtime: RuntimeInMemory, *said: str | dict[str, Any], text: str = "go", thread: str | None = None
) -> str:
    run = await runtime.start(text, thread)
    await runtime.runs.wait(run, 5)
    return run


async def entries(runtime: RuntimeInMemory, run: str) -> list[Entry]:
    return list(await runtime.journal.read(run))


async def seq_of(runtime: RuntimeInMemory, run: str, type: str, which: int = 0) -> int:
    return [entry.seq for entry in await entries(runtime, run) if entry.type == type][which]


async def test_the_fork_goes_on_from_there_and_the_parent_is_untouched() -> None:
    model = ScriptedModel(turns("Hello.", {"look": {"name": "A"}}, "A.", "Then B."))
    async with RuntimeInMemory(model, TOOLS) as runtime:
        await ended(runtime, text="Hi", thread="t")
        parent = await ended(runtime, text="Where is A?", thread="t")
        before = await entries(runtime, parent)
        at = await seq_of(runtime, parent, "tool_call_finished")
        child = await fork(runtime, parent, at, messages=(text("Where is B?", replace=1), text("Be quick.")))
        result = await runtime.runs.wait(child, 5)
        assert (result.response, result.forked_from, result.forked_at) == ("Then B.", parent, at)
        said = [(message.role, message.text) for message in model.requests[-1].messages]
        assert said == [
            ("user", "Hi"), ("assistant", "Hello."), ("user", "Where is B?"), ("assistant", ""),
            ("tool", "A is there"), ("user", "Be quick."),
        ]  # fmt: skip
        assert await entries(runtime, parent) == before
        made = await entries(runtime, child)
        assert [(one.type, one.at) for one in made[:at]] == [(one.type, one.at) for one in before[:at]]
        assert [one.data for one in made[2:at]] == [one.data for one in before[2:at]]
        assert [one.type for one in made[at:]] == [
            "run_forked", "message_replaced", "message_added", "model_called", "model_replied", "run_finished",
        ]  # fmt: skip


async def test_the_new_thread_holds_the_edited_conversation() -> None:
    model = ScriptedModel(turns("Hello.", "A.", "Better.", "Yes."))
    async with RuntimeInMemory(model, TOOLS) as runtime:
        await ended(runtime, text="Hi", thread="t")
        parent = await ended(runtime, text="Where is A?", thread="t")
        started = await runtime.forks.fork(
            "local", ForkRun(run_id=parent, at=2, messages=(text("Where is B?", replace=1),))
        )
        await runtime.runs.wait(started.run_id, 5)
        await ended(runtime, text="Sure?", thread=started.thread_id)
        said = [message.text for message in model.requests[-1].messages]
        assert said == ["Hi", "Hello.", "Where is B?", "Better.", "Sure?"]
        stored = await runtime.threads.messages("local", started.thread_id, 0, 50)
        assert [row.message.text for row in stored] == [*said, "Yes."]
        assert [row.message.text for row in await runtime.threads.messages("local", "t", 0, 50)] == [
            "Hi", "Hello.", "Where is A?", "A.",
        ]  # fmt: skip


class Talker:
    """What it says depends on what it is asked alone: one reply for each number of messages."""

    def __init__(self, *plan: str) -> None:
        self.plan = plan

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        place = sum(message.role == "assistant" for message in request.messages)
        if place == len(self.plan):
            return ModelReply(message=Message(role="assistant", content=(TextPart("done"),)), model="m")
        calls = tuple(
            ToolCall(f"{place}-{name}", name, '{"name": "X"}' if name == "look" else "{}")
            for name in self.plan[place].split()
        )
        return ModelReply(message=Message(role="assistant", tool_calls=calls), model="m")

    async def aclose(self) -> None: ...


async def test_a_fork_without_edits_at_any_event_ends_as_its_parent_did() -> None:
    async with RuntimeInMemory(Talker("look look note", "nope", "put look"), TOOLS) as runtime:
        parent = await ended(runtime)
        last = len(await entries(runtime, parent))
        wanted = await runtime.runs.state("local", parent)
        for at in range(1, last):
            child = await fork(runtime, parent, at)
            await runtime.runs.wait(child, 5)
            state = await runtime.runs.state("local", child)
            assert (state.status, state.messages) == (wanted.status, wanted.messages), at
            assert state.thread_context == wanted.thread_context
            again = await fork(runtime, child, at)
            assert (await runtime.runs.wait(again, 5)).response == "done"


async def test_an_open_once_call_asks_and_offers_what_the_parent_got() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"pay": {"amount": 5}}, "paid", "so it is")), TOOLS) as runtime:
        OUTCOMES.clear()
        parent = await ended(runtime)
        child = await fork(runtime, parent, await seq_of(runtime, parent, "tool_call_started"))
        paused = await runtime.runs.wait(child, 5)
        (approval,) = paused.approvals
        assert (approval.kind, approval.decisions, approval.result) == (
            "unknown_outcome", ("retry", "done", "fail"), "paid 5",
        )  # fmt: skip
        await runtime.runs.answer("local", child, [HumanAnswer(approval=approval.id, decision="done")])
        assert (await runtime.runs.wait(child, 5)).response == "so it is"
        state = await runtime.runs.state("local", child)
        assert [message.text for message in state.messages if message.role == "tool"] == ["paid 5"]
        assert OUTCOMES == ["paid 5"]


async def test_an_open_call_that_tells_asks_only_where_something_is_known() -> None:
    began, hold = asyncio.Event(), asyncio.Event()

    @tool(effects="once", on_unknown="tell")
    async def wait() -> str:
        """Wait."""
        began.set()
        await hold.wait()
        return "waited"

    async with RuntimeInMemory(ScriptedModel(turns({"wait": {}}, "unknown, then", "it did")), [wait]) as runtime:
        parent = await runtime.start("go")
        await began.wait()
        at = await seq_of(runtime, parent, "tool_call_started")
        child = await fork(runtime, parent, at)
        assert (await runtime.runs.wait(child, 5)).response == "unknown, then"
        hold.set()
        await runtime.runs.wait(parent, 5)
        known = await fork(runtime, parent, at)
        assert (await runtime.runs.wait(known, 5)).approvals[0].result == "waited"


async def test_an_open_idempotent_call_runs_again_under_the_parents_key() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"put": {}}, "ok", "ok", "ok")), TOOLS) as runtime:
        OUTCOMES.clear()
        parent = await ended(runtime)
        child = await fork(runtime, parent, await seq_of(runtime, parent, "tool_call_started"))
        await runtime.runs.wait(child, 5)
        grandchild = await fork(runtime, child, await seq_of(runtime, child, "tool_call_started"))
        await runtime.runs.wait(grandchild, 5)
        assert set(OUTCOMES) == {f"{parent}:m1.0"}
        assert len(OUTCOMES) == 3
        events = [entry.event for entry in await entries(runtime, grandchild)]
        assert [event.attempt for event in events if isinstance(event, ToolCallStarted)] == [1, 2]


async def test_a_waiting_approval_is_the_forks_own() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"sign": {}}, "done here", "done there")), TOOLS) as runtime:
        parent = await runtime.start("sign")
        (asked,) = (await runtime.runs.wait(parent, 5)).approvals
        child = await fork(runtime, parent, await seq_of(runtime, parent, "run_paused"), context={"by": "me"})
        (own,) = (await runtime.runs.wait(child, 5)).approvals
        assert own.id != asked.id
        await runtime.runs.answer("local", child, [HumanAnswer(approval=own.id, decision="approve")])
        assert (await runtime.runs.wait(child, 5)).response == "done here"
        assert (await runtime.runs.get("local", parent)).status == "paused"
        await runtime.runs.answer("local", parent, [HumanAnswer(approval=asked.id, decision="deny")])
        assert (await runtime.runs.wait(parent, 5)).response == "done there"
        later = await fork(runtime, parent, await seq_of(runtime, parent, "run_resumed"))
        events = [entry.event for entry in await entries(runtime, later)]
        assert not {asked.id, own.id} & {one.approval for one in events if isinstance(one, ApprovalRequested)}


async def test_another_prompt_and_another_version() -> None:
    model = ScriptedModel(turns("one", "two", "three", "four", "five"))
    async with RuntimeInMemory(model, TOOLS) as runtime:
        parent = await ended(runtime)
        child = await fork(runtime, parent, 2, prompt="Be brief.")
        await runtime.runs.wait(child, 5)
        assert model.requests[-1].messages[0].text == "Be brief."
        version = (await runtime.runs.get("local", child)).version or ""
        assert version not in (runtime.agent.version, None)
        runtime.catalog.agents["test"] = now = runtime.build(msgspec.structs.replace(runtime.spec(), prompt="Now."))
        await runtime.runs.wait(await fork(runtime, parent, 2), 5)
        assert model.requests[-1].messages[0].role == "user"  # the parent's version has no prompt
        await runtime.runs.wait(await fork(runtime, parent, 2, version=version), 5)
        assert model.requests[-1].messages[0].text == "Be brief."
        last = await fork(runtime, parent, 2, version="current")
        await runtime.runs.wait(last, 5)
        assert model.requests[-1].messages[0].text == "Now."
        assert (await runtime.runs.get("local", last)).version == now.version


async def test_a_prompt_of_a_request_is_no_template() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("one", "two")), TOOLS) as runtime:
        parent = await ended(runtime)
        child = await fork(runtime, parent, 2, prompt="{{ 7 * 7 }} {% for")
        await runtime.runs.wait(child, 5)
        version = (await runtime.runs.get("local", child)).version or ""
        stored = await runtime.journal.definition(version)
        assert stored is not None
        spec = AgentSpec.decode(stored.data, {})
        agent = assemble(spec, ReactAgent, {})
        assert agent.prompt(AgentState()) == "{{ 7 * 7 }} {% for"


def served(runtime: RuntimeInMemory, *without: str, limits: Limits | None = None, **approval: Any) -> None:
    """The agent's file says something else from now on."""
    spec = runtime.spec()
    tools = [_asking(one, approval) for one in spec.tools if one.name not in without]
    changed = msgspec.structs.replace(spec, tools=tuple(tools), limits=limits or spec.limits)
    runtime.catalog.put(runtime.build(changed), 0)


def _asking(tool: ToolSpec, approval: dict[str, Any]) -> ToolSpec:
    return tool.with_policy(approval=msgspec.structs.replace(tool.policy.approval, **approval))


async def test_a_fork_asks_where_todays_agent_asks_and_the_parent_does_not() -> None:
    model = ScriptedModel(turns({"sign": {}}, {"pay": {"amount": 5}}, "paid", {"pay": {"amount": 5}}, "paid too"))
    async with RuntimeInMemory(model, TOOLS) as runtime:
        OUTCOMES.clear()
        parent = await runtime.start("pay")
        (asked,) = (await runtime.runs.wait(parent, 5)).approvals
        served(runtime, when="always", by="other")
        await runtime.runs.answer("local", parent, [HumanAnswer(approval=asked.id, decision="approve")])
        assert (await runtime.runs.wait(parent, 5)).response == "paid"
        child = await fork(runtime, parent, await seq_of(runtime, parent, "tool_call_finished"))
        (own,) = (await runtime.runs.wait(child, 5)).approvals
        assert (own.tool, own.kind, OUTCOMES) == ("pay", "tool", ["paid 5"])
        with pytest.raises(ForbiddenError):
            await runtime.runs.answer("local", child, [HumanAnswer(approval=own.id, decision="approve")])
        named = await fork(
            runtime, parent, await seq_of(runtime, parent, "tool_call_finished"), version=runtime.agent.version
        )
        await runtime.runs.wait(named, 5)
        assert (await runtime.runs.get("local", named)).version == (await runtime.runs.get("local", child)).version


async def test_a_waiting_approval_is_answered_as_todays_agent_says() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"sign": {}}, "done")), TOOLS) as runtime:
        parent = await runtime.start("sign")
        await runtime.runs.wait(parent, 5)
        served(runtime, by="other")
        child = await fork(runtime, parent, await seq_of(runtime, parent, "run_paused"))
        (own,) = (await runtime.runs.wait(child, 5)).approvals
        with pytest.raises(ForbiddenError):
            await runtime.runs.answer("local", child, [HumanAnswer(approval=own.id, decision="approve")])


async def test_what_the_parent_was_allowed_the_fork_is_not() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"sign": {}}, "signed", "again")), TOOLS) as runtime:
        parent = await runtime.start("sign")
        (asked,) = (await runtime.runs.wait(parent, 5)).approvals
        await runtime.runs.answer("local", parent, [HumanAnswer(approval=asked.id, decision="approve")])
        await runtime.runs.wait(parent, 5)
        given, started = (
            await seq_of(runtime, parent, "approval_given"),
            await seq_of(runtime, parent, "tool_call_started"),
        )
        (again,) = (await runtime.runs.wait(await fork(runtime, parent, given), 5)).approvals
        assert (again.kind, again.decisions) == ("tool", ("approve", "deny"))
        (known,) = (await runtime.runs.wait(await fork(runtime, parent, started), 5)).approvals
        assert (known.kind, known.result) == ("unknown_outcome", "signed")
        model_calls = (await runtime.runs.state("local", parent)).model_calls
        assert model_calls == 2


async def test_a_call_under_way_that_may_run_again_asks_where_todays_agent_asks() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"put": {}}, "ok", "ok")), TOOLS) as runtime:
        OUTCOMES.clear()
        parent = await ended(runtime)
        served(runtime, when="always")
        child = await fork(runtime, parent, await seq_of(runtime, parent, "tool_call_started"))
        (own,) = (await runtime.runs.wait(child, 5)).approvals
        assert (own.kind, OUTCOMES) == ("tool", [f"{parent}:m1.0"])
        await runtime.runs.answer("local", child, [HumanAnswer(approval=own.id, decision="approve")])
        assert (await runtime.runs.wait(child, 5)).response == "ok"
        assert (len(OUTCOMES), set(OUTCOMES)) == (2, {f"{parent}:m1.0"})


async def test_a_tool_that_todays_agent_does_not_list_is_refused_to_the_model() -> None:
    model = ScriptedModel(turns({"pay": {"amount": 5}}, "paid", "no more"))
    async with RuntimeInMemory(model, TOOLS) as runtime:
        OUTCOMES.clear()
        parent = await ended(runtime)
        served(runtime, "pay")
        child = await fork(runtime, parent, await seq_of(runtime, parent, "model_replied"))
        assert (await runtime.runs.wait(child, 5)).response == "no more"
        assert "pay" not in [tool.name for tool in model.requests[-1].tools]
        (error,) = (await runtime.runs.state("local", child)).errors
        assert (error.code, OUTCOMES) == ("tool_not_found", ["paid 5"])


async def test_a_fork_has_todays_limits_too_and_needs_an_agent_that_is_served() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"look": {"name": "A"}}, "A.")), TOOLS) as runtime:
        parent = await ended(runtime)
        served(runtime, limits=Limits(steps=1))
        child = await fork(runtime, parent, await seq_of(runtime, parent, "tool_call_finished"))
        assert (await runtime.runs.wait(child, 5)).stopped_by == "steps"
        runtime.catalog.remove("test")
        with pytest.raises(NotFoundError):
            await fork(runtime, parent, 2)


@pytest.mark.parametrize(
    ("at", "edits", "kind", "said"),
    [
        (0, {}, NotFoundError, "events 1 to 9"),
        (10, {}, NotFoundError, "events 1 to 9"),
        (9, {}, StateError, "Fork it at event 8 or earlier"),
        (4, {"messages": (text("more"),)}, StateError, "the calls m1.0 have no results yet"),
        (6, {"messages": (text("x", replace=3),)}, NotFoundError, "These are: 1, 4, 6"),
        (2, {"version": "0123456789abcdef"}, NotFoundError, "has no version"),
        (2, {"context": {"a": "x" * 40_000}}, ValidationError, "32 KiB"),
    ],
)
async def test_what_cannot_be_is_refused(at: int, edits: dict[str, Any], kind: type[BaseError], said: str) -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"look": {"name": "A"}}, "A.")), TOOLS) as runtime:
        parent = await ended(runtime)
        with pytest.raises(kind, match=said):
            await fork(runtime, parent, at, **edits)
        with pytest.raises(NotFoundError):
            await runtime.forks.fork("another", ForkRun(run_id=parent, at=2))


async def test_runs_that_have_not_begun_or_are_one_call_are_not_forked() -> None:
    async with RuntimeInMemory(ScriptedModel(turns({"sign": {}})), TOOLS) as runtime:
        await ended(runtime, thread="t")
        queued = await runtime.start("behind", "t")
        with pytest.raises(StateError, match="has not started"):
            await fork(runtime, queued, 1)
        lone = await runtime.runs.call("local", StartCall(tool="look", arguments={"name": "A"}))
        with pytest.raises(StateError, match="direct tool call"):
            await fork(runtime, lone.run_id, 2)


async def test_a_failed_model_call_can_be_tried_again() -> None:
    async with RuntimeInMemory(ScriptedModel([{"error": 500}, {"text": "Now."}]), TOOLS) as runtime:
        parent = await ended(runtime)
        with pytest.raises(StateError, match="Fork it at event 3 or earlier"):
            await fork(runtime, parent, await seq_of(runtime, parent, "model_failed"))
        assert (await runtime.runs.wait(await fork(runtime, parent, 3), 5)).response == "Now."


async def test_one_key_makes_one_fork() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("one", "two", "three")), TOOLS) as runtime:
        parent = await ended(runtime)
        first = await fork(runtime, parent, 2, key=IdempotencyKey("/fork", "k", "h"))
        assert await fork(runtime, parent, 2, key=IdempotencyKey("/fork", "k", "h")) == first
        with pytest.raises(IdempotencyError):
            await fork(runtime, parent, 3, key=IdempotencyKey("/fork", "k", "other"))
        assert len(await runtime.journal.runs(RunFilter())) == 2


async def test_rows_of_forks_are_what_their_events_say_and_a_restart_goes_on(tmp_path: Path) -> None:
    began, hold = asyncio.Event(), asyncio.Event()

    @tool(effects="idempotent")
    async def wait() -> str:
        """Wait."""
        began.set()
        await hold.wait()
        return "waited"

    file = tmp_path / "journal.db"
    plan = [{"tool_calls": [{"name": "note"}, {"name": "sign"}]}, {"tool_calls": [{"name": "wait"}]}, {"text": "end"}]
    async with RuntimeInMemory(ScriptedModel(plan), [*TOOLS, wait], SqliteJournal(file)) as runtime:
        parent = await runtime.start("go", "t")
        await runtime.runs.wait(parent, 5)
        await runtime.threads.patch_global_context("local", {"notes": 2})
        child = await fork(
            runtime, parent, await seq_of(runtime, parent, "run_paused"), messages=(text("went", replace=1),)
        )
        assert await runtime.journal.global_context("local") == {"notes": 2}
        assert (await runtime.runs.state("local", child)).global_context == {"notes": 1}
        (own,) = (await runtime.runs.wait(child, 5)).approvals
        await runtime.runs.answer("local", child, [HumanAnswer(approval=own.id, decision="deny")])
        await began.wait()
        grandchild = await fork(runtime, child, len(await entries(runtime, child)))
        await runtime.worker.stop(0)
        await runtime.journal.close()
    hold.set()
    async with RuntimeInMemory(ScriptedModel(plan[2:] * 2), [*TOOLS, wait], SqliteJournal(file)) as runtime:
        assert await runtime.worker.recover() == 2
        for run in (child, grandchild):
            assert (await runtime.runs.wait(run, 5)).response == "end"
            stored = await runtime.threads.messages("local", (await runtime.runs.get("local", run)).thread[6:], 0, 9)
            assert stored[0].message.text == "went"
        row = await runtime.runs.get("local", grandchild)
        assert row.accepted_at > (await runtime.runs.get("local", parent)).accepted_at
        await runtime.journal.close()
        assert list(differences(apsw.Connection(str(file)))) == []


async def test_the_parent_may_be_erased() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("Hello.", "A.", "B.")), TOOLS) as runtime:
        await ended(runtime, text="Hi", thread="t")
        parent = await ended(runtime, text="Where is A?", thread="t")
        child = await fork(runtime, parent, 2)
        await runtime.runs.wait(child, 5)
        await runtime.threads.erase("local", "t")
        state = await runtime.runs.state("local", child)
        assert (state.first_no, state.last_no) == (1, 2)
        assert isinstance((await entries(runtime, child))[0].event, RunAccepted)
        forked = [entry.event for entry in await entries(runtime, child) if entry.type == "run_forked"]
        assert isinstance(forked[0], RunForked)
        assert not [entry for entry in await entries(runtime, child) if isinstance(entry.event, MessageReplaced)]
