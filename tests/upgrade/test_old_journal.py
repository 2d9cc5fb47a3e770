"""A journal that 0.1 wrote (`record.py journal`) is read, goes on and stays whole under today's code.

Each test has its own copy. Time is what it was when the journal was recorded, and a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli_runner import Shell, shell_of, without_our_variables
from tests.upgrade.old_house import (
    JOURNAL,
    LAST_ANSWERS,
    UNDER_WAY,
    VARIABLES,
    AgentSpec,
    differing_events,
    notes,
    picture,
    served,
    unpack,
    verify_journal,
)

DAY = 24 * 3600.0
# An agent file that is read today has another default of `limits.tokens`, and so another version.
OF_NEW_DEFAULTS = re.compile(r"/agents?( \w+)?/.*(version: \w{16} is now \w{16}|limits/tokens: 100000 is now 1000000)$")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_our_variables(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpack(tmp_path)
    return tmp_path


def whole(folder: Path) -> None:
    """What `journeyman db verify` looks for is not there."""
    assert verify_journal(folder / "journal.db", 10) == []


def rows(folder: Path, query: str) -> list[Any]:
    with sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True) as db:
        return db.execute(query).fetchall()


def missing(recorded: Any, now: Any, at: str = "") -> Iterator[str]:
    """Where today says something else; what later releases have added does not count."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key, value in recorded.items():
            yield from missing(value, now.get(key, "(nothing)"), f"{at}/{key}")
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for place, pair in enumerate(zip(recorded, now, strict=True)):
            yield from missing(*pair, f"{at}/{place}")
    elif recorded != now:
        yield f"{at}: {str(recorded)[:300]} is now {str(now)[:300]}"


def test_the_file_is_one_and_small() -> None:
    assert [each.name for each in JOURNAL.parent.glob("*.sqlite*")] == [JOURNAL.name]
    assert JOURNAL.stat().st_size < 500_000


