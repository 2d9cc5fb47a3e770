"""Requirement (graphs): a graph of twelve nodes (triage, two specialists in parallel, review, approval) works by HTTP,
WebSocket and command line, and its picture is right. The example as it is shipped, with the offline model."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import request, socket
from journeyman import create_app
from journeyman.cli import main
from journeyman.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "claims"
SPECIALISTS = {"delivery": "order_parcel", "billing": "order_invoice"}
LOST, DAMAGED, DELIVERED = (
    "Order 1042 never came, please refund it",
    "Order 1043 came damaged, 12 euros back please",
    "Order 1041, where is it?",
)


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, in an empty folder and without any of our variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    shutil.copytree(EXAMPLE, tmp_path / "claims", ignore=shutil.ignore_patterns("var", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "claims"


@pytest.fixture
async def app(claims: Path) -> AsyncIterator[Any]:
    served = create_app(claims, database_url="memory://")
    yield served
    await served.stop()


def refunds(claims: Path) -> list[dict[str, Any]]:
    ledger = claims / "var" / "refunds.jsonl"
    return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []


def visited(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["path"]["node"] for event in events if event["type"] == "node_entered"]


async def events_of(app: Any, run_id: str) -> list[dict[str, Any]]:
    page = (await request(app, "GET", f"/runs/{run_id}/events?limit=1000")).json()
    assert page["next_cursor"] is None
    found: list[dict[str, Any]] = page["items"]
    return found


# --- HTTP


async def test_a_small_claim_is_paid_without_a_human(app: Any, claims: Path) -> None:
    answer = (await request(app, "POST", "/process", json={"user_input": DAMAGED})).json()
    assert (answer["status"], answer["model"]) == ("finished", "offline")
    assert "damaged" in answer["response"]
    assert "24.0" in answer["response"]
    assert [(entry["order"], entry["amount"]) for entry in refunds(claims)] == [("1043", 12.0)]
    nodes = visited(await events_of(app, answer["run_id"]))
    assert nodes[:2] == ["intake", "triage"]
    assert nodes[-4:] == ["weigh", "review", "pay", "reply"]


async def test_the_specialists_work_at_once_each_in_a_branch_of_its_own(app: Any) -> None:
    answer = (await request(app, "POST", "/process", json={"user_input": DAMAGED})).json()
    events = await events_of(app, answer["run_id"])
    inside = [event for event in events if event["data"].get("path", {}).get("branch")]
    moves = [(event["type"], event["data"]["path"]["node"]) for event in inside]
    assert {node for kind, node in moves[:2] if kind == "node_entered"} == set(SPECIALISTS), (
        "both begin, then they work"
    )
    branches = {event["data"]["path"]["node"]: event["data"]["path"]["branch"] for event in inside}
    assert branches["delivery"] != branches["billing"]
    called = {
        event["data"]["tool"]: event["data"]["path"]["branch"]
        for event in inside
        if event["type"] == "tool_call_started"
    }
    assert called == {tool: branches[node] for node, tool in SPECIALISTS.items()}
    [join] = [event["data"] for event in events if event["data"].get("joins")]
    assert (join["path"]["node"], set(join["joins"])) == ("weigh", {branches["delivery"], branches["billing"]})


async def test_a_large_claim_waits_for_a_human_and_is_paid_once(app: Any, claims: Path) -> None:
    waiting = (await request(app, "POST", "/process", json={"user_input": LOST})).json()
    assert waiting["status"] == "paused"
    [approval] = waiting["approvals"]
    assert approval["message"] == "Refund 60.0 euros for order 1042?"
    assert refunds(claims) == []
    yes = {"answers": [{"approval": approval["approval"], "decision": "approve"}]}
    assert (await request(app, "POST", f"/runs/{waiting['run_id']}/resume", json=yes)).status in (200, 202)
    events = await _until(app, waiting["run_id"], "run_finished")
    assert visited(events)[-3:] == ["approve", "pay", "reply"]
    assert [(entry["order"], entry["amount"]) for entry in refunds(claims)] == [("1042", 60.0)]


async def test_nothing_is_due_for_what_arrived(app: Any, claims: Path) -> None:
    answer = (await request(app, "POST", "/process", json={"user_input": DELIVERED})).json()
    assert visited(await events_of(app, answer["run_id"]))[-2:] == ["review", "reply"]
    assert refunds(claims) == []


async def test_a_claim_without_an_order_is_asked_about(app: Any) -> None:
    answer = (await request(app, "POST", "/process", json={"user_input": "It is broken!"})).json()
    assert visited(await events_of(app, answer["run_id"])) == ["intake", "clarify"]


async def test_a_thread_may_hold_several_claims(app: Any, claims: Path) -> None:
    for text in (DAMAGED, "It is broken!", DELIVERED):
        answer = (await request(app, "POST", "/process", json={"user_input": text, "thread_id": "t"})).json()
        assert answer["status"] == "finished"
    assert len(refunds(claims)) == 1


# --- WebSocket


async def test_over_a_socket_a_human_says_no(app: Any, claims: Path) -> None:
    async with socket(app) as ws:
        await ws.send({"type": "start", "id": "1", "user_input": LOST})
        ack = await ws.receive()
        before = await _heard(ws, "run_paused")
        [asked] = [event for event in before if event["type"] == "approval_requested"]
        no = [{"approval": asked["data"]["approval"], "decision": "deny"}]
        await ws.send({"type": "resume", "id": "2", "run_id": ack["run_id"], "answers": no})
        after = await _heard(ws, "run_finished")
    assert visited(before)[-1] == "approve"
    assert visited(after) == ["reply"]
    numbers = [event["seq"] for event in [*before, *after]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert refunds(claims) == []


async def _heard(ws: Any, last: str) -> list[dict[str, Any]]:
    """The stored events up to one of this type."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] != last:
        frame = await ws.receive()
        heard += [frame] if "seq" in frame else []
    return heard


