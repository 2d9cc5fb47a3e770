"""Requirement (graphs): a graph of twelve nodes (triage, two specialists in parallel, review, approval) works by HTTP,
WebSocket and command line, and its picture is right. The example as it is shipped, with the offline model."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from journeyman import create_app
from tests.harness.asgi_client import request, socket
from tests.harness.cli_runner import Shell, shell_of, without_our_variables

EXAMPLE = Path(__file__).parents[2] / "examples" / "claims"
SPECIALISTS = {"delivery": "order_parcel", "billing": "order_invoice"}
LOST, DAMAGED, DELIVERED = (
    "Order 1042 never came, please refund it",
    "Order 1043 came damaged, 12 euros back please",
    "Order 1041, where is it?",
)


ONE_LOOP = pytest.mark.asyncio(loop_scope="module")


def copied(folder: Path) -> Path:
    shutil.copytree(EXAMPLE, folder / "claims", ignore=shutil.ignore_patterns("var", "__pycache__"))
    return folder / "claims"


class Desk:
    """The example, served, with what it paid in each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = copied(folder)
        self.app = create_app(self.folder, database_url="memory://")
        self._paid = 0

    async def say(self, text: str, **more: str) -> dict[str, Any]:
        answer = await request(self.app, "POST", "/process", json={"user_input": text, **more})
        found: dict[str, Any] = answer.json()
        return found

    async def events(self, run_id: str) -> list[dict[str, Any]]:
        """All of them, once the run has ended: the stream of them ends with it."""
        await request(self.app, "GET", f"/runs/{run_id}/events", headers={"accept": "text/event-stream"})
        page = (await request(self.app, "GET", f"/runs/{run_id}/events?limit=1000")).json()
        assert page["next_cursor"] is None
        found: list[dict[str, Any]] = page["items"]
        return found

    def paid(self) -> list[tuple[str, float]]:
        """The refunds since this was last asked, as order and amount."""
        entries = refunds(self.folder)[self._paid :]
        self._paid += len(entries)
        return entries


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    with pytest.MonkeyPatch.context() as patch:
        without_our_variables(patch)
        desk = Desk(tmp_path_factory.mktemp("desk"))
        yield desk
        await desk.app.stop()


@pytest.fixture
def desk(served: Desk) -> Desk:
    served.paid()
    return served


def refunds(claims: Path) -> list[tuple[str, float]]:
    ledger = claims / "var" / "refunds.jsonl"
    entries = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    return [(entry["order"], entry["amount"]) for entry in entries]


def visited(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["path"]["node"] for event in events if event["type"] == "node_entered"]


# --- HTTP


@ONE_LOOP
async def test_a_small_claim_is_paid_without_a_human(desk: Desk) -> None:
    answer = await desk.say(DAMAGED)
    assert (answer["status"], answer["model"]) == ("finished", "offline")
    assert "damaged" in answer["response"]
    assert "24.0" in answer["response"]
    assert desk.paid() == [("1043", 12.0)]
    nodes = visited(await desk.events(answer["run_id"]))
    assert nodes[:2] == ["intake", "triage"]
    assert nodes[-4:] == ["weigh", "review", "pay", "reply"]


@ONE_LOOP
async def test_the_specialists_work_at_once_each_in_a_branch_of_its_own(desk: Desk) -> None:
    events = await desk.events((await desk.say(DAMAGED))["run_id"])
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


@ONE_LOOP
async def test_a_large_claim_waits_for_a_human_and_is_paid_once(desk: Desk) -> None:
    waiting = await desk.say(LOST)
    assert waiting["status"] == "paused"
    [approval] = waiting["approvals"]
    assert approval["message"] == "Refund 60.0 euros for order 1042?"
    assert desk.paid() == []
    yes = {"answers": [{"approval": approval["approval"], "decision": "approve"}]}
    assert (await request(desk.app, "POST", f"/runs/{waiting['run_id']}/resume", json=yes)).status in (200, 202)
    events = await desk.events(waiting["run_id"])
    assert events[-1]["type"] == "run_finished"
    assert visited(events)[-3:] == ["approve", "pay", "reply"]
    assert desk.paid() == [("1042", 60.0)]