def test_it_is_whole_before_a_server_has_seen_it(folder: Path) -> None:
    command = [sys.executable, "-m", "journeyman", "db", "migrate"]
    env_free = {"DATABASE_URL": f"sqlite:///{folder / 'journal.db'}", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=env_free, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    command[-1:] = ["verify", str(folder / "journal.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is not damaged" in done.stdout


async def test_everything_at_rest_is_shown_as_it_was(folder: Path) -> None:
    recorded = json.loads((JOURNAL.parent / "shown.json").read_text(encoding="utf-8"))
    async with served(folder) as house:
        now = await picture(house)
    changed = missing(recorded, json.loads(json.dumps(now)))
    changed = [line for line in changed if not OF_NEW_DEFAULTS.match(line)]
    assert all(re.fullmatch(r"/keys/\d+/scopes: \[.*'run'.*\] is now \[.*, 'fork'\]", line) for line in changed), (
        changed
    )
    assert "4111111111111111" not in str(now)
    assert "4222222222222222" not in str(now)
    whole(folder)


def test_a_change_would_be_seen() -> None:
    recorded = {"a": [{"b": 1, "c": None}]}
    assert list(missing(recorded, {"a": [{"b": 1, "c": None, "new": 2}], "new": 3})) == []
    assert list(missing(recorded, {"a": [{"b": 1}]})) == ["/a/0/c: None is now (nothing)"]
    assert list(missing(recorded, {"a": []})) == ["/a: [{'b': 1, 'c': None}] is now []"]


def test_stored_definitions_are_read_and_written_as_they_stand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of agents with tools in code, of an MCP server's, with a variable, with a graph, and of a fork."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    found = rows(folder, "SELECT version, data FROM definitions")
    for version, data in found:
        spec = AgentSpec.decode(data, VARIABLES)
        assert spec.encode() == bytes(data)
        assert spec.version == version == hashlib.sha256(data).hexdigest()[:16]
    names = {json.loads(data)["name"] for _, data in found}
    assert names == {"desk", "old", "named", "brief", "boss", "clerk", "walk", "remote"}
    texts = b"".join(bytes(data) for _, data in found)
    assert b"You work for ${UPGRADE_SHOP}." in texts
    assert b"An old prompt." in texts


# --- what waited goes on

# run -> decision, what else is said, and what the run says in the end. A script begins anew with its process: the
# graph's and the parent's last node are answered by what was said at first when the journal was recorded.
ANSWERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "condition": ("approve", {}, "Eighty are refunded."),
    "old": ("approve", {}, "Eighty are refunded."),
    "named": ("deny", {}, "A human said no."),
    "sensitive_paused": ("approve", {}, "Seventy are charged."),
    "question": ("done", {"result": "L"}, "The shirt is ordered."),
    "remote": ("approve", {"arguments": {"text": "loud"}}, "Loud."),
    "graph": ("approve", {}, "Nothing to the left."),
    "unknown": ("done", {"result": "five came"}, "Five came, you say."),
    "direct_paused": ("approve", {}, '{"refunded":70.0,"order":"4"}'),
}


async def test_whatever_waits_takes_an_answer_and_goes_on(folder: Path) -> None:
    versions = dict(rows(folder, "SELECT id, version FROM runs"))
    async with served(folder) as house:
        for name, (decision, more, said) in ANSWERS.items():
            approval = await house.approval(name)
            assert decision in approval["decisions"]
            answer = await house.answer(name, decision, **more)
            assert answer.status in (200, 202), (name, answer.text)
            run = await house.until(house.runs[name], "finished")
            assert (name, run["response"], run["version"]) == (name, said, versions[house.runs[name]])
            body = {"answers": [{"approval": approval["approval"], "decision": decision, **more}]}
            again = await house.ask("ann", "POST", f"/runs/{house.runs[name]}/resume", body)
            assert again.json()["code"] == "approval_closed", again.text
        assert "Which size?" in str(await house.events(house.runs["question"]))
        assert "ordered shirt in L" in str(await house.events(house.runs["question"]))
        # Behind the run that had its thread another one waited.
        run = await house.until(house.runs["queued"], "finished")
        assert run["response"] == "Your turn has come."
    whole(folder)


async def test_a_parent_is_answered_for_its_child(folder: Path) -> None:
    async with served(folder) as house:
        parent = await house.get(f"/runs/{house.runs['parent']}")
        [waiting] = parent["approvals"]
        assert (parent["status"], waiting["run_id"]) == ("paused", house.runs["child"])
        assert (await house.answer("child", "approve", through="parent")).status in (200, 202)
        child = await house.until(house.runs["child"], "finished")
        run = await house.until(house.runs["parent"], "finished")
        assert (child["response"], run["response"]) == ("Sixty are refunded.", "refund 60 to the customer")
        left = [each["data"] for each in await house.events(run["run_id"]) if each["type"] == "node_left"]
        assert "Sixty are refunded." in [each.get("result") for each in left]
    whole(folder)


async def test_who_asks_does_not_answer_where_another_is_wanted(folder: Path) -> None:
    async with served(folder) as house:
        approval = await house.approval("of_another")
        assert (approval["answerer"], approval["requested_by"], approval["default"]) == ("other", "ann", "deny")
        refused = await house.answer("of_another", "approve")
        assert (refused.status, refused.json()["code"]) == (403, "answer_by_other")
        assert (await house.get(f"/runs/{house.runs['of_another']}"))["status"] == "paused"
        taken = await house.answer("of_another", "approve", "bob")
        assert taken.status in (200, 202), taken.text
        run = await house.until(house.runs["of_another"], "finished")
        assert run["response"] == "Five hundred are paid."
        given = [each["data"] for each in await house.events(run["run_id"]) if each["type"] == "approval_given"]
        assert [each["by"] for each in given] == ["bob"]
    whole(folder)


async def test_a_deadline_that_has_passed_gives_its_default(folder: Path) -> None:
    async with served(folder, later=2 * DAY) as house:
        denied = await house.until(house.runs["of_another"], "finished")
        approved = await house.until(house.runs["approved_by_default"], "finished")
        assert (denied["response"], approved["response"]) == ("A human said no.", "Ada has a gift.")
        for run, decision in ((denied, "deny"), (approved, "approve")):
            given = [each["data"] for each in await house.events(run["run_id"]) if each["type"] == "approval_given"]
            assert [(each["by"], each["decision"]) for each in given] == [("deadline", decision)]
        assert (await house.get(f"/runs/{house.runs['condition']}"))["status"] == "paused"  # it has none
    whole(folder)


async def test_an_answer_before_the_deadline_counts(folder: Path) -> None:
    async with served(folder, later=3600.0) as house:
        assert (await house.answer("approved_by_default", "deny", "bob")).status in (200, 202)
        run = await house.until(house.runs["approved_by_default"], "finished")
        assert run["response"] == "A human said no."


@pytest.mark.parametrize(
    ("decision", "said"), [("retry", "Five are wired."), ("fail", "Nobody knows.")], ids=["retry", "fail"]
)
async def test_money_that_nobody_knows_of(folder: Path, decision: str, said: str) -> None:
    async with served(folder) as house:
        assert (await house.approval("unknown"))["kind"] == "unknown_outcome"
        assert (await house.answer("unknown", decision)).status in (200, 202)
        assert (await house.until(house.runs["unknown"], "finished"))["response"] == said


async def test_a_run_under_a_later_releases_definition_is_left_as_it_is(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a roll-back: a later release has stored definitions with a key that is unknown today."""
    desk = folder / "shop/desk.yaml"
    desk.write_text(desk.read_text().replace("steps: 6", "steps: 7"))  # so that the stored version must be read
    with sqlite3.connect(folder / "journal.db") as db:
        db.execute('UPDATE definitions SET data = replace(data, \'"cache_scope":\', \'"shadow":true,"cache_scope":\')')
    runs = [notes()["runs"][name] for name in UNDER_WAY]
    query = f"SELECT stream, seq, type, data FROM events WHERE stream IN ({', '.join(map(repr, runs))})"
    before = rows(folder, query)
    async with served(folder) as house:
        async with asyncio.timeout(20):
            while not all(any(run in record.getMessage() for record in caplog.records) for run in runs):
                await asyncio.sleep(0.02)
        for run in runs:
            assert (await house.get(f"/runs/{run}"))["status"] == "running"
    assert rows(folder, query) == before
    lines = [record.getMessage() for record in caplog.records if "later release" in record.getMessage()]
    assert len(lines) == len(runs)
    assert all("unknown field `shadow`" in line for line in lines)
    whole(folder)


# --- what begins today is what began then

AGAIN = (
    "finished",
    "failed",
    "unasked",
    "sensitive",
    "remembered",
    "circle",
    "steps",
    "of_another",
    "approved_by_default",
    "condition",
    "sensitive_paused",
    "question",
    "named",
    "remote",
    "parent",
)
VARYING = (
    "version",
    "request_id",
    "trace_id",
    "caller_span",
    "error_id",
    "request_hash",
    "epoch",
    "latency_ms",
    "duration_ms",
)


def lasting(events: list[dict[str, Any]]) -> list[Any]:
    """Without times, and with names for ids in the order in which they come; a deadline counts from its event."""
    ids: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"{found[1][:4]}_{len(ids)}")

    kept = []
    for event in events:
        data = {name: value for name, value in event["data"].items() if name not in VARYING}
        data.pop("thread", None)
        data.pop("turn", None)  # which turn of its script: no release before kept it
        data.pop("credential", None)  # what started the run: no release before kept it
        data.pop("global_context", None)  # other runs of the same person have changed it
        data["model"] = str(data.get("model", "")).rpartition("/")[2]
        if "error" in data:
            data["error"] = {name: value for name, value in data["error"].items() if name not in VARYING}
        if "deadline" in data:
            data["deadline"] = round(_seconds(data["deadline"]) - _seconds(event["at"]))
        kept.append([event["seq"], event["type"], data])
    return json.loads(re.sub(r"\b(run_|appr_|call_[0-9]+_)[0-9a-f]+\b", named, json.dumps(kept)))


def _seconds(moment: Any) -> float:
    return datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment / 1_000_000


async def test_the_same_words_make_the_same_events(folder: Path) -> None:
    """Policies too: who may answer, deadlines and defaults, hashes of arguments and code, what is hidden."""
    recorded = json.loads((JOURNAL.parent / "shown.json").read_text(encoding="utf-8"))
    different: dict[str, list[Any]] = {}
    async with served(folder) as house:
        for name in AGAIN:
            then = recorded[f"{name}: events"]
            accepted = then[0]["data"]
            body = {"user_input": accepted["input"]["content"], "agent": accepted["agent"], "background": True}
            body |= {"thread_id": f"again-{name}", "context": accepted.get("context")}
            run = (await house.ask("ann", "POST", "/process", body)).json()["run_id"]
            await house.until(run, recorded[f"{name}: run"]["status"])
            for old, new in zip_longest(lasting(then), lasting(await house.events(run))):
                if old != new:
                    different.setdefault(name, []).append((old, new))
    today = {name: [new[1] for _, new in pairs] for name, pairs in different.items()}
    answer = ["limit_reached", "model_called", "model_replied", "run_finished"]  # at a limit there is a last answer
    assert today == {"circle": [answer[0], "tool_call_finished", *answer[1:]], "steps": answer}


# --- what was under way goes on


async def test_what_the_kill_caught_goes_on(folder: Path) -> None:
    known = notes()["runs"]
    before = {
        name: rows(folder, f"SELECT seq, type FROM event_log WHERE stream = '{known[name]}' ORDER BY seq")
        for name in UNDER_WAY
    }
    assert {events[-1][1] for events in before.values()} == {"tool_call_started", "model_called"}
    async with served(folder) as house:
        wiring = await house.until(house.runs["wiring"], "paused")
        assert [each["kind"] for each in wiring["approvals"]] == ["unknown_outcome"]
        for name, said in (
            ("posting", "Nobody knows."),
            ("putting", "It was put."),
            ("watching", "Birds were watched."),
            ("saying", "Said at last."),
        ):
            assert (await house.until(house.runs[name], "finished"))["response"] == said
        assert (await house.answer("wiring", "retry")).status in (200, 202)
        assert (await house.until(house.runs["wiring"], "finished"))["response"] == "Six are wired."
        for name, events in before.items():
            now = [(each["seq"], each["type"]) for each in await house.events(house.runs[name])]
            assert now[: len(events)] == events
            assert now[len(events)][1] == "run_resumed"
        started = [each for each in await house.events(house.runs["putting"]) if each["type"] == "tool_call_started"]
        assert [each["data"].get("attempt", 1) for each in started] == [1, 2]
        assert len({each["data"]["idempotency_key"] for each in started}) == 1
    whole(folder)


# --- who calls, and what was asked before


async def test_the_same_key_and_body_give_the_same_run(folder: Path) -> None:
    body = {"user_input": "whatever", "agent": "desk", "thread_id": "repeated"}
    async with served(folder) as house:
        count = len((await house.get("/threads/repeated/runs"))["items"])
        again = await house.ask("ann", "POST", "/process", body, idempotency_key="the-first-of-0.1")
        assert (again.status, again.json()["run_id"]) == (200, house.runs["repeated"])
        assert again.json()["response"] == "Whatever you say."
        other = await house.ask(
            "ann", "POST", "/process", {**body, "user_input": "else"}, idempotency_key="the-first-of-0.1"
        )
        assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")
        assert len((await house.get("/threads/repeated/runs"))["items"]) == count == 1
        made = {"thread_id": "made", "title": "A thread", "meta": {"shop": 1}}
        thread = await house.ask("ann", "POST", "/threads", made, idempotency_key="make-a-thread")
        assert (thread.status, thread.json()["thread_id"]) == (201, "made")
        assert (await house.ask("ann", "POST", "/threads", made)).json()["code"] == "thread_exists"


async def test_keys_open_what_they_opened(folder: Path) -> None:
    async with served(folder) as house:
        mine = house.runs["finished"]
        for who, status in (("ann", 200), ("bob", 404), ("shop", 404), ("root", 404), ("gone", 401)):
            assert (await house.ask(who, "GET", f"/runs/{mine}")).status == status, who
        assert (await house.ask("shop", "GET", "/approvals")).json()["code"] == "missing_scope"
        assert (await house.ask("ann", "GET", "/keys")).json()["code"] == "missing_scope"
        assert (await house.ask("ann", "GET", "/threads/erased")).status == 404
        turned = await house.ask("root", "POST", "/keys/" + house.keys["ann"].split("_")[1] + "/rotate", {})
        assert turned.status in (200, 201), turned.text
        house.keys["ann"] = turned.json()["key"]
        assert (await house.get(f"/runs/{mine}"))["status"] == "finished"


async def test_a_new_message_on_an_old_thread_sees_what_was_said(folder: Path) -> None:
    async with served(folder) as house:
        numbers = [each["no"] for each in (await house.get("/threads/brief/messages"))["items"]]
        body = {"user_input": "look up 42", "agent": "desk", "thread_id": "brief"}
        said = (await house.ask("ann", "POST", "/process", body)).json()
        assert said["response"] == "Order 42 was sent."
        now = [each["no"] for each in (await house.get("/threads/brief/messages"))["items"]]
        assert sorted(now) == list(range(1, len(numbers) + 5))
        forked = await house.ask("ann", "POST", f"/runs/{house.runs['approved']}/fork", {"at": 5})
        assert forked.status == 202, forked.text
        run = await house.until(forked.json()["run_id"], "paused")
        assert [each["tool"] for each in run["approvals"]] == ["refund"]
    whole(folder)


# --- the command line beside it


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for name, value in {**VARIABLES, "DATABASE_URL": f"sqlite:///{folder / 'journal.db'}"}.items():
        monkeypatch.setenv(name, value)
    with shell_of(capsys) as run:
        assert run("db", "migrate")[0] == 0
        yield run


# Some of each kind. 0.1 itself cannot play two of them again, so they are not here: `question` (a call that waits for
# its answer), and `graph` (a branch whose code calls a tool: where the call begins depends on who was faster).
REPLAYED = (
    "finished",
    "failed",
    "cancelled",
    "approved",
    "circle",
    "steps",
    "brief_three",
    "sensitive_paused",
    "unknown",
    "remote",
    "parent",
    "direct",
)


def test_a_run_decides_today_as_it_did(shell: Callable[..., tuple[int, str]], folder: Path) -> None:
    """`journeyman runs replay` plays each run anew, with today's agent and code, and finds no difference."""
    different = {}
    for name in REPLAYED:
        code, said = shell("runs", "replay", notes()["runs"][name], str(folder / "shop"))
        if code:
            different[name] = differing_events(said)
    assert different == LAST_ANSWERS


def test_a_changed_prompt_is_the_difference_that_replay_finds(shell: Callable[..., tuple[int, str]]) -> None:
    code, said = shell("runs", "replay", notes()["runs"]["old"], "shop")
    assert code == 1
    assert "- An old prompt." in said
    assert "+ A new prompt." in said


def test_runs_are_listed_and_shown_by_the_command_line(shell: Callable[..., tuple[int, str]]) -> None:
    runs = notes()["runs"]
    code, said = shell("runs", "list", "--json", "--principal", "ann")
    assert code == 0
    assert {each["run_id"] for each in json.loads(said)["items"]} <= set(runs.values())
    assert shell("runs", "show", runs["graph"])[0] == 0
    code, said = shell("runs", "events", runs["sensitive"], "--json")
    assert (code, "[sensitive]" in said, "4111111111111111" in said) == (0, True, False)
