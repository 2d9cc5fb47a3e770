"""Requirement: humans in the loop through the public API (questions, deadlines, another's answer, interrupts)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from tests.harness.asgi_client import request, socket

TOOLS = '''
from journeyman import ToolContext, tool
from journeyman.tools.tool import BlockingToolContext


@tool(effects="idempotent")
async def order(item: str, ctx: ToolContext) -> str:
    """Order something."""
    return f"{item} in {await ctx.ask('Which size?')}"


@tool(effects="none")
def order_apart(item: str, ctx: BlockingToolContext) -> str:
    """The same in a process of its own."""
    return f"{item} in {ctx.ask('Which size?', deadline_seconds=0.2, default='M')}"


@tool(effects="once")
async def refund(amount: int) -> str:
    """Refund."""
    return f"refunded {amount}"
'''
AGENT = """
type: react_agent
model: script:turns.yaml
tools:
  - order
  - order_apart
  - {name: refund, approval: %s}
limits: %s
"""


def turn(tool: str, **arguments: Any) -> str:
    return f"- {{tool_calls: [{{name: {tool}, arguments: {arguments}}}]}}\n- {{text: done}}\n"


Serve = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def served(turns: str, approval: str = "always", limits: str = "{}") -> AsyncIterator[Any]:
        (tmp_path / "tools").mkdir(exist_ok=True)
        (tmp_path / "tools" / "shop.py").write_text(TOOLS)
        (tmp_path / "turns.yaml").write_text(turns)
        (tmp_path / "agent.yaml").write_text(AGENT % (approval, limits))
        app = create_app(tmp_path / "agent.yaml", database_url=f"sqlite:///{tmp_path / 'j.db'}")
        yield app
        await app.stop()

    return served


async def post(app: Any, path: str, body: dict[str, Any], status: int = 200, **headers: str) -> Any:
    answer = await request(app, "POST", path, json=body, headers=headers)
    assert answer.status == status, answer.text
    return answer.json()


async def until(app: Any, run_id: str, *statuses: str) -> Any:
    async with asyncio.timeout(10):
        while (run := (await request(app, "GET", f"/runs/{run_id}")).json())["status"] not in statuses:
            await asyncio.sleep(0.01)
    return run


async def test_a_question_survives_a_restart_and_of_two_answers_one_wins(serve: Serve) -> None:
    async with serve(turn("order", item="shirt")) as app:
        paused = await post(app, "/process", {"user_input": "a shirt"})
        (asked,) = paused["approvals"]
        assert (asked["kind"], asked["message"], asked["decisions"]) == ("question", "Which size?", ["done", "deny"])
    async with serve("- {text: a shirt in L}\n") as app:
        (listed,) = (await request(app, "GET", "/approvals")).json()["items"]
        assert listed == asked
        body = {"answers": [{"approval": asked["approval"], "decision": "done", "result": "L"}]}
        both = [request(app, "POST", f"/runs/{paused['run_id']}/resume", json=body) for _ in range(2)]
        answers = await asyncio.gather(*both)
        assert sorted(answer.status for answer in answers) == [200, 409]
        assert (await until(app, paused["run_id"], "finished"))["response"] == "a shirt in L"
        messages = (await request(app, "GET", f"/threads/{paused['thread_id']}/messages")).json()["items"]
        assert messages[2]["message"]["content"][0]["text"] == "shirt in L"


async def test_a_question_is_answered_over_the_socket(serve: Serve) -> None:
    async with serve(turn("order", item="shirt")) as app, socket(app) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": "a shirt"})
        run_id = (await ws.receive())["run_id"]
        while (await ws.receive())["type"] != "run_paused":
            pass
        await ws.send({"type": "input", "id": "2", "run_id": run_id, "text": "S"})
        seen = [await ws.receive()]
        while seen[-1]["type"] != "run_finished":
            seen.append(await ws.receive())
        assert {"type": "ack", "id": "2"}.items() <= next(one for one in seen if one["type"] == "ack").items()
        finished = next(one for one in seen if one["type"] == "tool_call_finished")
        assert finished["data"]["result"] == "shirt in S"
        await ws.send({"type": "input", "id": "3", "run_id": run_id, "text": "M"})
        refused = await ws.receive()
        assert (refused["type"], refused["code"], refused["status"]) == ("error", "nothing_asked", 409)


async def test_a_question_out_of_a_process_is_answered_by_its_deadline(serve: Serve) -> None:
    async with serve(turn("order_apart", item="shirt")) as app:
        paused = await post(app, "/process", {"user_input": "a shirt"})
        (asked,) = paused["approvals"]
        assert (asked["default"], asked["result"]) == ("done", "M")
        assert asked["deadline"] > asked["requested_at"]
        await until(app, paused["run_id"], "finished")
        events = (await request(app, "GET", f"/runs/{paused['run_id']}/events")).json()["items"]
        given = next(event["data"] for event in events if event["type"] == "approval_given")
        assert given == {"approval": asked["approval"], "decision": "done", "by": "deadline", "result": "M"}
        assert "shirt in M" in str(events)


async def test_a_deadline_is_kept_by_the_server_that_comes_after(serve: Serve) -> None:
    policy = "{deadline_seconds: 2}"
    async with serve(turn("refund", amount=5), policy) as app:
        paused = await post(app, "/process", {"user_input": "refund"})
        assert paused["status"] == "paused"
    async with serve("- {text: not refunded}\n", policy) as app:
        run = await until(app, paused["run_id"], "finished")
        assert run["response"] == "not refunded"
        assert "approval_denied" in (await request(app, "GET", f"/runs/{paused['run_id']}/events")).text


async def test_who_asks_may_not_answer_where_another_is_wanted(serve: Serve) -> None:
    async with serve(turn("refund", amount=5), "{when: 'args.amount > 3', by: other}") as app:
        paused = await post(app, "/process", {"user_input": "refund"})
        (asked,) = paused["approvals"]
        assert (asked["answerer"], asked["requested_by"]) == ("other", "local")
        body = {"answers": [{"approval": asked["approval"], "decision": "approve"}]}
        assert (await post(app, f"/runs/{paused['run_id']}/resume", body, 403))["code"] == "answer_by_other"


async def test_approvals_of_one_reply_are_listed_in_the_order_of_its_calls(serve: Serve) -> None:
    calls = ", ".join(f"{{name: refund, arguments: {{amount: {n}}}}}" for n in range(40))
    async with serve(f"- {{tool_calls: [{calls}]}}\n- {{text: done}}\n") as app:
        paused = await post(app, "/process", {"user_input": "refund all"})
        assert [row["arguments"]["amount"] for row in paused["approvals"]] == list(range(40))
        first = (await request(app, "GET", "/approvals?limit=25")).json()
        rest = (await request(app, "GET", f"/approvals?limit=25&cursor={first['next_cursor']}")).json()
        listed = [row["arguments"]["amount"] for row in (*first["items"], *rest["items"])]
        assert listed == list(range(40))


async def test_resume_and_cancel_answer_the_state_after_them(serve: Serve) -> None:
    two = "{name: refund, arguments: {amount: 1}}, {name: refund, arguments: {amount: 2}}"
    async with serve(f"- {{tool_calls: [{two}]}}\n- {{text: done}}\n") as app:
        paused = await post(app, "/process", {"user_input": "refund both"})
        first, second = (row["approval"] for row in paused["approvals"])
        url, approve = f"/runs/{paused['run_id']}/resume", {"decision": "approve"}
        after = await post(app, url, {"answers": [{"approval": first, **approve}]})
        assert after["status"] in ("running", "paused")
        assert [row["approval"] for row in after["approvals"]] == [second]
        await until(app, paused["run_id"], "paused")
        after = await post(app, url, {"answers": [{"approval": second, **approve}]})
        assert after["status"] in ("running", "finished")
        assert (after.get("approvals", []), after.get("waiting_for")) == ([], None)
        await until(app, paused["run_id"], "finished")
    async with serve(turn("refund", amount=1)) as app:
        paused = await post(app, "/process", {"user_input": "refund"})
        waiting = await post(app, "/process", {"user_input": "b", "thread_id": paused["thread_id"]}, 202)
        for run in (waiting, paused):
            ended = await post(app, f"/runs/{run['run_id']}/cancel", {})
            assert (ended["status"], ended.get("approvals", [])) == ("cancelled", [])


async def test_the_model_is_told_which_arguments_a_human_gave(serve: Serve) -> None:
    async with serve(turn("refund", amount=5000)) as app:
        paused = await post(app, "/process", {"user_input": "refund 5000"})
        answer = {"approval": paused["approvals"][0]["approval"], "decision": "approve", "arguments": {"amount": 50}}
        await post(app, f"/runs/{paused['run_id']}/resume", {"answers": [answer]})
        await until(app, paused["run_id"], "finished")
        messages = (await request(app, "GET", f"/threads/{paused['thread_id']}/messages")).json()["items"]
        told = messages[2]["message"]["content"][0]["text"]
        assert told == 'refunded 50\n\n[A human changed the arguments of this call to {"amount":50}]'
        events = (await request(app, "GET", f"/runs/{paused['run_id']}/events")).json()["items"]
        finished = next(event["data"] for event in events if event["type"] == "tool_call_finished")
        assert (finished["result"], finished["human"]) == ("refunded 50", {"arguments": {"amount": 50}})


async def test_the_same_arguments_sent_back_are_no_change(serve: Serve) -> None:
    async with serve(turn("refund", amount=5)) as app:
        paused = await post(app, "/process", {"user_input": "refund 5"})
        answer = {"approval": paused["approvals"][0]["approval"], "decision": "approve", "arguments": {"amount": 5}}
        await post(app, f"/runs/{paused['run_id']}/resume", {"answers": [answer]})
        await until(app, paused["run_id"], "finished")
        messages = (await request(app, "GET", f"/threads/{paused['thread_id']}/messages")).json()["items"]
        assert messages[2]["message"]["content"][0]["text"] == "refunded 5"


async def test_an_interrupt_ends_what_waits_and_is_next(serve: Serve) -> None:
    async with serve(turn("refund", amount=5).replace("done", "second")) as app:
        first = await post(app, "/process", {"user_input": "refund", "thread_id": "t"})
        waiting = await post(app, "/process", {"user_input": "later", "thread_id": "t"}, 202)
        body = {"user_input": "stop, do this", "thread_id": "t", "multitask": "interrupt"}
        second = await post(app, "/process", body, **{"idempotency-key": "k"})
        assert (second["status"], second["response"]) == ("finished", "second")
        again = await post(app, "/process", body, **{"idempotency-key": "k"})
        assert again["run_id"] == second["run_id"]
        for run in (first, waiting):
            assert (await until(app, run["run_id"], "cancelled"))["approvals"] == []
        assert (await request(app, "GET", "/approvals")).json()["items"] == []
        messages = (await request(app, "GET", "/threads/t/messages")).json()["items"]
        roles = [item["message"]["role"] for item in messages if item["message"]["role"] != "tool"]
        assert roles in (
            ["user", "assistant", "user", "assistant"],
            ["user", "assistant", "user", "user", "assistant"],  # the waiting run's turn came before its end
        )
        assert messages[0]["message"]["content"][0]["text"] == "refund", "its finished messages stay"


ASKING = "{tool_calls: 1, on_reached: {tool_calls: {ask: true, up_to: 4}, steps: ask}}"


async def test_a_limit_is_raised_over_http_after_a_restart(serve: Serve) -> None:
    refunds = turn("refund", amount=1) * 2
    both = "- {tool_calls: [{name: refund, arguments: {amount: 2}}, {name: refund, arguments: {amount: 3}}]}\n"
    async with serve(both, "never", ASKING) as app:
        paused = await post(app, "/process", {"user_input": "refund"})
        (asked,) = paused["approvals"]
        assert (asked["kind"], asked["call"], asked["arguments"]) == ("limit", "tool_calls", {"tool_calls": 4})
        assert asked["message"] == (
            "The run has reached its limit `tool_calls` (1). May it go on? `approve` raises the limit to 4, or to the"
            " value in `arguments` (more than 1, at most 4)."
        )
        assert asked["decisions"] == ["approve", "deny"]
    async with serve(refunds, "never", ASKING) as app:
        (listed,) = (await request(app, "GET", "/approvals")).json()["items"]
        assert listed == asked
        path = f"/runs/{paused['run_id']}/resume"
        for value, words in ((1, "more than 1"), (5, "at most 4"), ("2", "a number N"), (1.5, "whole number")):
            answer = {"approval": asked["approval"], "decision": "approve", "arguments": {"tool_calls": value}}
            assert words in (await post(app, path, {"answers": [answer]}, 400))["detail"]
        answer = {"approval": asked["approval"], "decision": "approve", "arguments": {"tool_calls": 2}}
        await post(app, path, {"answers": [answer]})
        async with asyncio.timeout(
            10
        ):  # a run that was answered is shown as paused, without approvals, until it goes on
            while not (again := await until(app, paused["run_id"], "paused"))["approvals"]:
                await asyncio.sleep(0.01)
        assert again["approvals"][0]["message"].startswith("The run has reached its limit `tool_calls` (2).")
        answer = {"approval": again["approvals"][0]["approval"], "decision": "deny"}
        await post(app, path, {"answers": [answer]})
        ended = await until(app, paused["run_id"], "finished")
        assert (ended["stopped_by"], ended["response"][:40]) == (
            "tool_calls",
            "The run reached its limit `tool_calls` b",
        )


async def test_who_asks_for_a_higher_limit_may_not_give_it_where_another_is_wanted(serve: Serve) -> None:
    limits = "{tool_calls: 0, on_reached: {tool_calls: {ask: true, up_to: 1, by: other}}}"
    async with serve(turn("refund", amount=5), "never", limits) as app:
        paused = await post(app, "/process", {"user_input": "refund"})
        (asked,) = paused["approvals"]
        assert (asked["answerer"], asked["requested_by"]) == ("other", "local")
        body = {"answers": [{"approval": asked["approval"], "decision": "approve"}]}
        assert (await post(app, f"/runs/{paused['run_id']}/resume", body, 403))["code"] == "answer_by_other"


GRAPH = """
type: custom_react_agent
model: script:turns.yaml
graph:
  start: write
  nodes:
    write: {type: llm, prompt: Write a letter.}
    review: {type: approval, message: "Send this?\\n{{ reply }}"}
    send: {type: function, call: "nodes:send"}
  edges:
    - {from: write, to: review}
    - {from: review, to: send}
    - {from: send, to: end}