async def _until(app: Any, run_id: str, last: str) -> list[dict[str, Any]]:
    """All events, once the run has ended: the stream of them ends with it."""
    await request(app, "GET", f"/runs/{run_id}/events", headers={"accept": "text/event-stream"})
    events = await events_of(app, run_id)
    assert events[-1]["type"] == last
    return events


# --- command line


@pytest.fixture
def shell(claims: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str]]]:
    def run(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().out

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield run
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


Shell = Callable[..., tuple[int, str]]


def test_at_the_command_line(shell: Shell, claims: Path) -> None:
    assert shell("check", "claims") == (0, f"claims is fine (version {_version(shell)})\n")
    code, out = shell("run", DAMAGED, "claims")
    assert (code, "damaged" in out) == (0, True)
    code, out = shell("run", LOST, "claims")
    assert (code, "Refund 60.0 euros for order 1042?" in out) == (6, True)
    [approval] = json.loads(shell("approvals", "--json")[1])["items"]
    assert shell("approvals", "answer", approval["approval"], "approve", "claims")[0] == 0
    assert [entry["order"] for entry in refunds(claims)] == ["1043", "1042"]


def _version(shell: Shell) -> str:
    version: str = json.loads(shell("agents", "claims", "--json")[1])["items"][0]["version"]
    return version


def test_a_dry_run_tells_its_way_and_changes_nothing(shell: Shell, claims: Path) -> None:
    before = {path for path in claims.parent.rglob("*") if "__pycache__" not in path.parts}
    code, out = shell("graph", "claims", "--dry-run", "--input", LOST)
    assert code == 0
    lines = out.splitlines()
    assert [line.split(" ")[0] for line in lines if line and not line.startswith(" ")][:2] == ["intake", "triage"]
    assert "    has(context.thread.claim.order) ? yes" in out
    assert "    -> delivery, billing" in lines
    assert 'context.thread.claim.due > 50.0 ? yes; context.thread.claim = {"order":"1042","due":60.0}' in out
    assert lines.index("approve [approval]") < lines.index("pay [function]") < lines.index("reply [llm]")
    assert "finished" in lines
    assert before == {path for path in claims.parent.rglob("*") if "__pycache__" not in path.parts}
    steps = json.loads(shell("graph", "claims", "--dry-run", "--input", LOST, "--json")[1])["steps"]
    assert [step["to"] for step in steps if step["node"] == "pay"] == [["reply"]]


def test_a_dry_run_has_a_script_and_ends_by_limits(shell: Shell, claims: Path) -> None:
    turn = '{tool_calls: [{name: order_parcel, arguments: {order_id: "1042"}}]}'
    (claims / "loop.yaml").write_text("- {text: triage}\n" + f"- {turn}\n" * 60)
    code, out = shell("graph", "claims", "--dry-run", "--input", LOST, "--script", "claims/loop.yaml")
    assert (code, "stopped at the limit" in out) == (0, True)
    (claims / "short.yaml").write_text("- {text: triage}\n")
    code, out = shell("graph", "claims", "--dry-run", "--input", LOST, "--script", "claims/short.yaml")
    assert (code, "script_exhausted" in out) == (1, True)


# --- the picture


def test_the_picture_in_the_readme_is_the_drawn_one(shell: Shell) -> None:
    drawn = shell("graph", "claims")[1]
    assert f"```mermaid\n{drawn}```\n" in (EXAMPLE / "README.md").read_text()


async def test_the_picture_has_twelve_nodes_and_every_way(app: Any) -> None:
    graph = (await request(app, "GET", "/agents/claims/graph")).json()
    assert len(graph["nodes"]) == 12
    ways = {(edge["from"], edge["to"], edge.get("kind", "")) for edge in graph["edges"]}
    assert {("triage", "delivery", "fan_out"), ("billing", "weigh", "join"), ("approve", "reply", "on_error")} <= ways
    text = (await request(app, "GET", "/agents/claims/graph?format=mermaid")).text
    assert re.findall(r"^    (\w+) ==> (\w+)$", text, re.MULTILINE) == [("triage", "delivery"), ("triage", "billing")]
