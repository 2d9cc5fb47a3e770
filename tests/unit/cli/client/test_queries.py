"""Reading commands over a journal file, with no server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeyman import tool
from journeyman.cli.client.queries import JournalFileQueries, Queries, queries
from journeyman.errors import NotFoundError
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer
from journeyman.settings import Settings
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


@tool(effects="once", approval="always")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def reader(path: Path) -> Queries:
    return queries(Settings.read(env_file=None, database_url=f"sqlite:///{path}"), None)


def test_lists_and_single_things_have_the_shape_of_the_api(journal_file: Path) -> None:
    found = reader(journal_file)
    assert isinstance(found, JournalFileQueries)
    (run,) = found.runs({}, 10)
    assert (run["status"], run["thread_id"], found.run(run["run_id"])["run_id"]) == ("finished", "t", run["run_id"])
    assert [event["seq"] for event in found.events(run["run_id"], 1, 2)] == [2, 3]
    assert [item["message"]["role"] for item in found.messages("t", 10)] == ["user", "assistant"]
    assert [thread["thread_id"] for thread in found.threads(10)] == ["t"]
    assert (found.approvals(10), found.runs({"status": "failed"}, 10)) == ([], [])


def test_what_is_not_there_is_not_found(journal_file: Path) -> None:
    for look in (lambda: reader(journal_file).run("run_9"), lambda: reader(journal_file).messages("nope", 1)):
        with pytest.raises(NotFoundError):
            look()


async def test_an_answered_approval_tells_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "answered.db"
    model = ScriptedModel(turns({"pay": {"amount": 5}}, "done"))
    async with RuntimeInMemory(model, [pay], journal=SqliteJournal(path)) as runtime:
        run_id = await runtime.start("pay 5")
        asked = (await runtime.runs.wait(run_id, 5)).approvals[0].id
        await runtime.runs.answer("local", run_id, [HumanAnswer(approval=asked, decision="deny")])
        await runtime.runs.wait(run_id, 5)
    await runtime.journal.close()
    found = await asyncio.to_thread(reader(path).approval, asked)
    assert [found[name] for name in ("run_id", "decision", "answered_by", "status")] == [
        run_id,
        "deny",
        "local",
        "finished",
    ]
    with pytest.raises(NotFoundError):
        await asyncio.to_thread(reader(path).approval, "appr_0")