@ONE_LOOP
async def test_nothing_is_due_for_what_arrived(desk: Desk) -> None:
    events = await desk.events((await desk.say(DELIVERED))["run_id"])
    assert visited(events)[-2:] == ["review", "reply"]
    assert desk.paid() == []


@ONE_LOOP
async def test_a_thread_may_hold_several_claims(desk: Desk) -> None:
    """What one claim left in the context is forgotten by the next."""
    assert (await desk.say(DAMAGED, thread_id="t"))["status"] == "finished"
    answer = await desk.say("It is broken!", thread_id="t")
    assert visited(await desk.events(answer["run_id"])) == ["intake", "clarify"]
    assert (await desk.say(DELIVERED, thread_id="t"))["status"] == "finished"
    assert len(desk.paid()) == 1


@ONE_LOOP
async def test_the_picture_has_twelve_nodes_and_every_way(desk: Desk) -> None:
    graph = (await request(desk.app, "GET", "/agents/claims/graph")).json()
    assert len(graph["nodes"]) == 12
    ways = {(edge["from"], edge["to"], edge.get("kind", "")) for edge in graph["edges"]}
    assert {("triage", "delivery", "fan_out"), ("billing", "weigh", "join"), ("approve", "reply", "on_error")} <= ways
    text = (await request(desk.app, "GET", "/agents/claims/graph?format=mermaid")).text
    assert re.findall(r"^    (\w+) ==> (\w+)$", text, re.MULTILINE) == [("triage", "delivery"), ("triage", "billing")]


# --- WebSocket


@ONE_LOOP
async def test_over_a_socket_a_human_says_no(desk: Desk) -> None:
    async with socket(desk.app) as ws:
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
    assert desk.paid() == []


async def _heard(ws: Any, last: str) -> list[dict[str, Any]]:
    """The stored events up to one of this type."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] != last:
        frame = await ws.receive()
        heard += [frame] if "seq" in frame else []
    return heard


# --- command line


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example in an empty folder."""
    without_our_variables(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return copied(tmp_path)


@pytest.fixture
def shell(claims: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with shell_of(capsys) as shell:
        yield shell


def test_at_the_command_line(shell: Shell, claims: Path) -> None:
    code, out = shell("run", DAMAGED, "claims")
    assert (code, "damaged" in out) == (0, True)
    code, out = shell("run", LOST, "claims")
    assert (code, "Refund 60.0 euros for order 1042?\n" in out) == (6, True)
    [approval] = json.loads(shell("approvals", "--json")[1])["items"]
    assert shell("approvals", "answer", approval["approval"], "approve", "claims")[0] == 0
    assert refunds(claims) == [("1043", 12.0), ("1042", 60.0)]


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


def test_a_dry_run_has_a_script_and_ends_by_limits(shell: Shell, claims: Path) -> None:
    turn = '{tool_calls: [{name: order_parcel, arguments: {order_id: "1042"}}]}'
    (claims / "loop.yaml").write_text("- {text: triage}\n" + f"- {turn}\n" * 60)
    code, out = shell("graph", "claims", "--dry-run", "--input", LOST, "--script", "claims/loop.yaml")
    assert (code, "stopped at the limit" in out) == (0, True)
    (claims / "short.yaml").write_text("- {text: triage}\n")
    code, out = shell("graph", "claims", "--dry-run", "--input", LOST, "--script", "claims/short.yaml", "--json")
    told = json.loads(out)
    assert (code, told["status"], told["error"]["code"]) == (1, "failed", "script_exhausted")
    assert [step["node"] for step in told["steps"]][:2] == ["intake", "triage"]


def test_the_picture_in_the_readme_is_the_drawn_one(shell: Shell) -> None:
    drawn = shell("graph", "claims")[1]
    assert f"```mermaid\n{drawn}```\n" in (EXAMPLE / "README.md").read_text()