"""
SEND = """
async def send(ctx):
    return ctx.answer("Sent: " + ctx.messages[-1].text)
"""


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_letter_is_reviewed_sent_and_confirmed_or_held_back(tmp_path: Path, decision: str) -> None:
    (tmp_path / "agent.yaml").write_text(GRAPH)
    (tmp_path / "nodes.py").write_text(SEND)
    (tmp_path / "turns.yaml").write_text("- {text: 'Dear {{ Ann }}'}\n")
    app = create_app(tmp_path / "agent.yaml", database_url=f"sqlite:///{tmp_path / 'j.db'}")
    try:
        paused = await post(app, "/process", {"user_input": "to Ann"})
        (asked,) = paused["approvals"]
        assert asked["message"] == "Send this?\nDear {{ Ann }}"
        answers = [{"approval": asked["approval"], "decision": decision}]
        await post(app, f"/runs/{paused['run_id']}/resume", {"answers": answers})
        run = await until(app, paused["run_id"], "finished", "failed")
        sent = ("Sent: Dear {{ Ann }}", None)
        held = ("A human said no at the node review.", "denied")
        assert (run["response"], run["stopped_by"]) == (sent if decision == "approve" else held)
        messages = (await request(app, "GET", f"/threads/{paused['thread_id']}/messages")).json()["items"]
        assert len(messages) == (3 if decision == "approve" else 2)
    finally:
        await app.stop()
